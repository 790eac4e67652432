//! Canary and blue-green on this machine: what they serve, when they are taken back, and what is left of them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use plimsoll_deploy::judge::{Rules, Verdict};
use plimsoll_deploy::{CanaryStep, Strategy, Watch};
use plimsoll_local::{Ending, Event, Outcome, Phase, ProcessKind};

use crate::project::{Project, Spec, answer, kill, wait};

fn two() -> Spec {
    Spec {
        release: "two",
        ..Spec::plain()
    }
}

fn blue_green(keep_warm_ms: u64) -> Strategy {
    Strategy::BlueGreen {
        keep_warm_ms,
        judge_ms: 0,
    }
}

fn canary(share: u32, hold_ms: u64) -> Strategy {
    Strategy::Canary {
        steps: vec![CanaryStep { share, hold_ms }],
    }
}

/// The first release in force, and changes by `strategy` from then on.
fn in_force(strategy: Strategy) -> Option<Project> {
    let mut project = Project::new(&Spec::plain())?;
    assert_eq!(project.up().ending, Ending::InForce);
    project.strategy = strategy;
    project.rules = Rules {
        samples: 50,
        ..Rules::default()
    };
    Some(project)
}

/// Clients who ask all the time, and remember what they got: status and body.
struct Crowd {
    over: Arc<AtomicBool>,
    seen: Arc<Mutex<Vec<(u16, String)>>>,
    threads: Vec<JoinHandle<()>>,
}

impl Crowd {
    fn start(port: u16) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let seen: Arc<Mutex<Vec<_>>> = Arc::default();
        let threads = (0..3)
            .map(|_| {
                let (over, seen) = (Arc::clone(&over), Arc::clone(&seen));
                std::thread::spawn(move || {
                    while !over.load(Ordering::Relaxed) {
                        let answer = answer(port, "/release");
                        seen.lock().unwrap().push(answer);
                    }
                })
            })
            .collect();
        Self {
            over,
            seen,
            threads,
        }
    }

    fn end(self) -> Vec<(u16, String)> {
        self.over.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().unwrap();
        }
        std::mem::take(&mut *self.seen.lock().unwrap())
    }
}

fn undone(outcome: &Outcome) -> &str {
    let Ending::Undone { message, .. } = &outcome.ending else {
        panic!("{outcome:?}")
    };
    message
}

/// The first release serves, by its own replicas and no others, and no change is open.
fn assert_is_as_before(project: &Project, replicas: &[u32]) {
    assert_eq!(project.get("/release"), "one");
    assert_eq!(project.pids(ProcessKind::Replica), replicas);
    let mut left = false;
    let again = project.up_with(&mut |event| left |= matches!(event, Event::Unfinished { .. }));
    assert_eq!(again.ending, Ending::Unchanged);
    assert!(!left, "a change is open");
}

#[test]
fn what_blue_green_keeps_warm_takes_the_requests_back_without_a_start() {
    let Some(project) = in_force(blue_green(3_600_000)) else {
        return;
    };
    let first = project.pids(ProcessKind::Replica);
    let crowd = Crowd::start(project.port);
    let release = project.up_bundle(&two()).release;
    assert_eq!(project.get("/release"), "two");
    assert_eq!(project.header("x-table"), "two");
    assert_eq!(project.phase(), Phase::Up);
    let kept = project.local.releases().unwrap();
    let shown: Vec<_> = kept.iter().map(|one| (one.in_force, one.warm)).collect();
    assert_eq!(shown, [(true, false), (false, true)]);
    assert_eq!(kept[0].release.id, release);
    let all = project.pids(ProcessKind::Replica);
    assert!(
        all.len() == 4 && first.iter().all(|pid| all.contains(pid)),
        "{all:?}"
    );
    assert_eq!(
        project.up_bundle(&two()).ending,
        Ending::Unchanged,
        "and stays warm"
    );
    assert_eq!(project.pids(ProcessKind::Replica), all);

    let outcome = project.local.roll_back(None, &mut |_| {}).unwrap();
    assert_eq!(outcome.ending, Ending::InForce);
    eprintln!("back to what was warm in {:?}", outcome.took);
    assert_eq!(project.header("x-table"), "one");
    let seen = crowd.end();
    assert!(
        seen.iter().all(|(status, _)| *status == 200),
        "a request failed"
    );
    assert_is_as_before(&project, &first);
}

#[test]
fn what_is_kept_warm_is_ended_when_its_time_is_over() {
    let Some(project) = in_force(blue_green(1)) else {
        return;
    };
    project.up_bundle(&two());
    wait("the end of the old replicas", || {
        project.pids(ProcessKind::Replica).len() == 2
    });
    assert_eq!(project.get("/release"), "two");
    let back = project.local.roll_back(None, &mut |_| {}).unwrap();
    assert_eq!(back.ending, Ending::InForce, "it is started again");
    assert_eq!(project.get("/release"), "one");
    assert_eq!(project.pids(ProcessKind::Replica).len(), 2);
    assert!(
        project.local.roll_back(None, &mut |_| {}).is_err(),
        "nothing was before it"
    );
}

#[test]
fn a_canary_that_is_no_worse_gets_everything_and_nobody_notices() {
    let Some(project) = in_force(canary(300, 2000)) else {
        return;
    };
    let crowd = Crowd::start(project.port);
    let mut verdicts = Vec::new();
    let outcome = project.up_spec(&two(), &mut |event| {
        if let Event::Judged { verdict, .. } = event {
            verdicts.push(verdict);
        }
    });
    assert_eq!(outcome.ending, Ending::InForce, "{verdicts:?}");
    let seen = crowd.end();
    assert!(
        seen.iter().all(|(status, _)| *status == 200),
        "a request failed"
    );
    for release in ["one", "two"] {
        assert!(seen.iter().any(|(_, body)| body == release));
    }
    let Some(Verdict::Good { services }) = verdicts.last() else {
        panic!("{verdicts:?}")
    };
    let api = &services[0];
    assert!(api.canary.requests >= 50 && api.fresh.requests >= 50 && api.stable.requests >= 50);
    assert_eq!(project.pids(ProcessKind::Replica).len(), 2);
    for _ in 0..5 {
        assert_eq!(project.get("/release"), "two");
    }
    assert_eq!(project.up_bundle(&two()).ending, Ending::Unchanged);
}

#[test]
fn a_canary_that_fails_requests_is_taken_back_with_the_numbers() {
    let Some(project) = in_force(canary(300, 60_000)) else {
        return;
    };
    let first = project.pids(ProcessKind::Replica);
    let crowd = Crowd::start(project.port);
    let outcome = project.up_bundle(&Spec {
        command: "serve-ill",
        ..two()
    });
    let seen = crowd.end();
    let message = undone(&outcome);
    assert!(
        message.contains("is worse: failed requests of api: "),
        "{message}"
    );
    assert!(message.contains("of the stable replicas)"), "{message}");
    let failed = seen.iter().filter(|(status, _)| *status != 200).count();
    assert!(failed * 3 < seen.len(), "{failed} of {} failed", seen.len());
    assert_is_as_before(&project, &first);
}

#[test]
fn a_canary_that_is_slow_is_taken_back_with_the_numbers() {
    let Some(project) = in_force(canary(300, 120_000)) else {
        return;
    };
    let first = project.pids(ProcessKind::Replica);
    let crowd = Crowd::start(project.port);
    let outcome = project.up_bundle(&Spec {
        command: "serve-slow",
        ..two()
    });
    let seen = crowd.end();
    let message = undone(&outcome);
    assert!(message.contains("is worse: p99 of api: "), "{message}");
    assert!(message.contains("of the fresh replicas)"), "{message}");
    assert!(
        seen.iter().all(|(status, _)| *status == 200),
        "a request failed"
    );
    assert_is_as_before(&project, &first);
}

#[test]
fn a_canary_that_dies_is_taken_back_with_its_last_words() {
    let Some(project) = in_force(canary(300, 60_000)) else {
        return;
    };
    let first = project.pids(ProcessKind::Replica);
    let crowd = Crowd::start(project.port);
    let outcome = project.up_bundle(&Spec {
        command: "serve-mortal",
        ..two()
    });
    crowd.end();
    let message = undone(&outcome);
    assert!(message.contains("ended with code 7 after "), "{message}");
    let Ending::Undone { hint, .. } = &outcome.ending else {
        unreachable!()
    };
    assert!(
        hint.as_deref()
            .unwrap_or_default()
            .contains("enough of this"),
        "{hint:?}"
    );
    assert_is_as_before(&project, &first);
}

#[test]
fn a_canary_that_nobody_asks_is_taken_back() {
    let Some(project) = in_force(canary(300, 200)) else {
        return;
    };
    let first = project.pids(ProcessKind::Replica);
    let outcome = project.up_bundle(&two());
    let message = undone(&outcome);
    assert!(
        message.contains("not enough requests: 0 of 50"),
        "{message}"
    );
    assert_is_as_before(&project, &first);
}

#[derive(Debug, Default)]
struct Onlooker(AtomicBool);

impl Watch for Onlooker {
    fn verdict(&self) -> Option<String> {
        let enough = self.0.load(Ordering::Relaxed);
        enough.then(|| "7 of 100 requests failed".to_owned())
    }
}

#[test]
fn an_onlooker_ends_a_canary_that_is_held() {
    let Some(project) = in_force(canary(300, 3_600_000)) else {
        return;
    };
    let first = project.pids(ProcessKind::Replica);
    let onlooker = Arc::new(Onlooker::default());
    let mut request = project.request(&two());
    request.watch = Some(Arc::clone(&onlooker) as Arc<dyn Watch>);
    let outcome = project
        .local
        .deploy(&request, &mut |event| {
            if matches!(event, Event::Judged { .. }) {
                onlooker.0.store(true, Ordering::Relaxed);
            }
        })
        .unwrap();
    assert_eq!(undone(&outcome), "7 of 100 requests failed");
    assert_is_as_before(&project, &first);
}

#[test]
fn a_change_that_takes_longer_than_its_time_is_taken_back() {
    let Some(project) = in_force(canary(300, 3_600_000)) else {
        return;
    };
    let first = project.pids(ProcessKind::Replica);
    let mut request = project.request(&two());
    request.within = Some(Duration::from_secs(4));
    let outcome = project.local.deploy(&request, &mut |_| {}).unwrap();
    let message = undone(&outcome);
    assert!(
        message.contains("the whole change took longer than 4s"),
        "{message}"
    );
    assert_is_as_before(&project, &first);
}

#[test]
fn scaling_reaches_the_replicas_that_have_the_requests() {
    let Some(project) = in_force(blue_green(3_600_000)) else {
        return;
    };
    project.up_bundle(&two());
    project.local.scale("api", 3, &mut |_| {}).unwrap();
    assert_eq!(project.pids(ProcessKind::Replica).len(), 5);
    project.local.scale("api", 1, &mut |_| {}).unwrap();
    assert_eq!(project.pids(ProcessKind::Replica).len(), 3);
    assert_eq!(project.get("/release"), "two");
}

#[test]
fn what_is_kept_warm_outlives_the_supervisor_and_ends_with_the_next_change() {
    let Some(project) = in_force(blue_green(3_600_000)) else {
        return;
    };
    project.up_bundle(&two());
    let all = project.pids(ProcessKind::Replica);
    kill(project.pids(ProcessKind::Supervisor)[0]);
    assert_eq!(project.up_bundle(&two()).ending, Ending::Unchanged);
    assert_eq!(project.pids(ProcessKind::Replica), all);
    assert_eq!(project.get("/release"), "two");
    let three = Spec {
        release: "three",
        ..Spec::plain()
    };
    assert_eq!(project.up_bundle(&three).ending, Ending::InForce);
    assert_eq!(project.get("/release"), "three");
    let now = project.pids(ProcessKind::Replica);
    assert_eq!(now.len(), 4, "the third, and the second kept warm");
    assert_eq!(now.iter().filter(|pid| all.contains(pid)).count(), 2);
    let kept = project.local.releases().unwrap();
    assert_eq!(kept.iter().filter(|one| one.warm).count(), 1);
}

/// The file says `rollout.undo = false`.
#[test]
fn a_change_that_is_not_to_be_undone_stops_where_the_release_before_has_all_requests() {
    let Some(mut project) = in_force(canary(300, 60_000)) else {
        return;
    };
    let first = project.up().release;
    let stable = project.pids(ProcessKind::Replica);
    project.undo = false;
    let crowd = Crowd::start(project.port);
    let ill = Spec {
        command: "serve-ill",
        ..two()
    };
    for begun in [true, false] {
        // The second one goes on with what the first has left, fails as well, and leaves nothing of its own.
        let outcome = project.up_bundle(&ill);
        let Ending::Stopped {
            message,
            standing,
            in_force,
            ..
        } = &outcome.ending
        else {
            panic!("{outcome:?}")
        };
        assert!(message.contains("is worse"), "{message}");
        let canaries = standing.iter().any(|step| step.contains("canary replica"));
        assert_eq!(canaries, begun, "{standing:?}");
        assert_eq!(in_force.as_ref(), Some(&first));
        for _ in 0..10 {
            assert_eq!(project.get("/release"), "one");
        }
        let standing = project.pids(ProcessKind::Replica);
        assert!(standing.len() > stable.len(), "the canary is still there");
    }
    let mut said = None;
    let back = project
        .local
        .roll_back(None, &mut |event| {
            if let Event::Standing { because, .. } = event {
                said = Some(because);
            }
        })
        .unwrap();
    assert!(said.is_some_and(|because| because.contains("is worse")));
    assert_eq!((back.release, back.ending), (first, Ending::InForce));
    crowd.end();
    assert_is_as_before(&project, &stable);
}

#[test]
fn a_release_that_was_mended_replaces_what_the_failed_one_left_standing() {
    let Some(mut project) = in_force(blue_green(0)) else {
        return;
    };
    project.undo = false;
    let outcome = project.up_bundle(&Spec {
        command: "fail",
        ..two()
    });
    assert!(
        matches!(outcome.ending, Ending::Stopped { .. }),
        "{outcome:?}"
    );
    assert_eq!(project.get("/release"), "one");
    let three = Spec {
        release: "three",
        ..Spec::plain()
    };
    assert_eq!(project.up_bundle(&three).ending, Ending::InForce);
    assert_eq!(project.get("/release"), "three");
    assert_eq!(project.pids(ProcessKind::Replica).len(), 2);
    let mut left = false;
    let again = project.up_spec(&three, &mut |event| {
        left |= matches!(event, Event::Standing { .. });
    });
    assert_eq!(again.ending, Ending::Unchanged);
    assert!(!left, "nothing stands any more");
}
