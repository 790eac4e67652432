//! Single decisions against numbers worked out by hand, a recorded load against a second implementation, and what holds
//! for every load.

mod reference;

use proptest::prelude::*;

use super::*;

const MINUTE: u64 = 60_000;
/// Long after every start.
const LATER: u64 = 100 * MINUTE;

fn metric(percent: u32) -> Metric {
    Metric {
        resource: Resource::Cpu,
        target: percent * 1000,
        requested: 1000,
    }
}

/// A replica that has been ready for long and used so much of one CPU in the last 15 s.
fn replica(millis: u64) -> Replica {
    Replica {
        standing: Standing::Running,
        started_ms: 0,
        ready: true,
        since_ms: MINUTE,
        cpu: Some(Cpu {
            millis,
            at_ms: LATER,
            window_ms: EVERY_MS,
        }),
        memory_bytes: Some(64 << 20),
    }
}

/// One that has never been ready.
fn unready(millis: u64) -> Replica {
    Replica {
        ready: false,
        since_ms: 0,
        ..replica(millis)
    }
}

/// One that has been ready for a second and was starting for most of what was measured.
fn hot(millis: u64) -> Replica {
    Replica {
        started_ms: LATER - MINUTE,
        since_ms: LATER - 1000,
        ..replica(millis)
    }
}

fn missing() -> Replica {
    Replica {
        cpu: None,
        memory_bytes: None,
        ..replica(0)
    }
}

fn leaving() -> Replica {
    Replica {
        standing: Standing::Leaving,
        ..replica(5000)
    }
}

fn pending() -> Replica {
    Replica {
        standing: Standing::Pending,
        ..missing()
    }
}

fn proposed(percent: u32, current: u32, replicas: Vec<Replica>) -> (Option<u32>, Ruling) {
    let look = Look {
        at_ms: LATER,
        current,
        replicas,
    };
    let proposal = metric::propose(&metric(percent), &look);
    (proposal.replicas, proposal.ruling)
}

#[test]
fn each_metric_asks_for_what_the_formula_says() {
    use Ruling::{Cautious, Doubtful, Formula, Near, Nothing};
    let ready = |used: &[u64]| used.iter().map(|&one| replica(one)).collect::<Vec<_>>();
    let and = |used: &[u64], more: Vec<Replica>| [ready(used), more].concat();
    for (percent, current, replicas, expected) in [
        // 50 % of 30 %: 1.67 times 3.
        (30, 3, ready(&[300, 500, 700]), (Some(5), Formula)),
        // 28 % of 50 %: 0.56 times 5.
        (50, 5, ready(&[100, 300, 500, 250, 250]), (Some(3), Formula)),
        // 1.1 and 0.9 are near enough, the next percent is not.
        (100, 2, ready(&[1100, 1100]), (Some(2), Near)),
        (100, 2, ready(&[1110, 1110]), (Some(3), Formula)),
        (100, 2, ready(&[900, 900]), (Some(2), Near)),
        (100, 2, ready(&[899, 899]), (Some(2), Formula)),
        // Whole percents, rounded down: 110.99 % is 110.
        (100, 2, ready(&[1109, 1110]), (Some(2), Near)),
        // Nothing is used: nobody is needed.
        (50, 3, ready(&[0, 0, 0]), (Some(0), Formula)),
        // 60 % of 30 % without the first, 40 % with it idle: 1.33 times 3.
        (
            30,
            3,
            and(&[500, 700], vec![unready(300)]),
            (Some(4), Cautious),
        ),
        (30, 3, and(&[500, 700], vec![hot(300)]), (Some(4), Cautious)),
        // 1.25 with one that counts; with two idle ones 0.42: it argues for the opposite, and is not heard.
        (
            40,
            3,
            and(&[500], vec![unready(400), unready(700)]),
            (Some(3), Doubtful),
        ),
        // Those that leave count for nothing.
        (
            30,
            2,
            and(&[500, 700], vec![leaving(), leaving()]),
            (Some(4), Formula),
        ),
        // 0.24 with two that are seen, 0.62 with the others at all they may: 2.48.
        (
            100,
            4,
            and(&[400, 95], vec![missing(), missing()]),
            (Some(3), Cautious),
        ),
        (100, 2, and(&[1000], vec![missing()]), (Some(2), Doubtful)),
        (100, 2, and(&[1900], vec![missing()]), (Some(2), Doubtful)),
        (100, 2, and(&[600], vec![missing()]), (Some(2), Cautious)),
        // 4 alone, 1.32 with one that is not seen and one that is not ready, both idle: 3.96.
        (
            50,
            3,
            and(&[2000], vec![unready(100), missing()]),
            (Some(4), Cautious),
        ),
        // 0.2 of two; the third is not seen and taken for busy: 0.8 of three. The unready one stays out.
        (
            50,
            4,
            and(&[100, 100], vec![unready(100), missing()]),
            (Some(3), Cautious),
        ),
        (
            50,
            3,
            and(&[450], vec![unready(100), missing()]),
            (Some(3), Doubtful),
        ),
        (50, 2, and(&[900], vec![pending()]), (Some(2), Doubtful)),
        (50, 2, vec![missing(), pending()], (None, Nothing)),
        (50, 2, vec![], (None, Nothing)),
    ] {
        let found = proposed(percent, current, replicas.clone());
        assert_eq!(found, expected, "{percent} % of {current}: {replicas:?}");
    }
}

#[test]
fn memory_counts_whether_a_replica_is_ready_or_not() {
    let look = Look {
        at_ms: LATER,
        current: 2,
        replicas: vec![replica(0), unready(0)],
    };
    let memory = Metric {
        resource: Resource::Memory,
        target: 50_000,
        requested: 64 << 20,
    };
    let proposal = metric::propose(&memory, &look);
    assert_eq!((proposal.replicas, proposal.ready), (Some(4), 2));
    assert_eq!(proposal.utilisation, Some(100));
}

#[test]
fn the_largest_counts_and_what_is_not_known_forbids_only_to_shrink() {
    let memory = Metric {
        resource: Resource::Memory,
        target: 80_000,
        requested: 64 << 20,
    };
    let rules = Rules::new(1, 10, vec![metric(50), memory]);
    let decide = |millis: u64, memory_bytes: Option<u64>| {
        let one = Replica {
            memory_bytes,
            ..replica(millis)
        };
        let look = Look {
            at_ms: LATER,
            current: 4,
            replicas: vec![one; 4],
        };
        Autoscaler::default().decide(&rules, &look)
    };
    // By memory 5, by CPU 8 or 4.
    assert_eq!(decide(1000, Some(64 << 20)).to, 8);
    assert_eq!(decide(500, Some(64 << 20)).to, 5);
    assert_eq!(decide(1000, None).to, 8);
    let held = decide(10, None);
    assert_eq!((held.to, held.bounds), (4, vec![Bound::Unknown]));
}

#[test]
fn bounds_of_the_file_come_first_and_zero_switches_off() {
    let rules = Rules::new(2, 4, vec![metric(50)]);
    let decide = |current: u32| {
        let look = Look {
            at_ms: LATER,
            current,
            replicas: Vec::new(),
        };
        let decision = Autoscaler::default().decide(&rules, &look);
        (decision.to, decision.bounds[0])
    };
    assert_eq!(decide(0), (0, Bound::Off));
    assert_eq!(decide(1), (2, Bound::Outside));
    assert_eq!(decide(9), (4, Bound::Outside));
    assert_eq!(decide(3), (3, Bound::Unknown));
}

#[test]
fn a_decision_says_on_what_it_was_made() {
    let rules = Rules::new(1, 3, vec![metric(50)]);
    let look = Look {
        at_ms: LATER,
        current: 2,
        replicas: vec![replica(1000), replica(1000), missing()],
    };
    let decision = Autoscaler::default().decide(&rules, &look);
    assert_eq!(
        decision.to_string(),
        "2 to 3 replicas; cpu 100 % of 50 %: 4 replicas (2 counted, 1 not seen); the file allows no more"
    );
    let json = serde_json::to_value(&decision).unwrap();
    assert_eq!(json["proposals"][0]["ruling"], "cautious");
    assert_eq!(json["bounds"][0]["bound"], "max");
}

/// A service under a load: so much CPU in all is asked for, each replica gives at most one and a half, and is ready two
/// looks after it was asked for.
struct Service {
    replicas: Vec<Replica>,
}

impl Service {
    fn look(&mut self, at_ms: u64, current: u32, demand: u64) -> Look {
        let wanted = current as usize;
        self.replicas.truncate(wanted);
        while self.replicas.len() < wanted {
            self.replicas.push(Replica {
                started_ms: at_ms,
                ready: false,
                since_ms: at_ms,
                ..missing()
            });
        }
        for replica in &mut self.replicas {
            if !replica.ready && replica.started_ms + 2 * EVERY_MS <= at_ms {
                (replica.ready, replica.since_ms) = (true, at_ms);
            }
        }
        let ready = self.replicas.iter().filter(|replica| replica.ready).count();
        let share = demand / u64::try_from(ready.max(1)).unwrap();
        for replica in &mut self.replicas {
            let millis = if replica.ready { share.min(1500) } else { 900 };
            let cpu = Cpu {
                millis,
                at_ms,
                window_ms: EVERY_MS,
            };
            replica.cpu = (replica.started_ms < at_ms).then_some(cpu);
        }
        Look {
            at_ms,
            current,
            replicas: self.replicas.clone(),
        }
    }
}

/// Runs a load against both implementations; the counts after each look.
fn run(rules: &Rules, start: u32, load: &[u64]) -> Vec<u32> {
    let mut service = Service {
        replicas: vec![replica(0); start as usize],
    };
    let mut autoscaler = Autoscaler::default();
    let mut reference = reference::Controller::new(rules);
    let mut current = start;
    let mut counts = Vec::new();
    for (at, &demand) in (0..).map(|number| LATER + number * EVERY_MS).zip(load) {
        let look = service.look(at, current, demand);
        let decision = autoscaler.decide(rules, &look);
        let expected = reference.reconcile(&look);
        assert_eq!(decision.to, expected, "{decision} at {at}");
        if decision.to != current {
            autoscaler.changed(at, current, decision.to);
        }
        current = decision.to;
        counts.push(current);
    }
    counts
}

/// A day of a shop in four hours: nights, a morning, a peak, an hour of nothing, a burst. In thousandths of a CPU, each
/// for so many looks.
const RECORDED: &[(usize, u64)] = &[
    (40, 300),
    (20, 900),
    (20, 1600),
    (60, 4200),
    (10, 9000),
    (60, 5200),
    (80, 700),
    (3, 12_000),
    (60, 400),
    (40, 2500),
    (100, 0),
];

#[test]
fn a_recorded_load_is_followed_step_by_step_as_kubernetes_would() {
    let load: Vec<u64> = RECORDED
        .iter()
        .flat_map(|&(looks, demand)| vec![demand; looks])
        .collect();
    let counts = run(&Rules::new(2, 12, vec![metric(70)]), 2, &load);
    assert_eq!(counts.iter().max(), Some(&12));
    assert_eq!(counts.last(), Some(&2));
}

#[test]
fn a_step_goes_up_at_once_and_down_by_a_quarter_each_minute_after_five() {
    let mut load = vec![5600; 30];
    load.extend(vec![0; 50]);
    let counts = run(&Rules::new(1, 20, vec![metric(70)]), 2, &load);
    // 1.5 CPUs each are all that two can use: 150 % of 70 %. New ones count once all that was measured is after the
    // moment at which they were ready.
    assert_eq!(counts[..5], [5, 5, 5, 5, 8]);
    let top = counts[29];
    assert_eq!(top, 8);
    // 300 s are 20 looks; the last that asked for 8 is the 30th.
    assert!(counts[30..49].iter().all(|&count| count == 8), "{counts:?}");
    let falls: Vec<(usize, u32)> = (49..80)
        .filter(|&look| counts[look] < counts[look - 1])
        .map(|look| (look, counts[look]))
        .collect();
    assert_eq!(falls, [(49, 6), (53, 4), (57, 3), (61, 2), (65, 1)]);
}

fn replicas() -> impl Strategy<Value = Vec<Replica>> {
    let one = (0_u64..3000, 0_u8..10).prop_map(|(millis, kind)| match kind {
        0 => unready(millis),
        1 => hot(millis),
        2 => missing(),
        3 => leaving(),
        4 => pending(),
        _ => replica(millis),
    });
    prop::collection::vec(one, 0..20)
}

proptest! {
    #[test]
    fn no_look_leads_out_of_the_bounds_and_the_reference_agrees(
        looks in prop::collection::vec((replicas(), 0_u64..8), 1..40),
        (min, more) in (1_u32..5, 0_u32..20),
        percent in 1_u32..200,
        start in 1_u32..20,
    ) {
        let rules = Rules::new(min, min + more, vec![metric(percent)]);
        let mut autoscaler = Autoscaler::default();
        let mut reference = reference::Controller::new(&rules);
        let (mut current, mut at) = (start, LATER);
        for (replicas, wait) in looks {
            at += wait * EVERY_MS;
            let look = Look { at_ms: at, current, replicas };
            let decision = autoscaler.decide(&rules, &look);
            prop_assert!((rules.min..=rules.max).contains(&decision.to), "{}", decision);
            prop_assert_eq!(decision.to, reference.reconcile(&look), "{}", decision);
            if decision.to != current {
                autoscaler.changed(at, current, decision.to);
            }
            current = decision.to;
        }
    }

    #[test]
    fn more_load_never_asks_for_fewer(
        used in prop::collection::vec(0_u64..3000, 1..20),
        more in 0_u64..2000,
        percent in 1_u32..200,
    ) {
        let current = u32::try_from(used.len()).unwrap();
        let asked = |more: u64| {
            let replicas = used.iter().map(|&one| replica(one + more)).collect();
            proposed(percent, current, replicas).0.unwrap()
        };
        prop_assert!(asked(more) >= asked(0));
    }

    #[test]
    fn a_replica_that_is_not_seen_never_argues_for_a_change(
        used in prop::collection::vec(0_u64..3000, 1..20),
        percent in 1_u32..200,
    ) {
        let current = u32::try_from(used.len()).unwrap() + 1;
        let seen = |last: Replica| {
            let mut replicas: Vec<Replica> = used.iter().map(|&one| replica(one)).collect();
            replicas.push(last);
            proposed(percent, current, replicas).0.unwrap()
        };
        let asked = seen(missing());
        // An idle one argues most against more, a busy one most against fewer.
        let busy = u64::from(percent.max(100)) * 10;
        prop_assert!(asked <= seen(replica(0)).max(current));
        prop_assert!(asked >= seen(replica(busy)).min(current));
    }
}
