//! What the Compose target needs to know.

use serde::{Deserialize, Serialize};

/// Settings of the Compose target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Compose {
    /// The project's name; the app's unless given.
    pub project: String,
    /// Profiles whose services are started.
    pub profiles: Vec<String>,
    /// Whether the monitoring stack is part of the file.
    pub monitoring: bool,
}
