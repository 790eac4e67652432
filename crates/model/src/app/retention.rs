//! How long data is kept.

use serde::{Deserialize, Serialize};

use crate::units::DurationMs;

/// How long each kind of data is kept; `retention` jobs of the app are told, and drills check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    /// Logs.
    pub logs: DurationMs,
    /// Data of daily work.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operational: Option<DurationMs>,
    /// The audit trail, at least.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audit: Option<DurationMs>,
    /// Releases that `cleanup` keeps, beside the one in use.
    pub releases: u32,
}
