//! The image that a service runs from on this machine.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Digest;

/// The image that a service runs from, with what it says about how its programs run. (What it starts is the service's
/// command.)
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageSpec {
    /// Its manifest's digest: the same in the release, in a registry, and in the name of the unpacked folder.
    pub digest: Digest,
    /// The image under the app's own layers, where it stands on one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<Digest>,
    /// Its environment; the service's own wins.
    pub env: BTreeMap<String, String>,
    /// Where its programs start; empty is `/`.
    pub workdir: String,
    /// `uid`, `name`, `uid:gid` or `name:group`; empty is root, as which nothing runs here.
    pub user: String,
    /// What asks its programs to end: `SIGTERM`.
    pub stop_signal: String,
}
