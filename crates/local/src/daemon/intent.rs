//! What is asked of this machine: written before it is brought about, so that a daemon that starts knows what an
//! earlier one was doing.

use std::collections::{BTreeMap, BTreeSet};

use plimsoll_bundle::Digest;
use plimsoll_deploy::ReleaseId;
use plimsoll_store::state::{self, Format};
use serde::{Deserialize, Serialize};

use crate::{EnvDir, LocalError};

const FORMAT: Format = Format {
    name: "plimsoll.state",
    version: 1,
};

/// What is asked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Intent {
    /// Rises with every daemon.
    pub(crate) epoch: u64,
    /// The release in force. Outlives `down`.
    pub(crate) release: Option<ReleaseId>,
    /// The release whose listeners are open.
    pub(crate) listening: Option<ReleaseId>,
    /// The release whose table is in force.
    pub(crate) routed: Option<ReleaseId>,
    /// The table's generation at the gateway; rises for ever.
    pub(crate) table_generation: u64,
    /// Resources that run, each with the release whose document it runs by.
    pub(crate) resources: BTreeMap<String, ReleaseId>,
    /// Replicas by service, one group per revision, oldest first.
    pub(crate) services: BTreeMap<String, Vec<Wanted>>,
    /// Migrations that were done. Outlives `down`.
    pub(crate) migrated: BTreeSet<(ReleaseId, String)>,
    /// Seed data that was written. Outlives `down`.
    pub(crate) seeded: BTreeSet<(ReleaseId, String)>,
}

/// Replicas of one revision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Wanted {
    /// The revision.
    pub(crate) revision: Digest,
    /// The release that brought it.
    pub(crate) release: ReleaseId,
    /// How many.
    pub(crate) replicas: u32,
}

impl Intent {
    /// What was asked last, or nothing when nothing ever was.
    pub(crate) fn load(env: &EnvDir) -> Result<Self, LocalError> {
        match state::load(&env.state_file(), FORMAT) {
            Ok(intent) => Ok(intent),
            Err(error) if error.is_not_found() => Ok(Self::default()),
            Err(error) => Err(error.into()),
        }
    }

    /// Durable when it returns.
    pub(crate) fn save(&self, env: &EnvDir) -> Result<(), LocalError> {
        Ok(state::save(&env.state_file(), FORMAT, self)?)
    }

    /// Whether nothing is asked to run.
    pub(crate) fn is_idle(&self) -> bool {
        self.listening.is_none() && self.resources.is_empty() && self.services.is_empty()
    }

    /// Forgets all that runs, and keeps what outlives `down`.
    pub(crate) fn rest(&mut self) {
        self.listening = None;
        self.routed = None;
        self.resources.clear();
        self.services.clear();
    }

    /// Asks for `replicas` of one revision.
    pub(crate) fn scale(&mut self, service: &str, wanted: Wanted) {
        let groups = self.services.entry(service.to_owned()).or_default();
        match groups
            .iter_mut()
            .find(|group| group.revision == wanted.revision)
        {
            Some(group) => group.replicas = wanted.replicas,
            None => groups.push(wanted),
        }
        groups.retain(|group| group.replicas > 0);
        self.services.retain(|_, groups| !groups.is_empty());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StateDir;

    fn wanted(revision: &[u8], replicas: u32) -> Wanted {
        let release = "r000000000001".parse().unwrap();
        Wanted {
            revision: Digest::of(revision),
            release,
            replicas,
        }
    }

    #[test]
    fn an_intent_survives_the_disk_and_resting_keeps_what_outlives_down() {
        let project = tempfile::tempdir().unwrap();
        let env = StateDir::open(project.path())
            .unwrap()
            .environment("e")
            .unwrap();
        assert!(Intent::load(&env).unwrap().is_idle());
        let release: ReleaseId = "r000000000001".parse().unwrap();
        let mut intent = Intent {
            release: Some(release.clone()),
            ..Intent::default()
        };
        intent.migrated.insert((release, "api".into()));
        intent.scale("api", wanted(b"1", 2));
        intent.save(&env).unwrap();
        assert_eq!(Intent::load(&env).unwrap(), intent);
        assert!(!intent.is_idle());
        intent.rest();
        assert!(intent.is_idle() && intent.release.is_some() && intent.migrated.len() == 1);
    }

    #[test]
    fn groups_without_replicas_are_forgotten() {
        let mut intent = Intent::default();
        intent.scale("api", wanted(b"1", 2));
        intent.scale("api", wanted(b"2", 1));
        intent.scale("api", wanted(b"1", 0));
        assert_eq!(intent.services["api"].len(), 1);
        intent.scale("api", wanted(b"2", 0));
        assert!(intent.is_idle());
    }

    #[test]
    fn a_state_of_version_one_still_reads() {
        let project = tempfile::tempdir().unwrap();
        let env = StateDir::open(project.path())
            .unwrap()
            .environment("e")
            .unwrap();
        let text = include_bytes!("../../tests/formats/state.v1.json");
        plimsoll_stdx::fs::write_atomic(&env.state_file(), text).unwrap();
        let intent = Intent::load(&env).unwrap();
        assert_eq!(intent.services["api"], [wanted(b"1", 2)]);
    }
}
