//! Which replica gets a request.
//!
//! First the release, by weight alone, so that a canary gets exactly its share; then, within the release, the less
//! busy of two random replicas by requests in flight per weight. Two choices avoid the slow one without every core
//! rushing to the same idle one.

use std::sync::Arc;

use super::endpoint::Endpoint;
use crate::random::Random;

/// A replica with its share.
#[derive(Debug, Clone)]
pub(crate) struct Replica {
    /// Share relative to its siblings; 0 gets nothing new.
    pub(crate) weight: u32,
    /// Which release, as an index into the service's list.
    pub(crate) release: usize,
    /// Whether the endpoints document admits it.
    pub(crate) admitted: bool,
    /// The replica.
    pub(crate) endpoint: Arc<Endpoint>,
}

impl Replica {
    fn is_available(&self, tried: &[u64]) -> bool {
        self.admitted
            && self.weight > 0
            && self.endpoint.takes_traffic()
            && !tried.contains(&self.endpoint.key)
    }

    /// Requests in flight per weight, in 1/65536.
    fn load(&self) -> u64 {
        (u64::from(self.endpoint.in_flight()) << 16) / u64::from(self.weight.max(1))
    }
}

/// Chooses among `replicas`, leaving out those in `tried`; `None` when none is available.
pub(crate) fn pick<'a>(
    replicas: &'a [Replica],
    tried: &[u64],
    random: &Random,
) -> Option<&'a Arc<Endpoint>> {
    let release = pick_release(replicas, tried, random)?;
    let available = || {
        replicas
            .iter()
            .filter(move |replica| replica.release == release && replica.is_available(tried))
    };
    let first = pick_weighted(available(), random, None)?;
    let second = pick_weighted(available(), random, Some(first));
    match second {
        Some(second) if second.load() < first.load() => Some(&second.endpoint),
        Some(_) | None => Some(&first.endpoint),
    }
}

fn pick_release(replicas: &[Replica], tried: &[u64], random: &Random) -> Option<usize> {
    let available = || {
        replicas
            .iter()
            .filter(|replica| replica.is_available(tried))
    };
    let first = available().next()?;
    if available().all(|replica| replica.release == first.release) {
        return Some(first.release);
    }
    pick_weighted(available(), random, None).map(|replica| replica.release)
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
    use std::collections::BTreeMap;

    use plimsoll_bundle::endpoints::{self, Traffic};

    use super::*;

    fn replica(release: usize, weight: u32) -> Replica {
        let document = endpoints::Endpoint {
            id: format!("r-{release}"),
            release: release.to_string(),
            ports: BTreeMap::new(),
            weight,
            traffic: Traffic::Admitted,
        };
        let endpoint = Arc::new(Endpoint::new("s", &document));
        endpoint.mark_ready();
        Replica {
            weight,
            release,
            admitted: true,
            endpoint,
        }
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
        let replicas: Vec<Replica> = (0..8).map(|_| replica(0, 1)).collect();
        for share in shares(&replicas, 20_000) {
            assert!((2250..=2750).contains(&share), "{share}");
        }
    }

    #[test]
    fn a_busy_one_gets_less_and_one_without_weight_or_health_nothing() {
        let replicas = [
            replica(0, 1),
            replica(0, 1),
            replica(0, 1),
            replica(0, 0),
            replica(0, 1),
        ];
        let _busy = replicas[0].endpoint.begin();
        replicas[4].endpoint.mark_unready("down".into());
        let shares = shares(&replicas, 3000);
        assert_eq!((shares[0], shares[3], shares[4]), (0, 0, 0));
        assert!(shares[1] > 1200 && shares[2] > 1200, "{shares:?}");
    }

    #[test]
    fn a_canary_gets_its_weight_whatever_the_load() {
        let replicas = [replica(0, 95), replica(1, 5)];
        let _busy: Vec<_> = (0..50).map(|_| replicas[0].endpoint.begin()).collect();
        let canary = shares(&replicas, 20_000)[1];
        assert!((800..=1200).contains(&canary), "{canary}");
    }

    #[test]
    fn weights_within_a_release_are_kept_when_nobody_is_busy() {
        let shares = shares(&[replica(0, 3), replica(0, 1)], 20_000);
        assert!((4500..=5500).contains(&shares[1]), "{shares:?}");
    }

    #[test]
    fn a_tried_or_draining_replica_is_left_out() {
        let random = Random::seeded();
        let replicas = [replica(0, 1), replica(0, 1)];
        let first = replicas[0].endpoint.key;
        assert_eq!(
            pick(&replicas, &[first], &random).unwrap().key,
            replicas[1].endpoint.key
        );
        replicas[1].endpoint.start_drain();
        assert!(pick(&replicas, &[first], &random).is_none());
    }
}
