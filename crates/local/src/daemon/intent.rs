//! What is asked of this machine: written before it is brought about, so that a daemon that starts knows what an
//! earlier one was doing.

use std::collections::{BTreeMap, BTreeSet};

use plimsoll_bundle::Digest;
use plimsoll_bundle::endpoints::Cohort;
use plimsoll_deploy::{ReleaseId, Shifted};
use plimsoll_store::state::{self, Format};
use serde::{Deserialize, Serialize};

use crate::{EnvDir, LocalError};

const FORMAT: Format = Format {
    name: "plimsoll.state",
    version: 1,
};
/// Releases that are remembered as having been in force: more ways back than anybody takes.
const HISTORY: usize = 32;
/// All new requests, in permille.
const WHOLE: u32 = 1000;

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
    /// Replicas by service, one group per revision and cohort, oldest first.
    pub(crate) services: BTreeMap<String, Vec<Wanted>>,
    /// What the canary replicas get of the new requests; nothing is `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) shift: Option<Shifted>,
    /// Until when replicas that were left without requests are kept ready, in milliseconds since the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) warm_until_ms: Option<u64>,
    /// The newest lease that changed something: older ones are fenced off.
    #[serde(default)]
    pub(crate) fence: u64,
    /// Releases that were in force, the last one last; a way back shortens it. Outlives `down`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) history: Vec<ReleaseId>,
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
    /// Their part in a change.
    #[serde(default, skip_serializing_if = "Cohort::is_stable")]
    pub(crate) cohort: Cohort,
    /// How many.
    pub(crate) replicas: u32,
    /// Which ones, where the release does not tell them from others: the fresh ones.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(crate) ids: BTreeSet<String>,
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
        self.shift = None;
        self.warm_until_ms = None;
    }

    /// Asks for `replicas` of one group, whose members are `ids` where it lists them.
    pub(crate) fn scale(&mut self, service: &str, wanted: Wanted) {
        let groups = self.services.entry(service.to_owned()).or_default();
        match groups.iter_mut().find(|group| group.is_like(&wanted)) {
            Some(group) => {
                group.replicas = wanted.replicas;
                group.ids.extend(wanted.ids);
            }
            None => groups.push(wanted),
        }
        self.tidy();
    }

    /// A group that is gone names nobody any more, and one that shrank only those who are left.
    pub(crate) fn left(&mut self, service: &str, like: &Wanted, ids: &BTreeSet<String>) {
        let groups = self.services.get_mut(service).into_iter().flatten();
        for group in groups.filter(|group| group.is_like(like)) {
            group.ids.retain(|id| ids.contains(id));
        }
        self.tidy();
    }

    /// The part of a replica in a change.
    pub(crate) fn cohort(&self, service: &str, release: &str, id: &str) -> Cohort {
        let mut groups = self.services.get(service).into_iter().flatten();
        let named = groups.clone().find(|group| group.ids.contains(id));
        let group = named.or_else(|| {
            groups.find(|group| group.cohort != Cohort::Fresh && group.release.as_str() == release)
        });
        group.map_or(Cohort::Stable, |group| group.cohort)
    }

    /// The canaries' share in permille.
    pub(crate) fn share(&self) -> u32 {
        self.shift.as_ref().map_or(0, |shift| shift.share)
    }

    /// Whether the release in force has all requests, and others are still there for a way back.
    pub(crate) fn keeps_warm(&self) -> bool {
        let to = self.shift.as_ref().map(|shift| &shift.to);
        self.share() == WHOLE && to == self.release.as_ref()
    }

    /// The replicas of `release` in these services go from one cohort to another; to the canaries go all requests.
    pub(crate) fn promote(
        &mut self,
        (release, services): (&ReleaseId, &[String]),
        from: Cohort,
        to: Cohort,
    ) {
        for service in services {
            let groups = self.services.get_mut(service).into_iter().flatten();
            let of_release =
                groups.filter(|group| group.cohort == from && group.release == *release);
            of_release.for_each(|group| group.cohort = to);
        }
        self.shift = (to == Cohort::Canary).then(|| Shifted {
            to: release.clone(),
            share: WHOLE,
        });
    }

    /// What has no requests because a change moved them all is not asked for any more. The same as
    /// [`plimsoll_deploy::Observed::cooled`].
    pub(crate) fn cool(&mut self) {
        if self.share() != WHOLE {
            return;
        }
        for groups in self.services.values_mut() {
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
        self.shift = None;
        self.warm_until_ms = None;
        self.tidy();
    }

    /// `release` is in force. Where replicas without requests are left, they are kept until `warm_until_ms`.
    pub(crate) fn commit(&mut self, release: Option<ReleaseId>, warm_until_ms: u64) {
        self.release.clone_from(&release);
        self.warm_until_ms = self.keeps_warm().then_some(warm_until_ms);
        let Some(release) = release else { return };
        match self.history.iter().position(|one| *one == release) {
            Some(at) => self.history.truncate(at + 1),
            None => self.history.push(release),
        }
        let surplus = self.history.len().saturating_sub(HISTORY);
        self.history.drain(..surplus);
    }

    fn tidy(&mut self) {
        for groups in self.services.values_mut() {
            // One that is shrinking still has to name its members.
            groups.retain(|group| group.replicas > 0 || !group.ids.is_empty());
        }
        self.services.retain(|_, groups| !groups.is_empty());
    }
}

impl Wanted {
    /// Whether it is the same group, whatever its count.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        self.revision == other.revision && self.cohort == other.cohort
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
            cohort: Cohort::Stable,
            replicas,
            ids: BTreeSet::new(),
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

    fn group(revision: &[u8], release: &str, cohort: Cohort, ids: &[&str]) -> Wanted {
        Wanted {
            release: release.parse().unwrap(),
            cohort,
            ids: ids.iter().map(|id| (*id).to_owned()).collect(),
            ..wanted(revision, 2)
        }
    }

    const OLD: &str = "r000000000001";
    const NEW: &str = "r000000000002";

    fn shifting(share: u32) -> Intent {
        let mut intent = Intent {
            release: Some(OLD.parse().unwrap()),
            ..Intent::default()
        };
        intent.scale("api", group(b"1", OLD, Cohort::Stable, &[]));
        intent.scale("api", group(b"1", OLD, Cohort::Fresh, &["api-3"]));
        intent.scale("api", group(b"2", NEW, Cohort::Canary, &[]));
        intent.scale("other", group(b"3", OLD, Cohort::Stable, &[]));
        intent.shift = Some(Shifted {
            to: NEW.parse().unwrap(),
            share,
        });
        intent
    }

    #[test]
    fn a_replica_is_told_by_its_release_and_a_fresh_one_by_its_name() {
        let intent = shifting(50);
        let cohort = |release, id| intent.cohort("api", release, id);
        assert_eq!(cohort(OLD, "api-1"), Cohort::Stable);
        assert_eq!(cohort(OLD, "api-3"), Cohort::Fresh);
        assert_eq!(cohort(NEW, "api-4"), Cohort::Canary);
        assert_eq!(intent.cohort("other", OLD, "other-1"), Cohort::Stable);
        assert_eq!(intent.cohort("gone", OLD, "gone-1"), Cohort::Stable);
    }

    #[test]
    fn a_group_that_shrinks_names_its_members_until_they_are_gone() {
        let mut intent = shifting(50);
        let mut fresh = group(b"1", OLD, Cohort::Fresh, &[]);
        fresh.replicas = 0;
        intent.scale("api", fresh.clone());
        assert_eq!(intent.cohort("api", OLD, "api-3"), Cohort::Fresh);
        intent.left("api", &fresh, &BTreeSet::new());
        assert_eq!(intent.services["api"].len(), 2);
    }

    #[test]
    fn cooling_leaves_the_canaries_as_the_stable_ones_and_touches_nothing_before_all_is_theirs() {
        let mut intent = shifting(500);
        let before = intent.clone();
        intent.cool();
        assert_eq!(intent, before);
        let mut intent = shifting(1000);
        intent.commit(Some(NEW.parse().unwrap()), 77);
        assert_eq!(intent.warm_until_ms, Some(77));
        intent.cool();
        assert_eq!(
            intent.services["api"],
            [group(b"2", NEW, Cohort::Stable, &[])]
        );
        assert_eq!(intent.services["other"].len(), 1);
        assert_eq!((intent.shift, intent.warm_until_ms), (None, None));
    }

    #[test]
    fn a_promotion_taken_back_is_what_was_before() {
        let mut intent = shifting(1000);
        intent.cool();
        let (new, services): (ReleaseId, _) = (NEW.parse().unwrap(), ["api".to_owned()]);
        let cooled = intent.clone();
        intent.promote((&new, &services), Cohort::Stable, Cohort::Canary);
        assert_eq!(intent.share(), 1000);
        intent.promote((&new, &services), Cohort::Canary, Cohort::Stable);
        assert_eq!(intent, cooled);
    }

    #[test]
    fn the_history_is_cut_by_a_way_back_and_bounded() {
        let id = |number: usize| -> ReleaseId { format!("r{number:012x}").parse().unwrap() };
        let mut intent = Intent::default();
        for number in 0..HISTORY + 3 {
            intent.commit(Some(id(number)), 0);
        }
        assert_eq!(intent.history.len(), HISTORY);
        assert_eq!(intent.warm_until_ms, None, "nothing is left beside it");
        intent.commit(Some(id(HISTORY)), 0);
        assert_eq!(intent.history.last(), Some(&id(HISTORY)));
        assert_eq!(intent.history.len(), HISTORY - 2);
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
