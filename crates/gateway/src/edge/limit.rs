//! Rate limits: GCRA, a leaky bucket that needs one number per client.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use http::HeaderMap;
use plimsoll_bundle::local::{LimitKey, RateLimit};

use super::shared_limit::SharedLimit;
use super::subject;
use crate::cidr;

/// Enough that two cores rarely meet at one lock.
const SHARDS: usize = 64;
/// Clients per shard, so 1,048,576 in all, at 16 bytes each and the map's slack under 40 MiB when an attacker
/// fills it. In normal use expired clients are removed long before.
const MAX_CLIENTS: usize = 16_384;

/// A bucket per client.
#[derive(Debug)]
pub(crate) struct Limiter {
    rule: RateLimit,
    /// The buckets that it shares with other gateways.
    shared: Option<SharedLimit>,
    /// Nanoseconds that one request costs.
    cost: u64,
    /// How far a client's account may lie in the future.
    tolerance: u64,
    hasher: RandomState,
    /// Theoretical arrival time in nanoseconds by the client's keyed hash. 64 bits under a secret key: two of a
    /// million clients share a bucket with a probability of 3 in 100 million.
    shards: Vec<Mutex<HashMap<u64, u64>>>,
}

/// What a limiter says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The request may pass, and was charged.
    Pass,
    /// Too many; nothing was charged.
    Wait {
        /// Until the next one would pass.
        nanoseconds: u64,
    },
}

impl Limiter {
    /// A limiter without clients.
    pub(crate) fn new(rule: RateLimit, shared: Option<SharedLimit>) -> Self {
        let period = rule.per_ms.max(1).saturating_mul(1_000_000);
        let cost = (period / rule.requests.max(1)).max(1);
        let tolerance = cost.saturating_mul(rule.burst.max(1) - 1);
        Self {
            rule,
            shared,
            cost,
            tolerance,
            hasher: RandomState::new(),
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
        }
    }

    /// The rule that it was made from.
    pub(crate) fn rule(&self) -> &RateLimit {
        &self.rule
    }

    /// The buckets that it shares with other gateways, where it does.
    pub(crate) fn shared(&self) -> Option<&SharedLimit> {
        self.shared.as_ref()
    }

    /// Charges one request of whoever sent it. `now` is in nanoseconds of a clock that does not go back.
    pub(crate) fn charge(&self, headers: &HeaderMap, client: IpAddr, now: u64) -> Verdict {
        self.charge_key(self.key_of(headers, client), now)
    }

    fn key_of(&self, headers: &HeaderMap, client: IpAddr) -> u64 {
        for by in &self.rule.by {
            match by {
                LimitKey::User => {
                    if let Some(subject) = subject::of_bearer(headers) {
                        return self.hasher.hash_one((0_u8, subject.as_ref()));
                    }
                }
                LimitKey::Key => {
                    if let Some(key) = headers.get("x-api-key") {
                        return self.hasher.hash_one((1_u8, key.as_bytes()));
                    }
                }
                LimitKey::Ip => break,
            }
        }
        self.hasher.hash_one((2_u8, cidr::limited_as(client)))
    }

    fn charge_key(&self, key: u64, now: u64) -> Verdict {
        let shard = usize::try_from(key % SHARDS as u64).unwrap_or(0);
        let mut clients = self.shards[shard]
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if clients.len() >= MAX_CLIENTS && !clients.contains_key(&key) {
            make_room(&mut clients, now);
        }
        let account = clients.entry(key).or_insert(now);
        let arrival = (*account).max(now);
        let ahead = arrival - now;
        if ahead > self.tolerance {
            return Verdict::Wait {
                nanoseconds: ahead - self.tolerance,
            };
        }
        *account = arrival.saturating_add(self.cost);
        Verdict::Pass
    }

    /// Forgets clients whose account is even; call it now and then.
    pub(crate) fn forget_expired(&self, now: u64) {
        for shard in &self.shards {
            let mut clients = shard.lock().unwrap_or_else(PoisonError::into_inner);
            clients.retain(|_, account| *account > now);
            if clients.is_empty() {
                clients.shrink_to_fit();
            }
        }
    }

    /// Clients that it remembers.
    pub(crate) fn clients(&self) -> usize {
        let len = |shard: &Mutex<HashMap<u64, u64>>| {
            shard.lock().unwrap_or_else(PoisonError::into_inner).len()
        };
        self.shards.iter().map(len).sum()
    }
}

fn make_room(clients: &mut HashMap<u64, u64>, now: u64) {
    clients.retain(|_, account| *account > now);
    // Everybody is in debt: forgetting one lets it burst once more, refusing new clients would let an attacker
    // lock everybody out.
    while clients.len() >= MAX_CLIENTS {
        let Some(key) = clients.keys().next().copied() else {
            return;
        };
        clients.remove(&key);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn limiter(requests: u64, per_ms: u64, burst: u64) -> Limiter {
        let rule = RateLimit {
            requests,
            per_ms,
            burst,
            by: vec![LimitKey::Ip],
            shared: None,
        };
        Limiter::new(rule, None)
    }

    #[test]
    fn ten_a_minute_with_a_burst_of_ten_admits_ten_and_says_when_the_next_may_come() {
        let limiter = limiter(10, 60_000, 10);
        for _ in 0..10 {
            assert_eq!(limiter.charge_key(1, 5), Verdict::Pass);
        }
        let nanoseconds = 6_000_000_000;
        assert_eq!(limiter.charge_key(1, 5), Verdict::Wait { nanoseconds });
        assert_eq!(limiter.charge_key(2, 5), Verdict::Pass);
        assert_eq!(limiter.charge_key(1, 5 + nanoseconds), Verdict::Pass);
    }

    #[test]
    fn memory_is_bounded_when_every_request_is_another_client() {
        let limiter = limiter(1, 3_600_000, 1);
        let shards = u64::try_from(SHARDS).unwrap();
        let most = u64::try_from(MAX_CLIENTS).unwrap();
        for client in 0..most + 100 {
            limiter.charge_key(client * shards, 0);
        }
        assert_eq!(limiter.clients(), MAX_CLIENTS);
        limiter.forget_expired(u64::MAX);
        assert_eq!(limiter.clients(), 0);
    }

    #[test]
    fn the_first_key_that_a_request_has_is_charged() {
        let rule = RateLimit {
            requests: 1,
            per_ms: 1000,
            burst: 1,
            by: vec![LimitKey::User, LimitKey::Key, LimitKey::Ip],
            shared: None,
        };
        let limiter = Limiter::new(rule, None);
        let address: IpAddr = "1.2.3.4".parse().unwrap();
        let with = |name: &'static str, value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().unwrap());
            headers
        };
        let plain = HeaderMap::new();
        let passes = |headers: &HeaderMap| limiter.charge(headers, address, 0) == Verdict::Pass;
        assert!(passes(&plain) && !passes(&plain));
        assert!(passes(&with("x-api-key", "a")) && passes(&with("x-api-key", "b")));
        assert!(!passes(&with("x-api-key", "a")));
        assert!(passes(&with("authorization", "Bearer opaque")));
        assert!(!passes(&with("authorization", "Bearer opaque")));
    }

    proptest! {
        #[test]
        fn no_window_admits_more_than_the_burst_and_the_rate(
            requests in 1_u64..50, per_ms in 1_u64..5000, burst in 1_u64..20,
            gaps in prop::collection::vec(0_u64..200_000_000, 1..200),
        ) {
            let limiter = limiter(requests, per_ms, burst);
            let mut now = 0;
            let mut admitted: Vec<u64> = Vec::new();
            for gap in gaps {
                now += gap;
                if limiter.charge_key(7, now) == Verdict::Pass {
                    admitted.push(now);
                }
            }
            for (first, start) in admitted.iter().enumerate() {
                for (last, end) in admitted.iter().enumerate().skip(first) {
                    let most = burst + (end - start) / limiter.cost;
                    prop_assert!(u64::try_from(last - first + 1).unwrap() <= most);
                }
            }
        }
    }
}
