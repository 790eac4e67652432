//! Which part of a service gets a request: the release and the cohort, by weight alone, so that a canary gets exactly
//! its share however busy or slow it is. Within the part the less busy replica is taken ([`super::balance`]).
//!
//! What a part weighs is said by the endpoints document and not by who is healthy: a replica that fails takes nothing
//! from its part's share and moves no client to another one. The share of a part without any replica that takes
//! traffic goes to the last that has one, which is the stable one before all others, and never to a canary beyond its
//! share while there is anything else.

use std::cmp::Reverse;
use std::ops::Range;
use std::sync::Arc;

use super::balance::{self, Replica};
use super::endpoint::Endpoint;
use crate::random::Random;

/// Into how many points clients are divided, so that a share is a whole number of them: permille, as shares are given.
pub(crate) const POINTS: u16 = 1000;

/// The replicas of a service by release and cohort: the canary first, then the fresh, then the stable ones.
#[derive(Debug, Default)]
pub(crate) struct Replicas {
    all: Vec<Replica>,
    parts: Vec<Part>,
    total: u64,
}

#[derive(Debug)]
struct Part {
    weight: u64,
    members: Range<usize>,
}

impl Replicas {
    /// Sorts them into parts.
    pub(crate) fn new(mut all: Vec<Replica>) -> Self {
        let key = |replica: &Replica| (Reverse(replica.cohort), replica.release);
        all.sort_by_key(key);
        let mut parts = Vec::new();
        let mut end = 0;
        for chunk in all.chunk_by(|one, other| key(one) == key(other)) {
            let admitted = chunk.iter().filter(|replica| replica.admitted);
            parts.push(Part {
                weight: admitted.map(|replica| u64::from(replica.weight)).sum(),
                members: end..end + chunk.len(),
            });
            end += chunk.len();
        }
        Self {
            total: parts.iter().map(|part| part.weight).sum(),
            all,
            parts,
        }
    }

    /// Chooses a replica, leaving out those in `tried`; `None` when none is available. A client with a point (below
    /// [`POINTS`]) always falls into the same place of the whole: the canary has the lowest points, so that who saw it
    /// stays with it while its share rises.
    pub(crate) fn pick(
        &self,
        tried: &[u64],
        random: &Random,
        point: Option<u16>,
    ) -> Option<&Arc<Endpoint>> {
        let part = match self.parts.as_slice() {
            [only] => only,
            parts => {
                let hit = self.hit(random, point);
                let lasts = parts.iter().rev();
                hit.into_iter()
                    .chain(lasts)
                    .find(|part| self.is_available(part, tried))?
            }
        };
        balance::pick(&self.all[part.members.clone()], tried, random)
    }

    /// The release of all replicas; `None` while there are several, or cohorts of one.
    pub(crate) fn only_release(&self) -> Option<&str> {
        match self.all.first() {
            Some(first) if !self.is_divided() => Some(&first.endpoint.release),
            Some(_) | None => None,
        }
    }

    /// Whether there is more than one part, so that it matters in which one a client is.
    pub(crate) fn is_divided(&self) -> bool {
        self.parts.len() > 1
    }

    /// Whether a request that was sent to those in `tried` may go to another one.
    pub(crate) fn has_other_than(&self, tried: &[u64]) -> bool {
        self.all.iter().any(|replica| replica.is_available(tried))
    }

    fn hit(&self, random: &Random, point: Option<u16>) -> Option<&Part> {
        let mut ticket = match point {
            // Below 2^32 replicas of a weight below 2^32 there is room for the product.
            Some(point) => u64::try_from(
                u128::from(self.total) * u128::from(point.min(POINTS - 1)) / u128::from(POINTS),
            )
            .unwrap_or(0),
            None => random.below(self.total),
        };
        self.parts.iter().find(|part| {
            let wins = ticket < part.weight;
            ticket = ticket.saturating_sub(part.weight);
            wins
        })
    }

    fn is_available(&self, part: &Part, tried: &[u64]) -> bool {
        let members = &self.all[part.members.clone()];
        members.iter().any(|replica| replica.is_available(tried))
    }
}

#[cfg(test)]
#[path = "cohorts_tests.rs"]
pub(crate) mod tests;
