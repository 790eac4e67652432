//! A plan in the making: the steps so far, and where they lead.

use plimsoll_bundle::endpoints::Cohort;

use crate::observed::Shifted;
use crate::step::Swap;
use crate::strategy::WHOLE;
use crate::{Desired, DesiredService, Group, Observed, ReleaseId, Step};

/// The steps so far, and what a target has when they are applied.
pub(super) struct Draft<'a> {
    pub(super) now: Observed,
    pub(super) want: &'a Desired,
    pub(super) steps: Vec<Step>,
}

impl<'a> Draft<'a> {
    pub(super) fn new(now: &Observed, want: &'a Desired) -> Self {
        Self {
            now: now.clone(),
            want,
            steps: Vec::new(),
        }
    }

    /// The groups of `service` that `pick` picks, oldest first.
    pub(super) fn groups(&self, service: &str, pick: impl Fn(&Group) -> bool) -> Vec<Group> {
        let mut groups = self.now.groups(service).to_vec();
        groups.retain(pick);
        groups
    }

    /// The replicas of `service` that the release wants, in `cohort`: those that are there, or none yet.
    pub(super) fn wanted(&self, service: &str, wanted: &DesiredService, cohort: Cohort) -> Group {
        let empty = Group {
            revision: wanted.revision.clone(),
            release: self.want.release.clone(),
            cohort,
            wanted: 0,
            ready: 0,
        };
        self.like(service, empty)
    }

    /// The group of the same revision and cohort that is there, or `empty` itself.
    pub(super) fn like(&self, service: &str, empty: Group) -> Group {
        let mut there = self.now.groups(service).iter();
        there
            .rfind(|group| is_same(group, &empty))
            .cloned()
            .unwrap_or(empty)
    }

    /// `to` replicas of a group, whatever it has now.
    pub(super) fn scale(&mut self, service: &str, group: &Group, to: u32) {
        self.steps.push(Step::Scale {
            service: service.to_owned(),
            revision: group.revision.clone(),
            release: group.release.clone(),
            cohort: group.cohort,
            from: group.wanted,
            to,
        });
        let groups = self.now.services.entry(service.to_owned()).or_default();
        let (wanted, ready) = (to, to);
        let group = Group {
            wanted,
            ready,
            ..group.clone()
        };
        match groups.iter_mut().find(|there| is_same(there, &group)) {
            Some(there) => *there = group,
            None => groups.push(group),
        }
        groups.retain(|group| group.wanted > 0);
        self.now.services.retain(|_, groups| !groups.is_empty());
    }

    /// As [`Draft::scale`], but only where it changes something or has to wait for replicas that are not ready.
    pub(super) fn ensure(&mut self, service: &str, group: &Group, to: u32) {
        if group.wanted != to || group.ready < to {
            self.scale(service, group, to);
        }
    }

    /// None of these groups any more.
    pub(super) fn end(&mut self, service: &str, groups: &[Group]) {
        for group in groups.iter().filter(|group| group.wanted > 0) {
            self.scale(service, group, 0);
        }
    }

    /// The canaries of `release` get `share`; with all or nothing of the requests goes the table.
    pub(super) fn shift(&mut self, release: &ReleaseId, share: u32, table: bool) {
        let from = self.now.share();
        if from == share {
            return;
        }
        let table = table.then(|| self.swap()).flatten();
        if let Some(swap) = &table {
            let digest = self.want.table.clone();
            self.now.routed = swap.to.clone().map(|release| (release, digest));
        }
        self.now.shift = (share > 0).then(|| Shifted {
            to: release.clone(),
            share,
        });
        self.steps.push(Step::Shift {
            to_release: release.clone(),
            from,
            to: share,
            table,
        });
    }

    /// The wanted table in the place of the one in force, where it says something else.
    fn swap(&self) -> Option<Swap> {
        let routed = self.now.routed.as_ref();
        if routed.is_some_and(|(_, digest)| *digest == self.want.table) {
            return None;
        }
        Some(Swap {
            from: routed.map(|(release, _)| release.clone()),
            to: Some(self.want.release.clone()),
        })
    }

    /// The wanted table is in force.
    pub(super) fn route(&mut self) {
        if let Some(Swap { from, to }) = self.swap() {
            self.now.routed = to.clone().map(|release| (release, self.want.table.clone()));
            self.steps.push(Step::Route { from, to });
        }
    }

    /// The canaries are the stable replicas: the shift has moved everything.
    pub(super) fn promote(&mut self) {
        if self.now.share() != WHOLE {
            return;
        }
        let mut services = Vec::new();
        for (service, groups) in &mut self.now.services {
            for group in groups {
                if group.cohort == Cohort::Canary {
                    group.cohort = Cohort::Stable;
                    services.push(service.clone());
                }
            }
        }
        self.now.shift = None;
        self.steps.push(Step::Promote {
            release: self.want.release.clone(),
            services,
            from: Cohort::Canary,
            to: Cohort::Stable,
        });
    }

    /// What no longer has any requests is ended, and the canaries are the stable replicas.
    pub(super) fn cool(&mut self) {
        if let Some(shift) = self.now.shift.clone() {
            self.now = self.now.cooled();
            self.steps.push(Step::Cool { release: shift.to });
        }
    }

    /// The release is in force; what has no requests is kept ready for `warm_ms`.
    pub(super) fn commit(&mut self, warm_ms: u64) {
        let to = Some(self.want.release.clone());
        if self.now.release == to && warm_ms == 0 {
            return;
        }
        let from = std::mem::replace(&mut self.now.release, to.clone());
        self.steps.push(Step::Commit { from, to, warm_ms });
    }
}

fn is_same(one: &Group, other: &Group) -> bool {
    one.revision == other.revision && one.cohort == other.cohort
}
