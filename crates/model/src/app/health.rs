//! Probes and warm-up.

use serde::{Deserialize, Serialize};

use crate::units::DurationMs;

/// Three questions to a replica, asked from outside it, for as long as it lives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Health {
    /// Has it started?
    pub startup: Startup,
    /// May it have traffic?
    pub readiness: Readiness,
    /// Must it be restarted?
    pub liveness: Liveness,
}

/// Has the replica started? Asked until the first success.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Startup {
    /// Path of the request; absent: a connection is enough.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub get: Option<String>,
    /// The port's name.
    pub port: String,
    /// Time between two questions.
    pub every: DurationMs,
    /// Time for one answer.
    pub timeout: DurationMs,
    /// Time for the whole start.
    pub within: DurationMs,
}

/// May the replica have traffic? Failure withdraws traffic and nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Readiness {
    /// Path of the request; absent: a connection is enough.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub get: Option<String>,
    /// The port's name.
    pub port: String,
    /// Time between two questions.
    pub every: DurationMs,
    /// Time for one answer.
    pub timeout: DurationMs,
    /// Failures in a row that withdraw traffic.
    pub fail: u32,
    /// Successes in a row that give it back.
    pub pass: u32,
}

/// Must the replica be restarted?
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Liveness {
    /// Path of the request; absent: a connection is enough.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub get: Option<String>,
    /// The port's name.
    pub port: String,
    /// Time between two questions.
    pub every: DurationMs,
    /// Time for one answer.
    pub timeout: DurationMs,
    /// Failures in a row that restart.
    pub fail: u32,
}

/// What one probe does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check<'a> {
    /// A request; 200 to 399 is success.
    Get {
        /// The port's name.
        port: &'a str,
        /// Path and perhaps a query.
        path: &'a str,
    },
    /// A TCP connection.
    Connect {
        /// The port's name.
        port: &'a str,
    },
    /// The service has no such port: that the process lives is all that can be asked.
    Alive,
}

/// Requests sent to a replica before it may be ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WarmUp {
    /// Method and path: `GET /version`.
    pub requests: Vec<String>,
    /// Time for all of them.
    pub within: DurationMs,
}
