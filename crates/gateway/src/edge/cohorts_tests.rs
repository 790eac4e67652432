//! Shares, and who stays where.

use std::collections::BTreeMap;

use plimsoll_bundle::endpoints::{self, Cohort, Traffic};
use proptest::prelude::*;

use super::super::tally::Tally;
use super::*;

pub(crate) fn replica_of(release: usize, cohort: Cohort, weight: u32) -> Replica {
    let document = endpoints::Endpoint {
        id: format!("r-{release}"),
        release: release.to_string(),
        ports: BTreeMap::new(),
        weight,
        traffic: Traffic::Admitted,
        cohort,
    };
    let endpoint = Arc::new(Endpoint::new("s", &document, Arc::new(Tally::new(1)), None));
    endpoint.mark_ready();
    Replica {
        weight,
        release,
        cohort,
        admitted: true,
        endpoint,
    }
}

/// How many replicas a shift has in each cohort.
#[derive(Debug, Clone, Copy)]
struct Counts {
    canary: u32,
    fresh: u32,
    stable: u32,
}

/// A shift to `share` permille, weighed as whoever deploys does it.
fn shift(counts: Counts, share: u32) -> Replicas {
    let fresh = if counts.fresh == 0 {
        0
    } else {
        share.min((1000 - share) / 2)
    };
    let scale = counts.canary * counts.fresh.max(1) * counts.stable;
    let cohorts = [
        (1, Cohort::Canary, counts.canary, share),
        (0, Cohort::Fresh, counts.fresh, fresh),
        (0, Cohort::Stable, counts.stable, 1000 - share - fresh),
    ];
    let replicas = cohorts
        .into_iter()
        .flat_map(|(release, cohort, count, share)| {
            (0..count).map(move |_| replica_of(release, cohort, share * scale / count))
        });
    // The order of the document is no order of cohorts.
    Replicas::new(replicas.rev().collect())
}

fn cohort_of(replicas: &Replicas, endpoint: &Endpoint) -> Cohort {
    let same = |replica: &&Replica| replica.endpoint.key == endpoint.key;
    replicas.all.iter().find(same).unwrap().cohort
}

fn drawn(replicas: &Replicas, random: &Random, point: Option<u16>) -> Cohort {
    cohort_of(replicas, replicas.pick(&[], random, point).unwrap())
}

fn counts() -> impl Strategy<Value = Counts> {
    (1..6_u32, 0..4_u32, 1..10_u32).prop_map(|(canary, fresh, stable)| Counts {
        canary,
        fresh,
        stable,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Five standard deviations of a binomial distribution: wrong once in 1.7 million draws of a right implementation.
    #[test]
    fn shares_are_those_of_the_weights_over_many_draws(
        counts in counts(), share in 0..=1000_u32, seed: u64,
    ) {
        const DRAWS: u32 = 10_000;
        let replicas = shift(counts, share);
        let random = Random::of(seed);
        let canary = (0..DRAWS).filter(|_| drawn(&replicas, &random, None) == Cohort::Canary);
        let seen = f64::from(u32::try_from(canary.count()).unwrap());
        let p = f64::from(share) / 1000.0;
        let (expected, deviation) = (f64::from(DRAWS) * p, (f64::from(DRAWS) * p * (1.0 - p)).sqrt());
        prop_assert!((seen - expected).abs() <= 5.0 * deviation, "{seen} of {expected}");
    }

    #[test]
    fn points_divide_clients_exactly(counts in counts(), share in 0..=1000_u32) {
        let replicas = shift(counts, share);
        let random = Random::of(1);
        for point in 0..POINTS {
            let is_canary = drawn(&replicas, &random, Some(point)) == Cohort::Canary;
            prop_assert_eq!(is_canary, u32::from(point) < share, "point {}", point);
        }
    }

    #[test]
    fn a_rising_share_never_moves_a_sticky_client_off_the_canary(
        counts in counts(), shares in prop::collection::vec(0..=1000_u32, 2..8), point in 0..POINTS,
    ) {
        let mut shares = shares;
        shares.sort_unstable();
        let random = Random::of(2);
        let seen: Vec<bool> = shares
            .iter()
            .map(|share| drawn(&shift(counts, *share), &random, Some(point)) == Cohort::Canary)
            .collect();
        prop_assert!(seen.is_sorted(), "{:?} {:?}", shares, seen);
    }
}

#[test]
fn a_canary_gets_its_weight_whatever_the_load() {
    let stable = replica_of(0, Cohort::Stable, 95);
    let _busy: Vec<_> = (0..50).map(|_| stable.endpoint.begin()).collect();
    let replicas = Replicas::new(vec![stable, replica_of(1, Cohort::Canary, 5)]);
    let random = Random::of(3);
    let draws = (0..20_000).filter(|_| drawn(&replicas, &random, None) == Cohort::Canary);
    let canary = draws.count();
    assert!((800..=1200).contains(&canary), "{canary}");
}

#[test]
fn a_replica_that_fails_takes_nothing_from_its_cohorts_share() {
    let counts = Counts {
        canary: 2,
        fresh: 1,
        stable: 3,
    };
    let replicas = shift(counts, 100);
    replicas.all[0].endpoint.mark_unready("down".into());
    let random = Random::of(4);
    for point in 0..POINTS {
        let is_canary = drawn(&replicas, &random, Some(point)) == Cohort::Canary;
        assert_eq!(is_canary, point < 100, "{point}");
    }
}

#[test]
fn what_a_cohort_without_replicas_cannot_take_goes_to_the_stable_one() {
    let counts = Counts {
        canary: 1,
        fresh: 1,
        stable: 1,
    };
    let replicas = shift(counts, 300);
    let random = Random::of(5);
    for down in 0..2 {
        let endpoint = &replicas.all[down].endpoint;
        endpoint.mark_unready("down".into());
        let gone = replicas.all[down].cohort;
        for point in 0..POINTS {
            let seen = drawn(&replicas, &random, Some(point));
            assert!(seen != gone, "{point}");
            assert_eq!(seen == Cohort::Canary, point < 300 && down != 0, "{point}");
        }
        endpoint.mark_ready();
    }
    replicas.all[2].endpoint.mark_unready("down".into());
    assert_eq!(drawn(&replicas, &random, Some(999)), Cohort::Fresh);
}

#[test]
fn a_cohort_without_weight_gets_nothing_even_when_it_is_alone() {
    let replicas = Replicas::new(vec![
        replica_of(0, Cohort::Stable, 1),
        replica_of(1, Cohort::Canary, 0),
    ]);
    let random = Random::of(6);
    assert!((0..1000).all(|_| drawn(&replicas, &random, None) == Cohort::Stable));
    replicas.all[1].endpoint.mark_unready("down".into());
    assert!(replicas.pick(&[], &random, None).is_none());
}
