//! Which replica gets a request, among those of one release and cohort ([`super::cohorts`] chooses these).
//!
//! The less busy of two random replicas by requests in flight per weight. Two choices avoid the slow one without
//! every core rushing to the same idle one. Where both are as busy, the one that has had fewer requests is next: so
//! equals get equal shares, also when one of them stood still for a moment.

use std::cmp::Ordering;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use plimsoll_bundle::endpoints::Cohort;

use super::endpoint::Endpoint;
use crate::random::Random;

/// One request, in the unit of turns and loads, so that a weight divides it finely.
const ONE: u64 = 1 << 16;
/// Requests per weight that a replica may be behind and still catch up: a pause of the scheduler at a thousand requests
/// a second is some dozens. One that was away for longer, or is new, starts level with the others, or it would get
/// every second request while its caches are cold.
const CREDIT: u64 = 64 * ONE;

/// A replica with its share.
#[derive(Debug, Clone)]
pub(crate) struct Replica {
    /// Share relative to its siblings; 0 gets nothing new.
    pub(crate) weight: u32,
    /// Which release, as an index into the service's list.
    pub(crate) release: usize,
    /// Its part in a change.
    pub(crate) cohort: Cohort,
    /// Whether the endpoints document admits it.
    pub(crate) admitted: bool,
    /// The replica.
    pub(crate) endpoint: Arc<Endpoint>,
}

impl Replica {
    /// Whether a request that was sent to those in `tried` may go there.
    pub(crate) fn is_available(&self, tried: &[u64]) -> bool {
        self.admitted
            && self.weight > 0
            && self.endpoint.takes_traffic()
            && !tried.contains(&self.endpoint.key)
    }

    /// Requests in flight per weight, in parts of [`ONE`].
    fn load(&self) -> u64 {
        u64::from(self.endpoint.in_flight()) * ONE / u64::from(self.weight.max(1))
    }

    /// Whether a request goes to this one rather than to `other`.
    fn is_before(&self, other: &Self) -> bool {
        match self.load().cmp(&other.load()) {
            Ordering::Less => true,
            Ordering::Greater => false,
            Ordering::Equal => self.turn_beside(other) < other.turn_beside(self),
        }
    }

    /// How many requests it has had, but at most [`CREDIT`] fewer than `other`.
    fn turn_beside(&self, other: &Self) -> u64 {
        let least = other.endpoint.turn.load(Relaxed).saturating_sub(CREDIT);
        self.endpoint.turn.fetch_max(least, Relaxed).max(least)
    }

    fn choose(&self) -> &Arc<Endpoint> {
        let step = ONE / u64::from(self.weight.max(1));
        self.endpoint.turn.fetch_add(step.max(1), Relaxed);
        &self.endpoint
    }
}

/// Chooses among `replicas`, leaving out those in `tried`; `None` when none is available.
pub(crate) fn pick<'a>(
    replicas: &'a [Replica],
    tried: &[u64],
    random: &Random,
) -> Option<&'a Arc<Endpoint>> {
    let available = || {
        replicas
            .iter()
            .filter(|replica| replica.is_available(tried))
    };
    let first = pick_weighted(available(), random, None)?;
    let second = pick_weighted(available(), random, Some(first));
    Some(match second {
        Some(second) if second.is_before(first) => second.choose(),
        Some(_) | None => first.choose(),
    })
}

fn pick_weighted<'a>(
    replicas: impl Iterator<Item = &'a Replica> + Clone,
    random: &Random,
    but: Option<&Replica>,
) -> Option<&'a Replica> {
    let but = but.map(|replica| replica.endpoint.key);
    let mut replicas = replicas.filter(|replica| Some(replica.endpoint.key) != but);
    let total: u64 = replicas
        .clone()
        .map(|replica| u64::from(replica.weight))
        .sum();
    let mut ticket = random.below(total);
    replicas.find(|replica| {
        let weight = u64::from(replica.weight);
        let wins = ticket < weight;
        ticket = ticket.saturating_sub(weight);
        wins
    })
}

#[cfg(test)]
mod tests {
    use super::super::cohorts::tests::replica_of;
    use super::*;

    fn replica(weight: u32) -> Replica {
        replica_of(0, Cohort::Stable, weight)
    }

    fn shares(replicas: &[Replica], picks: u32) -> Vec<u32> {
        let random = Random::seeded();
        let mut shares = vec![0; replicas.len()];
        for _ in 0..picks {
            let chosen = pick(replicas, &[], &random).unwrap().key;
            let index = replicas
                .iter()
                .position(|replica| replica.endpoint.key == chosen);
            shares[index.unwrap()] += 1;
        }
        shares
    }

    #[test]
    fn equals_get_equal_shares() {
        let replicas: Vec<Replica> = (0..8).map(|_| replica(1)).collect();
        for share in shares(&replicas, 20_000) {
            assert!((2250..=2750).contains(&share), "{share}");
        }
    }

    #[test]
    fn one_that_stood_still_for_a_moment_catches_up() {
        let replicas: Vec<Replica> = (0..4).map(|_| replica(1)).collect();
        let before = {
            let _busy = replicas[0].endpoint.begin();
            shares(&replicas, 120)
        };
        assert_eq!(before[0], 0);
        let after = shares(&replicas, 1000);
        let total = |index: usize| before[index] + after[index];
        assert!(
            (0..4).all(|index| (270..=290).contains(&total(index))),
            "{before:?} {after:?}"
        );
    }

    #[test]
    fn a_new_one_is_not_flooded() {
        let mut replicas: Vec<Replica> = (0..4).map(|_| replica(1)).collect();
        shares(&replicas, 40_000);
        replicas.push(replica(1));
        let late = shares(&replicas, 1000)[4];
        assert!((200..=300).contains(&late), "{late}");
    }

    #[test]
    fn a_busy_one_gets_less_and_one_without_weight_or_health_nothing() {
        let replicas = [replica(1), replica(1), replica(1), replica(0), replica(1)];
        let _busy = replicas[0].endpoint.begin();
        replicas[4].endpoint.mark_unready("down".into());
        let shares = shares(&replicas, 3000);
        assert_eq!((shares[0], shares[3], shares[4]), (0, 0, 0));
        assert!(shares[1] > 1200 && shares[2] > 1200, "{shares:?}");
    }

    #[test]
    fn weights_within_a_release_are_kept_when_nobody_is_busy() {
        let shares = shares(&[replica(3), replica(1)], 20_000);
        assert!((4500..=5500).contains(&shares[1]), "{shares:?}");
    }

    #[test]
    fn a_tried_or_draining_replica_is_left_out() {
        let random = Random::seeded();
        let replicas = [replica(1), replica(1)];
        let first = replicas[0].endpoint.key;
        assert_eq!(
            pick(&replicas, &[first], &random).unwrap().key,
            replicas[1].endpoint.key
        );
        replicas[1].endpoint.start_drain();
        assert!(pick(&replicas, &[first], &random).is_none());
    }
}
