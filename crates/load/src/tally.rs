//! What came of the requests.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Serialize, Serializer};

/// Different reasons that are kept; the failures of others are counted all the same.
const REASONS_MAX: usize = 16;
/// Different builds that are kept: a change has two, and an app that invents one per answer has no use.
const BUILDS_MAX: usize = 64;

/// What came of the requests and sockets of a prober. Every request is in exactly one of `served`, `refused` and
/// `failed`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Requests that were sent. A request that was sent again counts once.
    pub requests: u64,
    /// Answered in full, with the status that the same request had before the change.
    pub served: u64,
    /// Answered with 429: a rate limit, and no fault of the change. Not served either.
    pub refused: u64,
    /// Everything else: no connection, no whole answer, another status.
    pub failed: u64,
    /// Requests among all that were sent a second time, because their idle connection was closed under them.
    pub retried: u64,
    /// WebSockets that were opened.
    pub sockets: u64,
    /// Of those, ended by the server in the way that the protocol has for it.
    pub closed: u64,
    /// Of those, ended in any other way.
    pub broken: u64,
    /// Why requests failed and sockets broke, with how often. Bounded.
    pub reasons: BTreeMap<String, u64>,
    /// Which builds answered, where the app says so (`X-Build`). Bounded.
    pub builds: BTreeMap<String, Build>,
}

/// The answers of one build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Build {
    /// Whether it was there before the change began.
    pub before: bool,
    /// How many.
    pub answers: u64,
    /// How many of them failed.
    pub failed: u64,
    /// When the first came, from the start of the prober.
    #[serde(rename = "first_ms", serialize_with = "milliseconds")]
    pub first: Duration,
    /// When the last came, from the start of the prober.
    #[serde(rename = "last_ms", serialize_with = "milliseconds")]
    pub last: Duration,
}

fn milliseconds<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}

impl Tally {
    /// Whether every request was answered as it should be and no socket broke.
    pub fn is_clean(&self) -> bool {
        self.failed == 0 && self.broken == 0
    }

    /// Notes an answer that `build` gave before the change.
    pub(crate) fn knew(&mut self, build: &str, at: Duration) {
        self.saw(build, at, true);
        if let Some(build) = self.builds.get_mut(build) {
            build.before = true;
        }
    }

    /// Notes an answer of `build`.
    pub(crate) fn saw(&mut self, build: &str, at: Duration, served: bool) {
        if !self.builds.contains_key(build) && self.builds.len() >= BUILDS_MAX {
            return;
        }
        let seen = self.builds.entry(build.to_owned()).or_insert(Build {
            before: false,
            answers: 0,
            failed: 0,
            first: at,
            last: at,
        });
        seen.answers += 1;
        seen.failed += u64::from(!served);
        seen.last = seen.last.max(at);
    }

    /// Notes a reason.
    pub(crate) fn because(&mut self, reason: &str) {
        let known = self.reasons.contains_key(reason);
        let name = if known || self.reasons.len() < REASONS_MAX {
            reason
        } else {
            "other reasons"
        };
        *self.reasons.entry(name.to_owned()).or_default() += 1;
    }

    /// Builds that did not answer before the change.
    pub fn new_builds(&self) -> impl Iterator<Item = &Build> {
        self.builds.values().filter(|build| !build.before)
    }

    /// From the first answer of a build that was not there before to the last answer of one that was: how long
    /// the two releases answered side by side. `None` where the app does not name its builds, or nothing changed.
    pub fn cut_over(&self) -> Option<Duration> {
        let first_new = self.new_builds().map(|build| build.first).min()?;
        let old = self.builds.values().filter(|build| build.before);
        let last_old = old.map(|build| build.last).max()?;
        Some(last_old.saturating_sub(first_new))
    }
}

impl fmt::Display for Tally {
    /// `N requests, F failed, W sockets broken`, and, when there were any, refused and repeated requests apart.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} requests, {} failed, {} sockets broken",
            self.requests, self.failed, self.broken
        )?;
        if self.refused > 0 {
            write!(formatter, ", {} rate-limited", self.refused)?;
        }
        if self.retried > 0 {
            write!(formatter, ", {} sent twice", self.retried)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_tally_reads_as_one_line_and_keeps_apart_what_is_neither_served_nor_failed() {
        let mut tally = Tally {
            requests: 10,
            served: 10,
            ..Tally::default()
        };
        assert_eq!(tally.to_string(), "10 requests, 0 failed, 0 sockets broken");
        tally.refused = 2;
        tally.retried = 1;
        assert_eq!(
            tally.to_string(),
            "10 requests, 0 failed, 0 sockets broken, 2 rate-limited, 1 sent twice"
        );
    }

    #[test]
    fn the_cut_over_is_the_time_that_both_builds_answered() {
        let mut tally = Tally::default();
        tally.knew("a", at(0));
        assert_eq!(tally.cut_over(), None, "nothing changed");
        tally.saw("b", at(100), true);
        tally.saw("a", at(350), true);
        tally.saw("b", at(6_000), true);
        assert_eq!(tally.new_builds().count(), 1);
        assert_eq!(tally.cut_over(), Some(at(250)));
    }

    #[test]
    fn a_change_without_any_overlap_took_no_time() {
        let mut tally = Tally::default();
        tally.knew("a", at(0));
        tally.saw("b", at(5_000), true);
        assert_eq!(tally.cut_over(), Some(Duration::ZERO));
    }

    #[test]
    fn reasons_and_builds_are_bounded() {
        let mut tally = Tally::default();
        for number in 0..1_000 {
            tally.because(&format!("reason {number}"));
            tally.saw(&format!("build {number}"), at(number), true);
        }
        assert_eq!(tally.reasons.len(), REASONS_MAX + 1);
        assert_eq!(tally.reasons.values().sum::<u64>(), 1_000);
        assert_eq!(tally.builds.len(), BUILDS_MAX);
    }
}
