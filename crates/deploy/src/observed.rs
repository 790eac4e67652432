//! Where we are: a value that a target reports.

use std::collections::{BTreeMap, BTreeSet};

use plimsoll_bundle::Digest;
use plimsoll_bundle::endpoints::Cohort;
use serde::{Deserialize, Serialize};

use crate::ReleaseId;
use crate::strategy::WHOLE;

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
    /// Replicas by service; within a service one group per revision and cohort, oldest first.
    pub services: BTreeMap<String, Vec<Group>>,
    /// What the canary replicas get of the new requests; `None` is nothing.
    #[serde(default)]
    pub shift: Option<Shifted>,
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

/// Replicas of one revision of a service that have the same part in a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// The digest of all that makes one replica.
    pub revision: Digest,
    /// The release that brought it.
    pub release: ReleaseId,
    /// Their part in a change.
    #[serde(default, skip_serializing_if = "Cohort::is_stable")]
    pub cohort: Cohort,
    /// Replicas that are asked for.
    pub wanted: u32,
    /// Replicas that are ready.
    pub ready: u32,
}

/// How far a change has moved the requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shifted {
    /// The release that gets them: the canary's.
    pub to: ReleaseId,
    /// Its share of new requests in permille, 1 to [`WHOLE`].
    pub share: u32,
}

impl Observed {
    /// The groups of `service`, oldest first.
    pub fn groups(&self, service: &str) -> &[Group] {
        self.services.get(service).map_or(&[], Vec::as_slice)
    }

    /// The canary's share in permille.
    pub fn share(&self) -> u32 {
        self.shift.as_ref().map_or(0, |shift| shift.share)
    }

    /// Whether the release in force has all requests, and replicas of the one before are still there for a way back.
    pub fn keeps_warm(&self) -> bool {
        let to = self.shift.as_ref().map(|shift| &shift.to);
        self.share() == WHOLE && to == self.release.as_ref()
    }

    /// What is left when the change that moved all requests is over: the canaries are the stable replicas, and those
    /// that get nothing are gone.
    #[must_use]
    pub fn cooled(&self) -> Self {
        let mut cooled = self.clone();
        if self.share() != WHOLE {
            return cooled;
        }
        for groups in cooled.services.values_mut() {
            let shifted = groups.iter().any(|group| group.cohort == Cohort::Canary);
            groups.retain(|group| match group.cohort {
                Cohort::Stable => !shifted,
                Cohort::Fresh => false,
                Cohort::Canary => true,
            });
            for group in groups {
                group.cohort = Cohort::Stable;
            }
        }
        cooled.services.retain(|_, groups| !groups.is_empty());
        cooled.shift = None;
        cooled
    }
}
