//! Machines.

use serde::{Deserialize, Serialize};

use crate::units::{Bytes, CpuMillis};

/// What the app has to fit on, and with which tools it was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Platform {
    /// The smallest cluster: the sum of requests at `scale.min` has to fit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minimum: Option<Capacity>,
    /// The recommended cluster: the sum of requests at `scale.max` has to fit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recommended: Option<Capacity>,
    /// Versions of tools: name to version, checked before a build or a deploy.
    pub tools: std::collections::BTreeMap<String, String>,
}

/// A cluster, whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Capacity {
    /// CPUs.
    pub cpu: CpuMillis,
    /// Memory.
    pub memory: Bytes,
    /// Disk.
    pub storage: Bytes,
    /// Machines that it is spread over.
    pub nodes: u32,
}
