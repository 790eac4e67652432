//! Where we want to be: a value that a target computes from its bundle.

use std::collections::BTreeMap;

use plimsoll_bundle::Digest;
use serde::{Deserialize, Serialize};

use crate::{ReleaseId, Strategy};

/// The state in which a release is in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Desired {
    /// The release.
    pub release: ReleaseId,
    /// Resources by name, each with the digest of its document.
    pub resources: BTreeMap<String, Digest>,
    /// The digest of what the edge listens on.
    pub listen: Digest,
    /// The digest of the routing table.
    pub table: Digest,
    /// Services that have replicas, by name.
    pub services: BTreeMap<String, DesiredService>,
    /// How old replicas give way, of all services together.
    pub strategy: Strategy,
}

/// A service of a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DesiredService {
    /// The digest of all that makes one of its replicas: two releases that agree on it share replicas.
    pub revision: Digest,
    /// Replicas.
    pub replicas: u32,
    /// Whether it has a migration, which runs once per release before its replicas.
    pub migrate: bool,
    /// Whether that migration is tried on a copy of the schema before.
    #[serde(default)]
    pub rehearse: bool,
    /// Whether it has seed data, which this environment wants once per release.
    pub seed: bool,
}
