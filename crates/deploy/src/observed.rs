//! Where we are: a value that a target reports.

use std::collections::{BTreeMap, BTreeSet};

use plimsoll_bundle::Digest;
use serde::{Deserialize, Serialize};

use crate::ReleaseId;

/// What a target has now.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observed {
    /// The release that was last committed.
    pub release: Option<ReleaseId>,
    /// The release whose listeners are open, and their digest.
    pub listening: Option<(ReleaseId, Digest)>,
    /// The release whose table is in force, and its digest.
    pub routed: Option<(ReleaseId, Digest)>,
    /// Resources that run, by name.
    pub resources: BTreeMap<String, ObservedResource>,
    /// Replicas by service; within a service one group per revision, oldest first.
    pub services: BTreeMap<String, Vec<Group>>,
    /// Migrations that were done, as (release, service).
    pub migrated: BTreeSet<(ReleaseId, String)>,
    /// Seed data that was written, as (release, service).
    pub seeded: BTreeSet<(ReleaseId, String)>,
}

/// A resource that runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObservedResource {
    /// The release that its document came from.
    pub release: ReleaseId,
    /// The digest of that document.
    pub document: Digest,
    /// Whether it answers.
    pub ready: bool,
}

/// Replicas of one revision of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// The digest of all that makes one replica.
    pub revision: Digest,
    /// The release that brought it.
    pub release: ReleaseId,
    /// Replicas that are asked for.
    pub wanted: u32,
    /// Replicas that are ready.
    pub ready: u32,
}

impl Observed {
    /// The groups of `service`, oldest first.
    pub fn groups(&self, service: &str) -> &[Group] {
        self.services.get(service).map_or(&[], Vec::as_slice)
    }
}
