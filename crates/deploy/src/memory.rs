//! A target in memory that does each step replica by replica and remembers what there was at every moment meanwhile.

use std::collections::BTreeMap;

use plimsoll_bundle::Digest;
use plimsoll_bundle::endpoints::Cohort;

use crate::strategy::WHOLE;
use crate::{
    Desired, Group, Observed, ObservedResource, ReleaseId, Shifted, Step, StepError, Target,
};

/// Knows the documents of every release by the release's name, as a real one does.
#[derive(Debug, Clone, Default)]
pub(crate) struct Memory {
    pub(crate) now: Observed,
    pub(crate) documents: BTreeMap<ReleaseId, Desired>,
    pub(crate) moments: Vec<Moment>,
}

/// What a service had at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Moment {
    pub(crate) service: String,
    pub(crate) stable: u32,
    pub(crate) fresh: u32,
    pub(crate) canary: u32,
    pub(crate) share: u32,
    pub(crate) table: Option<Digest>,
}

impl Moment {
    pub(crate) fn total(&self) -> u32 {
        self.stable + self.fresh + self.canary
    }
}

impl Memory {
    /// In the state that one release after the other leaves behind.
    pub(crate) fn brought_to(desired: &[Desired]) -> Self {
        let mut target = Self::default();
        for want in desired {
            target.bring_to(want);
        }
        target.moments.clear();
        target
    }

    /// Plans and does it.
    pub(crate) fn bring_to(&mut self, want: &Desired) -> Vec<Step> {
        self.documents.insert(want.release.clone(), want.clone());
        let steps = crate::Plan::try_new(&self.now, want).unwrap().steps;
        for step in &steps {
            self.apply(step).unwrap();
        }
        steps
    }

    fn look(&mut self) {
        for (service, groups) in &self.now.services {
            let count = |cohort| {
                let of_cohort = groups.iter().filter(|group| group.cohort == cohort);
                of_cohort.map(|group| group.wanted).sum()
            };
            self.moments.push(Moment {
                service: service.clone(),
                stable: count(Cohort::Stable),
                fresh: count(Cohort::Fresh),
                canary: count(Cohort::Canary),
                share: self.now.share(),
                table: self.now.routed.as_ref().map(|(_, digest)| digest.clone()),
            });
        }
    }

    fn scale(&mut self, service: &str, goal: &Group) {
        self.look();
        loop {
            let groups = self.now.services.entry(service.to_owned()).or_default();
            let is_it =
                |group: &Group| group.revision == goal.revision && group.cohort == goal.cohort;
            let at = groups.iter().position(is_it).unwrap_or_else(|| {
                groups.push(Group {
                    wanted: 0,
                    ready: 0,
                    ..goal.clone()
                });
                groups.len() - 1
            });
            let group = &mut groups[at];
            if group.wanted == goal.wanted {
                group.ready = goal.wanted;
                break;
            }
            group.wanted = if group.wanted < goal.wanted {
                group.wanted + 1
            } else {
                group.wanted - 1
            };
            group.ready = group.wanted;
            self.look();
        }
        self.tidy();
    }

    fn tidy(&mut self) {
        for groups in self.now.services.values_mut() {
            groups.retain(|group| group.wanted > 0);
            groups.sort_by(|one, other| {
                (&one.revision, one.cohort).cmp(&(&other.revision, other.cohort))
            });
        }
        self.now.services.retain(|_, groups| !groups.is_empty());
    }

    fn route(&mut self, to: Option<ReleaseId>) {
        self.now.routed = to.map(|id| (id.clone(), self.documents[&id].table.clone()));
    }

    fn shift(&mut self, to: ReleaseId, share: u32) {
        self.now.shift = (share > 0).then_some(Shifted { to, share });
    }

    /// What stands behind a release: not the replicas.
    fn ground(&mut self, step: Step) {
        let documents = &self.documents;
        match step {
            Step::Resource {
                name,
                to: Some(release),
                ..
            } => {
                let there = ObservedResource {
                    document: documents[&release].resources[&name].clone(),
                    release,
                    ready: true,
                };
                self.now.resources.insert(name, there);
            }
            Step::Resource { name, to: None, .. } => {
                self.now.resources.remove(&name);
            }
            Step::Listen { to, .. } => {
                self.now.listening = to.map(|id| (id.clone(), documents[&id].listen.clone()));
            }
            Step::Migrate { release, service } => {
                self.now.migrated.insert((release, service));
            }
            Step::Seed { release, service } => {
                self.now.seeded.insert((release, service));
            }
            other => panic!("{other:?}"),
        }
    }
}

impl Target for Memory {
    fn observe(&mut self) -> Result<Observed, StepError> {
        Ok(self.now.clone())
    }

    fn apply(&mut self, step: &Step) -> Result<(), StepError> {
        match step.clone() {
            Step::Scale {
                service,
                revision,
                release,
                cohort,
                to,
                ..
            } => {
                let goal = Group {
                    revision,
                    release,
                    cohort,
                    wanted: to,
                    ready: to,
                };
                self.scale(&service, &goal);
            }
            Step::Shift {
                to_release,
                to,
                table,
                ..
            } => {
                self.shift(to_release, to);
                if let Some(swap) = table {
                    self.route(swap.to);
                }
            }
            Step::Promote {
                release,
                services,
                from,
                to,
            } => {
                for service in services {
                    let groups = self.now.services.get_mut(&service).unwrap();
                    let of_release = groups
                        .iter_mut()
                        .filter(|group| group.cohort == from && group.release == release);
                    of_release.for_each(|group| group.cohort = to);
                }
                let share = if to == Cohort::Canary { WHOLE } else { 0 };
                self.shift(release, share);
                self.tidy();
            }
            Step::Cool { .. } => {
                self.now = self.now.cooled();
                self.tidy();
            }
            Step::Judge { .. } | Step::Rehearse { .. } => {}
            Step::Route { to, .. } => self.route(to),
            Step::Commit { to, .. } => self.now.release = to,
            ground @ (Step::Resource { .. }
            | Step::Listen { .. }
            | Step::Migrate { .. }
            | Step::Seed { .. }) => self.ground(ground),
        }
        self.look();
        Ok(())
    }
}
