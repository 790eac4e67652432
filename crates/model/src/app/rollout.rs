//! How a release replaces the one before.

use serde::{Deserialize, Serialize};

use crate::units::{Bound, DurationMs, Percent};

/// The strategy and its figures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rollout {
    /// The strategy.
    pub strategy: Strategy,
    /// Replicas above the wanted count that a rolling change may have.
    pub surge: u32,
    /// Replicas below the wanted count that a rolling change may have.
    pub unavailable: u32,
    /// Steps of a canary.
    pub steps: Vec<CanaryStep>,
    /// What keeps one visitor on one release during a canary.
    pub sticky: Sticky,
    /// What the new release is judged by while it has traffic.
    pub judge: Judge,
    /// How long the old colour stays ready after a blue-green switch.
    pub keep_warm: DurationMs,
    /// Whether a failed change is undone without asking.
    pub undo: bool,
    /// Time for the whole change.
    pub within: DurationMs,
}

impl Rollout {
    /// The most replicas of a service that can run at once during a change, when `max` is the most outside one.
    pub fn peak(&self, max: u32) -> u32 {
        match self.strategy {
            Strategy::Rolling => max.saturating_add(self.surge),
            // All old ones stay; beside them are the new ones and, as their control, some old ones started anew.
            Strategy::Canary => max.saturating_mul(2).saturating_add(1),
            Strategy::BlueGreen => max.saturating_mul(2),
            Strategy::Recreate => max,
        }
    }
}

/// How a release replaces the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// One replica after the other.
    Rolling,
    /// A growing share of traffic, judged at each step.
    Canary,
    /// All at once, beside the old.
    BlueGreen,
    /// The old stops, then the new starts.
    Recreate,
}

/// One step of a canary.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CanaryStep {
    /// Share of traffic.
    pub weight: Percent,
    /// For how long.
    pub hold: DurationMs,
}

/// What keeps one visitor on one release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sticky {
    /// Nothing.
    None,
    /// A cookie.
    Cookie,
}

/// What a new release is judged by; absent bounds are not judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Judge {
    /// Share of failed requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errors: Option<Bound>,
    /// 95th percentile of latency.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p95: Option<Bound>,
    /// Requests that a judgement needs at least.
    pub samples: u32,
}
