//! Programs that run to their end.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::units::{Cron, DurationMs};

/// A program that runs at times, in the image and with the needs of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Job {
    /// When, in UTC.
    pub at: Cron,
    /// Whose image, needs and secrets: `service.NAME`.
    pub of: String,
    /// Program and arguments.
    pub run: Vec<String>,
    /// More variables.
    pub env: BTreeMap<String, String>,
    /// Time for one run.
    pub within: DurationMs,
    /// Tries of one run.
    pub tries: u32,
    /// Whether a run may start while the one before still runs.
    pub overlap: bool,
    /// What a failure does.
    pub failure: JobFailure,
    /// Names of `notify` that hear of a failure.
    pub notify: Vec<String>,
}

/// What a failed run does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JobFailure {
    /// A notice.
    Notify,
    /// Nothing.
    Ignore,
}
