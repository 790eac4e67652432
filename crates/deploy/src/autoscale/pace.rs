//! How fast a count may change.

use super::Change;

/// How one direction behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Direction {
    /// For how long what was asked for holds back what is asked for now, in milliseconds.
    pub window_ms: u64,
    /// How fast: the one that allows the largest change counts. Without any, nothing changes.
    pub policies: Vec<Policy>,
}

/// The most that a count may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// By so many replicas.
    Replicas {
        /// How many.
        count: u32,
        /// Within so many milliseconds.
        period_ms: u64,
    },
    /// By so much of what there was when the period began.
    Percent {
        /// How much.
        percent: u32,
        /// Within so many milliseconds.
        period_ms: u64,
    },
}

impl Policy {
    fn period_ms(self) -> u64 {
        match self {
            Self::Replicas { period_ms, .. } | Self::Percent { period_ms, .. } => period_ms,
        }
    }
}

impl Direction {
    /// The default of Kubernetes: at once, by the larger of 4 replicas and 100 % each 15 s.
    pub fn up() -> Self {
        Self {
            window_ms: 0,
            policies: vec![
                Policy::Replicas {
                    count: 4,
                    period_ms: 15_000,
                },
                Policy::Percent {
                    percent: 100,
                    period_ms: 15_000,
                },
            ],
        }
    }

    /// What the documents of the systems that this replaces say: after 300 s, by 25 % each 60 s.
    pub fn down() -> Self {
        Self {
            window_ms: 300_000,
            policies: vec![Policy::Percent {
                percent: 25,
                period_ms: 60_000,
            }],
        }
    }

    /// The longest time that is looked back.
    pub(super) fn longest_ms(&self) -> u64 {
        let periods = self.policies.iter().map(|policy| policy.period_ms());
        periods.chain([self.window_ms]).max().unwrap_or(0)
    }

    /// The highest count that may be reached from `current` now; never below it.
    pub(super) fn highest(&self, current: u32, changed: &[Change], now_ms: u64) -> u32 {
        let limits = self.policies.iter().map(|policy| {
            let began = began(*policy, current, changed, now_ms);
            match *policy {
                Policy::Replicas { count, .. } => began + f64::from(count),
                Policy::Percent { percent, .. } => {
                    (began * (1.0 + f64::from(percent) / 100.0)).ceil()
                }
            }
        });
        let highest = limits.fold(f64::from(current), f64::max);
        count(highest)
    }

    /// The lowest count that may be reached from `current` now; never above it.
    pub(super) fn lowest(&self, current: u32, changed: &[Change], now_ms: u64) -> u32 {
        let limits = self.policies.iter().map(|policy| {
            let began = began(*policy, current, changed, now_ms);
            match *policy {
                Policy::Replicas { count, .. } => began - f64::from(count),
                Policy::Percent { percent, .. } => began * (1.0 - f64::from(percent) / 100.0),
            }
        });
        let lowest = limits.fold(f64::from(current), f64::min);
        count(lowest)
    }
}

/// The count when the policy's period began: without what was changed since.
fn began(policy: Policy, current: u32, changed: &[Change], now_ms: u64) -> f64 {
    let since = changed
        .iter()
        .filter(|change| now_ms < change.at_ms.saturating_add(policy.period_ms()));
    let grown: f64 = since
        .map(|change| f64::from(change.to) - f64::from(change.from))
        .sum();
    f64::from(current) - grown
}

/// Rounded down, as Kubernetes does it; what is negative is none.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float that does not fit becomes the nearest number that does"
)]
fn count(number: f64) -> u32 {
    number as u32
}
