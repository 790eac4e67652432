//! Which lines of output are wanted.

use serde::{Deserialize, Serialize};

/// Lines that were written before: enough to fill some screens, few enough for one answer each.
pub const TAIL_DEFAULT: u32 = 200;

/// Lines of the past that may be asked for, per process: some megabytes of a terminal's memory.
pub const TAIL_MAX: u32 = 10_000;

/// Which lines are wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogFilter {
    /// Services, resources or single replicas by name; empty is all.
    pub names: Vec<String>,
    /// How many lines of the past, per process.
    pub tail: u32,
}

impl Default for LogFilter {
    fn default() -> Self {
        Self {
            names: Vec::new(),
            tail: TAIL_DEFAULT,
        }
    }
}

impl LogFilter {
    /// Whether the process `instance` of `service` is meant.
    pub fn covers(&self, service: &str, instance: &str) -> bool {
        self.names.is_empty()
            || self
                .names
                .iter()
                .any(|name| name == service || name == instance)
    }
}
