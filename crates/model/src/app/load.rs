//! Load scenarios.

use serde::{Deserialize, Serialize};

use crate::units::{DurationMs, Rate};

/// A load scenario: what is sent, how much of it, for how long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Load {
    /// Requests in a span, sent whether answers come or not.
    pub rate: Rate,
    /// For how long.
    #[serde(rename = "for")]
    pub duration: DurationMs,
    /// Before samples count.
    pub warm_up: DurationMs,
    /// The file with the requests, relative to the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scenario: Option<String>,
    /// The route that it goes to, where all goes to one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    /// Clients that the requests are spread over; 1 is a single one.
    pub users: u32,
    /// Open WebSocket or SSE connections beside the requests.
    pub sockets: u32,
    /// How requests come.
    pub profile: LoadProfile,
    /// Whether the limits of the edge are in force for its clients.
    pub limiter: LimiterMode,
    /// The limit that its clients fall under, where it is not the route's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<String>,
}

/// How requests come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LoadProfile {
    /// Evenly.
    Constant,
    /// From nothing to the rate.
    Ramp,
    /// At once, at the middle.
    Step,
    /// At random (Poisson).
    Poisson,
}

/// Whether limits are in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LimiterMode {
    /// As for everybody.
    On,
    /// Each client has credentials of a tier that the load fits in.
    Tiered,
    /// 429 is what the scenario wants to see.
    Expected,
}
