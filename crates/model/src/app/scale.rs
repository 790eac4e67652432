//! How many replicas, how large, how spread.

use serde::{Deserialize, Serialize};

use crate::units::{Bytes, CpuMillis, DurationMs, Percent};

/// Replicas of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scale {
    /// At least.
    pub min: u32,
    /// At most; the same as `min` unless given.
    pub max: u32,
    /// At the first start; the same as `min` unless given.
    pub initial: u32,
    /// Target of CPU used over CPU requested; absent: CPU does not scale.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<Percent>,
    /// Target of memory used over memory requested; absent: memory does not scale.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<Percent>,
    /// Growing.
    pub up: ScaleUp,
    /// Shrinking.
    pub down: ScaleDown,
}

/// How the count grows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScaleUp {
    /// How long the need has to last.
    pub hold: DurationMs,
    /// The most that one period adds, as a share of the count.
    pub step: Percent,
    /// The period of `step`.
    pub every: DurationMs,
}

/// How the count shrinks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScaleDown {
    /// How long the lack of need has to last.
    pub hold: DurationMs,
    /// The most that one period takes away, as a share of the count.
    pub step: Percent,
    /// The period of `step`.
    pub every: DurationMs,
}

/// CPU of one replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CpuBudget {
    /// What it can count on.
    pub request: CpuMillis,
    /// What it is held to; the same as `request` unless given.
    pub limit: CpuMillis,
}

/// Memory of one replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemoryBudget {
    /// What it can count on.
    pub request: Bytes,
    /// What it is held to; the same as `request` unless given.
    pub limit: Bytes,
}

/// What a drain of machines has to leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Disruption {
    /// Ready replicas that have to stay; one below `scale.min` unless given.
    pub keep: u32,
}

/// Where replicas go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spread {
    /// Onto different machines, where there are enough.
    pub nodes: bool,
    /// Into different zones, where there are enough.
    pub zones: bool,
}
