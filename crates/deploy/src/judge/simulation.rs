//! Releases that were never made, judged by the thousand: how often an equal one is undone, and how many requests it
//! takes to see a bad one. Seeds are fixed, so that a run is the same everywhere.

use std::collections::BTreeMap;

use plimsoll_bundle::endpoints::Cohort;

use super::{Decision, Judge, Rules, Sample, Verdict};

/// Width of a bucket, as the gateway has it.
const WIDTH: f64 = 1.03;

/// Numbers by a linear congruence (Knuth's MMIX), good enough to throw dice.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u32 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        u32::try_from(self.0 >> 33).unwrap()
    }

    /// Evenly from 0 to below `bound`.
    fn below(&mut self, bound: u32) -> u32 {
        self.next() % bound
    }

    fn hits(&mut self, ppm: u32) -> bool {
        self.below(1_000_000) < ppm
    }
}

/// What the world does to an app and its canary.
#[derive(Clone, Copy)]
struct World {
    /// Requests a second of the canary (the fresh cohort has as many) and of the stable cohort.
    rates: (u32, u32),
    /// Failed requests of the canary beyond those of all, in parts per million.
    errors_ppm: u32,
    /// How many of its slowest requests, in permille, take twice as long in the canary.
    doubled_permille: u32,
    /// Seconds in which all fail and dawdle at once.
    storms: bool,
    /// Newly started replicas are three times as slow at first.
    cold: bool,
    /// Any replica may stand still for a second or two.
    hiccups: bool,
}

const CALM: World = World {
    rates: (8, 24),
    errors_ppm: 0,
    doubled_permille: 0,
    storms: false,
    cold: false,
    hiccups: false,
};

/// Latencies by rank, in buckets' numbers: a log-normal distribution around 10 ms, as of most services.
fn ranks() -> Vec<i32> {
    let mut dice = Dice(7);
    let mut logs: Vec<f64> = (0..2000)
        .map(|_| {
            let sum: f64 = (0..12)
                .map(|_| f64::from(dice.below(10_000)) / 10_000.0)
                .sum();
            10_000.0_f64.ln() + (sum - 6.0) * 0.5
        })
        .collect();
    logs.sort_by(f64::total_cmp);
    #[expect(clippy::cast_possible_truncation, reason = "a few hundred buckets")]
    logs.into_iter()
        .map(|log| (log / WIDTH.ln()) as i32)
        .collect()
}

/// Buckets by which something takes `factor` times as long.
#[expect(clippy::cast_possible_truncation, reason = "a few dozen buckets")]
fn times(factor: f64) -> i32 {
    (factor.ln() / WIDTH.ln()).round() as i32
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "from 100 µs to minutes"
)]
fn micros(bucket: i32) -> u64 {
    WIDTH.powi(bucket) as u64
}

/// One cohort's counts.
struct Tally {
    cohort: Cohort,
    requests: u64,
    failed: u64,
    latency: BTreeMap<i32, u64>,
    stands_still: u32,
}

impl Tally {
    fn new(cohort: Cohort) -> Self {
        Self {
            cohort,
            requests: 0,
            failed: 0,
            latency: BTreeMap::new(),
            stands_still: 0,
        }
    }

    fn second(
        &mut self,
        world: World,
        (count, second, storm): (u32, u32, bool),
        (ranks, dice): (&[i32], &mut Dice),
    ) {
        if world.hiccups && dice.hits(3000) {
            self.stands_still = 1 + dice.below(2);
        }
        let still = self.stands_still > 0;
        self.stands_still = self.stands_still.saturating_sub(1);
        let is_canary = self.cohort == Cohort::Canary;
        let cold = world.cold && self.cohort != Cohort::Stable && second < 15;
        let ppm = match (storm, still) {
            (true, _) => 200_000,
            (false, true) => 500_000,
            (false, false) => 500,
        };
        let ppm = ppm + if is_canary { world.errors_ppm } else { 0 };
        let slower = [(storm, 5.0), (still, 10.0), (cold, 3.0)];
        let slower: i32 = slower
            .iter()
            .filter(|(is, _)| *is)
            .map(|(_, by)| times(*by))
            .sum();
        let total = u32::try_from(ranks.len()).unwrap();
        for _ in 0..count {
            self.requests += 1;
            self.failed += u64::from(dice.hits(ppm));
            let rank = dice.below(total);
            let doubled = is_canary && rank * 1000 >= total * (1000 - world.doubled_permille);
            let bucket = ranks[rank as usize] + slower + if doubled { times(2.0) } else { 0 };
            *self.latency.entry(bucket).or_default() += 1;
        }
    }

    fn sample(&self) -> Sample {
        Sample {
            service: "api".into(),
            id: format!("{:?}", self.cohort),
            cohort: self.cohort,
            requests: self.requests,
            failed: self.failed,
            latency: self
                .latency
                .iter()
                .map(|(bucket, count)| (micros(*bucket), *count))
                .collect(),
        }
    }
}

/// How a release fared, and how many requests its canary had had by then.
fn release(world: World, rules: Rules, hold_s: u32, seed: u64, ranks: &[i32]) -> (Decision, u64) {
    let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let mut judge = Judge::new(rules, 100, u64::from(hold_s) * 1000);
    let mut tallies = [Cohort::Stable, Cohort::Fresh, Cohort::Canary].map(Tally::new);
    let mut storm = 0;
    for second in 0.. {
        let samples: Vec<Sample> = tallies.iter().map(Tally::sample).collect();
        judge.see(u64::from(second) * 1000, &samples);
        match judge.decide() {
            Decision::Hold(_) => {}
            ended => return (ended, tallies[2].requests),
        }
        if world.storms && storm == 0 && dice.hits(30_000) {
            storm = 1 + dice.below(6);
        }
        for tally in &mut tallies {
            let rate = if tally.cohort == Cohort::Stable {
                world.rates.1
            } else {
                world.rates.0
            };
            let count = rate * (80 + dice.below(41)) / 100;
            tally.second(world, (count, second, storm > 0), (ranks, &mut dice));
        }
        storm = storm.saturating_sub(1);
    }
    unreachable!("a judgement ends")
}

/// Of so many releases, those that were promoted, and those undone as worse with at most `requests` of the canary.
fn fates(world: World, releases: u64, hold_s: u32, requests: u64) -> (u64, u64) {
    let (ranks, mut promoted, mut found) = (ranks(), 0, 0);
    let rules = Rules {
        judgements: 2,
        ..Rules::default()
    };
    for seed in 1..=releases {
        match release(world, rules, hold_s, seed, &ranks) {
            (Decision::Pass(_), _) => promoted += 1,
            (Decision::Undo(Verdict::Bad { .. }), seen) if seen <= requests => found += 1,
            _ => {}
        }
    }
    (promoted, found)
}

#[test]
fn of_a_thousand_equal_releases_in_bad_weather_980_are_promoted() {
    let world = World {
        storms: true,
        cold: true,
        hiccups: true,
        ..CALM
    };
    let (promoted, _) = fates(world, 1000, 40, 0);
    eprintln!("{promoted} of 1000 equal releases promoted");
    assert!(promoted >= 980, "{promoted}");
}

#[test]
fn one_failed_request_in_a_hundred_is_found_with_four_thousand_of_the_canary() {
    let world = World {
        errors_ppm: 10_000,
        cold: true,
        rates: (25, 100),
        ..CALM
    };
    let (_, found) = fates(world, 100, 200, 4000);
    eprintln!("{found} of 100 found");
    assert!(found >= 95, "{found}");
}

#[test]
fn a_doubled_p99_is_found_with_four_thousand_of_the_canary() {
    let world = World {
        doubled_permille: 50,
        cold: true,
        rates: (25, 100),
        ..CALM
    };
    let (_, found) = fates(world, 100, 200, 4000);
    eprintln!("{found} of 100 found");
    assert!(found >= 95, "{found}");
}

#[test]
fn all_failing_is_found_within_ten_seconds() {
    let world = World {
        errors_ppm: 999_000,
        ..CALM
    };
    let (_, found) = fates(world, 20, 60, 120);
    assert_eq!(found, 20);
}

#[test]
fn too_few_requests_never_pass_and_end_after_ten_holds() {
    let world = World {
        rates: (2, 40),
        ..CALM
    };
    let (ended, seen) = release(world, Rules::default(), 4, 1, &ranks());
    let Decision::Undo(verdict @ Verdict::NotEnough { .. }) = ended else {
        panic!("{ended:?}")
    };
    assert!(seen < 100, "{seen}");
    let text = verdict.describe();
    assert!(
        text.contains("not enough requests: ") && text.contains(" of 100 (canary replicas of api)"),
        "{text}"
    );
    let silent = World {
        rates: (0, 0),
        ..CALM
    };
    let (ended, _) = release(silent, Rules::default(), 4, 1, &ranks());
    let Decision::Undo(verdict) = ended else {
        panic!("{ended:?}")
    };
    assert_eq!(verdict.describe(), "not enough requests: 0 of 100");
}

#[test]
fn a_limit_of_the_file_is_judged_for_the_canary_alone() {
    let world = World {
        rates: (500, 50),
        ..CALM
    };
    let with = |errors_ppm, p95_us| Rules {
        errors_ppm,
        p95_us,
        ..Rules::default()
    };
    let fate = |rules| release(world, rules, 20, 3, &ranks()).0;
    // It fails one in two thousand, and its p95 is near 23 ms.
    assert!(matches!(
        fate(with(Some(20_000), Some(40_000))),
        Decision::Pass(_)
    ));
    let Decision::Undo(Verdict::Bad { reasons, .. }) = fate(with(None, Some(15_000))) else {
        panic!("a p95 above its limit passed")
    };
    assert!(reasons[0].contains("the file allows 15 ms"), "{reasons:?}");
    let Decision::Undo(Verdict::Bad { reasons, .. }) = fate(with(Some(100), None)) else {
        panic!("failed requests above their limit passed")
    };
    assert!(
        reasons[0].starts_with("failed requests of api"),
        "{reasons:?}"
    );
}

#[test]
fn with_all_requests_a_canary_is_compared_with_the_release_before() {
    let mut judge = Judge::new(Rules::default(), 1000, 20_000);
    let sample = |cohort, requests, failed| Sample {
        service: "api".into(),
        id: format!("{cohort:?}"),
        cohort,
        requests,
        failed,
        latency: vec![(1000, requests)],
    };
    for second in 0..30 {
        let canary = sample(Cohort::Canary, second * 40, second * 2);
        judge.see(second * 1000, &[sample(Cohort::Stable, 5000, 3), canary]);
    }
    let Decision::Undo(verdict) = judge.decide() else {
        panic!("{:?}", judge.decide())
    };
    let text = verdict.describe();
    assert!(
        text.contains("5.00 %") && text.contains("0.06 % (5000 of the release before)"),
        "{text}"
    );
}

#[test]
fn a_verdict_survives_json_and_says_its_numbers() {
    let (ended, _) = release(CALM, Rules::default(), 20, 1, &ranks());
    let Decision::Pass(verdict) = ended else {
        panic!("{ended:?}")
    };
    let text = serde_json::to_string(&verdict).unwrap();
    assert!(text.starts_with(r#"{"verdict":"good""#), "{text}");
    assert_eq!(serde_json::from_str::<Verdict>(&text).unwrap(), verdict);
    let text = verdict.describe();
    assert!(
        text.starts_with("no worse: api: canary ") && text.contains(", stable "),
        "{text}"
    );
}
