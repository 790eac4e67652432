//! When and how often a process that ended is started again.

use std::collections::VecDeque;
use std::time::Duration;

use plimsoll_stdx::backoff::Backoff;
use serde::{Deserialize, Serialize};

/// When and how often.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestartPolicy {
    /// The wait before each start.
    pub backoff: Backoff,
    /// So many failures within `window_ms` end it; 0 is never.
    pub give_up_after: u32,
    /// The window in milliseconds.
    pub window_ms: u64,
    /// Ready for so long, in milliseconds, forgives what was before.
    pub stable_ms: u64,
}

impl Default for RestartPolicy {
    /// At once (0 to 100 ms) after the first failure, then up to 30 s apart. Twelve failures take two minutes at
    /// the least (0.1 + 0.2 + … + 12.8 + 25.6 + 30 + 30 s, half of it with the least luck): longer than a
    /// database takes to
    /// recover, shorter than a person waits.
    fn default() -> Self {
        Self {
            backoff: Backoff {
                base_ms: 100,
                cap_ms: 30_000,
            },
            give_up_after: 12,
            window_ms: 600_000,
            stable_ms: 10_000,
        }
    }
}

/// The failures that still count.
#[derive(Debug, Clone, Default)]
pub(super) struct Failures {
    at: VecDeque<Duration>,
    in_a_row: u32,
}

/// What follows a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Again(Duration),
    GiveUp,
}

/// Longest memory where a policy never gives up: enough for every count that one could mean.
const MAX_REMEMBERED: usize = 1000;

impl Failures {
    /// Counts a failure at `now`; `stable` is how long it had been ready before.
    pub(super) fn add(
        &mut self,
        policy: &RestartPolicy,
        now: Duration,
        stable: Option<Duration>,
        random: u64,
    ) -> Verdict {
        if stable.is_some_and(|stable| stable >= Duration::from_millis(policy.stable_ms)) {
            *self = Self::default();
        }
        let window = Duration::from_millis(policy.window_ms);
        self.at.retain(|&at| now.saturating_sub(at) <= window);
        if self.at.len() == MAX_REMEMBERED {
            self.at.pop_front();
        }
        self.at.push_back(now);
        self.in_a_row = self.in_a_row.saturating_add(1);
        if policy.give_up_after > 0 && self.at.len() >= policy.give_up_after as usize {
            return Verdict::GiveUp;
        }
        Verdict::Again(policy.backoff.delay(self.in_a_row, random))
    }
}
