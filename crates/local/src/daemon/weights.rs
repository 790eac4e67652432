//! What each replica weighs: how a share of the requests becomes numbers of the endpoints document.

use plimsoll_bundle::endpoints::{Cohort, Endpoint, Traffic};
use plimsoll_deploy::strategy::{WHOLE, fresh_share};

/// Of a replica where nothing is shared out.
const EVEN: u32 = 100;

/// Weighs the replicas of one service while its canaries get `share` permille of the new requests.
///
/// The canary cohort weighs its share, the fresh one as much where there is room ([`fresh_share`]), the stable one the
/// rest, each divided evenly among its replicas; all are multiplied by the numbers of replicas, so that no part is
/// lost to rounding. A cohort without replicas leaves its part to the stable one. A service without canaries has
/// nothing to share out, and neither has its share of the app: its replicas weigh the same, but fresh ones, which
/// have no part yet.
pub(crate) fn weigh(endpoints: &mut [Endpoint], share: u32) {
    let count = |cohort: Cohort| {
        let mut members = 0;
        for endpoint in endpoints.iter() {
            let counts = endpoint.cohort == cohort && endpoint.traffic == Traffic::Admitted;
            members += u64::from(counts);
        }
        members
    };
    let cohorts = [Cohort::Stable, Cohort::Fresh, Cohort::Canary];
    let [stable, fresh, canary] = cohorts.map(count);
    let has_canary = endpoints
        .iter()
        .any(|endpoint| endpoint.cohort == Cohort::Canary);
    let fresh_part = if fresh > 0 { fresh_share(share) } else { 0 };
    let stable_part = WHOLE.saturating_sub(share).saturating_sub(fresh_part);
    let others = |one: u64, other: u64| one.max(1) * other.max(1);
    for endpoint in endpoints {
        let part = match endpoint.cohort {
            Cohort::Stable => u64::from(stable_part) * others(fresh, canary),
            Cohort::Fresh => u64::from(fresh_part) * others(stable, canary),
            Cohort::Canary => u64::from(share) * others(stable, fresh),
        };
        endpoint.weight = match endpoint.cohort {
            Cohort::Stable if !has_canary => EVEN,
            Cohort::Fresh if !has_canary => 0,
            Cohort::Stable | Cohort::Fresh | Cohort::Canary => {
                u32::try_from(part).unwrap_or(u32::MAX)
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// Weights of so many stable, fresh and canary replicas, in this order.
    fn weights(counts: [usize; 3], share: u32) -> Vec<u32> {
        let cohorts = [Cohort::Stable, Cohort::Fresh, Cohort::Canary];
        let mut endpoints = Vec::new();
        for (cohort, count) in cohorts.into_iter().zip(counts) {
            for _ in 0..count {
                endpoints.push(Endpoint {
                    id: format!("api-{}", endpoints.len()),
                    release: "r1".into(),
                    ports: BTreeMap::new(),
                    weight: 7,
                    traffic: Traffic::Admitted,
                    cohort,
                });
            }
        }
        weigh(&mut endpoints, share);
        endpoints.iter().map(|endpoint| endpoint.weight).collect()
    }

    #[test]
    fn without_canaries_all_stable_ones_weigh_the_same_whatever_the_share_of_others() {
        assert_eq!(weights([2, 0, 0], 0), [100, 100]);
        assert_eq!(weights([2, 0, 0], 1000), [100, 100]);
        assert_eq!(weights([2, 1, 0], 0), [100, 100, 0]);
    }

    #[test]
    fn every_cohort_weighs_its_part_together() {
        for counts in [[2, 1, 1], [3, 2, 4], [1, 1, 2]] {
            for (share, parts) in [(50, [900, 50, 50]), (500, [250, 250, 500])] {
                let weights = weights(counts, share);
                let total: u32 = weights.iter().sum();
                let mut rest = weights.as_slice();
                for (count, part) in counts.into_iter().zip(parts) {
                    let (mine, others) = rest.split_at(count);
                    rest = others;
                    let sum: u64 = mine.iter().map(|weight| u64::from(*weight)).sum();
                    assert_eq!(sum * 1000, u64::from(total) * part, "{counts:?} at {share}");
                    assert!(mine.iter().all(|weight| *weight == mine[0]));
                }
            }
        }
    }

    #[test]
    fn before_the_first_share_a_canary_gets_nothing_and_with_all_of_it_nobody_else() {
        assert_eq!(weights([2, 1, 1], 0), [1000, 1000, 0, 0]);
        assert_eq!(weights([2, 0, 2], 1000), [0, 0, 2000, 2000]);
        assert_eq!(weights([0, 0, 2], 0), [0, 0]);
    }

    #[test]
    fn without_fresh_ones_the_stable_ones_have_their_part() {
        assert_eq!(weights([1, 0, 1], 100), [900, 100]);
    }

    /// Their part is not theirs any more: a count of all would give the canary less than its share.
    #[test]
    fn those_that_drain_do_not_count() {
        let mut endpoints = Vec::new();
        for (cohort, traffic) in [
            (Cohort::Stable, Traffic::Admitted),
            (Cohort::Stable, Traffic::Draining),
            (Cohort::Canary, Traffic::Admitted),
        ] {
            endpoints.push(Endpoint {
                id: "a".into(),
                release: "r1".into(),
                ports: BTreeMap::new(),
                weight: 0,
                traffic,
                cohort,
            });
        }
        weigh(&mut endpoints, 500);
        assert_eq!((endpoints[0].weight, endpoints[2].weight), (500, 500));
    }
}
