//! From where we are to where we want to be: pure, total, and the same for the same input.

use serde::{Deserialize, Serialize};

use crate::strategy::Move;
use crate::{Desired, DesiredService, Group, Observed, ReleaseId, Step};

/// The steps of one change, in order. A value: it is shown, kept in the journal, and consumed by the executor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The release in force before.
    pub from: Option<ReleaseId>,
    /// The release in force after.
    pub to: ReleaseId,
    /// What is done, first to last.
    pub steps: Vec<Step>,
}

/// Why there is no plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// A rolling change that may neither add nor miss a replica never moves.
    #[error("the rollout of `{service}` cannot move: surge and unavailable are both 0")]
    Stuck {
        /// The service.
        service: String,
    },
}

impl Plan {
    /// The steps from `now` to `want`: resources, the edge's listeners, migrations, seed data, replicas, the table,
    /// then what the release no longer has, and the commit. Empty when there is nothing to do.
    pub fn try_new(now: &Observed, want: &Desired) -> Result<Self, PlanError> {
        for (service, wanted) in &want.services {
            if !wanted.strategy.can_move() {
                return Err(PlanError::Stuck {
                    service: service.clone(),
                });
            }
        }
        let mut steps = Vec::new();
        resources(now, want, &mut steps);
        listeners(now, want, &mut steps);
        preparations(now, want, &mut steps);
        for (service, wanted) in &want.services {
            replicas(service, now.groups(service), (want, wanted), &mut steps);
        }
        table(now, want, &mut steps);
        removals(now, want, &mut steps);
        if now.release.as_ref() != Some(&want.release) {
            let to = Some(want.release.clone());
            steps.push(Step::Commit {
                from: now.release.clone(),
                to,
            });
        }
        Ok(Self {
            from: now.release.clone(),
            to: want.release.clone(),
            steps,
        })
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// One line per step, for people.
    pub fn lines(&self) -> Vec<String> {
        self.steps.iter().map(Step::describe).collect()
    }
}

fn resources(now: &Observed, want: &Desired, steps: &mut Vec<Step>) {
    for (name, document) in &want.resources {
        let there = now.resources.get(name);
        if there.is_some_and(|there| there.ready && there.document == *document) {
            continue;
        }
        let from = there.map(|there| there.release.clone());
        let to = Some(want.release.clone());
        steps.push(Step::Resource {
            name: name.clone(),
            from,
            to,
        });
    }
}

fn listeners(now: &Observed, want: &Desired, steps: &mut Vec<Step>) {
    if now
        .listening
        .as_ref()
        .is_some_and(|(_, digest)| *digest == want.listen)
    {
        return;
    }
    let from = now.listening.as_ref().map(|(release, _)| release.clone());
    steps.push(Step::Listen {
        from,
        to: Some(want.release.clone()),
    });
}

fn preparations(now: &Observed, want: &Desired, steps: &mut Vec<Step>) {
    let release = &want.release;
    for (service, wanted) in &want.services {
        let key = (release.clone(), service.clone());
        if wanted.migrate && !now.migrated.contains(&key) {
            steps.push(Step::Migrate {
                release: release.clone(),
                service: service.clone(),
            });
        }
        if wanted.seed && !now.seeded.contains(&key) {
            steps.push(Step::Seed {
                release: release.clone(),
                service: service.clone(),
            });
        }
    }
}

/// The moves of one service, dealt out to its groups: old replicas go oldest revision first.
fn replicas(
    service: &str,
    groups: &[Group],
    (want, wanted): (&Desired, &DesiredService),
    steps: &mut Vec<Step>,
) {
    let (mut same, mut old): (Vec<Group>, Vec<Group>) = groups
        .iter()
        .cloned()
        .partition(|group| group.revision == wanted.revision);
    let mut new = same.pop().unwrap_or_else(|| Group {
        revision: wanted.revision.clone(),
        release: want.release.clone(),
        wanted: 0,
        ready: 0,
    });
    let before = steps.len();
    let old_count = old.iter().map(|group| group.wanted).sum();
    for step in wanted
        .strategy
        .moves(old_count, new.wanted, wanted.replicas)
    {
        match step {
            Move::New(count) => scale(service, &mut new, count, steps),
            Move::Old(keep) => shrink(service, &mut old, keep, steps),
        }
    }
    if steps.len() == before && new.ready < new.wanted {
        // Nothing moves, but a change is done only when what it leaves behind is ready.
        let count = new.wanted;
        scale(service, &mut new, count, steps);
    }
}

/// Leaves `keep` replicas in all, taking from the oldest group first.
fn shrink(service: &str, groups: &mut [Group], keep: u32, steps: &mut Vec<Step>) {
    let total: u32 = groups.iter().map(|group| group.wanted).sum();
    let mut surplus = total.saturating_sub(keep);
    for group in groups {
        let drop = surplus.min(group.wanted);
        if drop > 0 {
            surplus -= drop;
            let count = group.wanted - drop;
            scale(service, group, count, steps);
        }
    }
}

fn scale(service: &str, group: &mut Group, to: u32, steps: &mut Vec<Step>) {
    steps.push(Step::Scale {
        service: service.to_owned(),
        revision: group.revision.clone(),
        release: group.release.clone(),
        from: group.wanted,
        to,
    });
    group.wanted = to;
}

fn table(now: &Observed, want: &Desired, steps: &mut Vec<Step>) {
    if now
        .routed
        .as_ref()
        .is_some_and(|(_, digest)| *digest == want.table)
    {
        return;
    }
    let from = now.routed.as_ref().map(|(release, _)| release.clone());
    steps.push(Step::Route {
        from,
        to: Some(want.release.clone()),
    });
}

/// What runs and is no part of the release any more goes last, when nothing routes to it.
fn removals(now: &Observed, want: &Desired, steps: &mut Vec<Step>) {
    for (service, groups) in &now.services {
        if !want.services.contains_key(service) {
            shrink(service, &mut groups.clone(), 0, steps);
        }
    }
    for (name, there) in &now.resources {
        if !want.resources.contains_key(name) {
            let from = Some(there.release.clone());
            steps.push(Step::Resource {
                name: name.clone(),
                from,
                to: None,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use plimsoll_bundle::Digest;

    use super::*;
    use crate::Strategy;

    fn want(release: &str, revision: &str) -> Desired {
        Desired {
            release: release.parse().unwrap(),
            resources: BTreeMap::from([("db".into(), Digest::of(b"db"))]),
            listen: Digest::of(b"listen"),
            table: Digest::of(release.as_bytes()),
            services: BTreeMap::from([(
                "api".into(),
                DesiredService {
                    revision: Digest::of(revision.as_bytes()),
                    replicas: 2,
                    migrate: true,
                    seed: true,
                    strategy: Strategy::Rolling {
                        surge: 1,
                        unavailable: 0,
                    },
                },
            )]),
        }
    }

    #[test]
    fn a_first_deploy_brings_everything_from_nothing_in_order() {
        let plan = Plan::try_new(&Observed::default(), &want("r000000000001", "one")).unwrap();
        assert_eq!(
            plan.lines(),
            [
                "have db ready",
                "open the edge",
                "migrate the schema of api",
                "fill api with development data",
                "api of r000000000001: 0 to 2 replicas",
                "route by r000000000001",
                "r000000000001 is in force",
            ]
        );
    }

    #[test]
    fn a_rolling_change_starts_one_before_it_stops_one() {
        let first = want("r000000000001", "one");
        let mut now = Observed {
            release: Some(first.release.clone()),
            listening: Some((first.release.clone(), first.listen.clone())),
            routed: Some((first.release.clone(), first.table.clone())),
            ..Observed::default()
        };
        now.services.insert(
            "api".into(),
            vec![Group {
                revision: Digest::of(b"one"),
                release: first.release.clone(),
                wanted: 2,
                ready: 2,
            }],
        );
        let mut second = want("r000000000002", "two");
        second.resources.clear();
        let plan = Plan::try_new(&now, &second).unwrap();
        assert_eq!(
            plan.lines()[2..6],
            [
                "api of r000000000002: 0 to 1 replica",
                "api of r000000000001: 2 to 1 replica",
                "api of r000000000002: 1 to 2 replicas",
                "api of r000000000001: 1 to 0 replicas",
            ]
        );
    }

    #[test]
    fn a_rollout_that_may_neither_add_nor_miss_is_refused() {
        let mut want = want("r000000000001", "one");
        if let Some(service) = want.services.get_mut("api") {
            service.strategy = Strategy::Rolling {
                surge: 0,
                unavailable: 0,
            };
        }
        let error = Plan::try_new(&Observed::default(), &want).unwrap_err();
        assert!(matches!(error, PlanError::Stuck { service } if service == "api"));
    }

    #[test]
    fn a_plan_survives_the_journal() {
        let plan = Plan::try_new(&Observed::default(), &want("r000000000001", "one")).unwrap();
        let text = serde_json::to_string(&plan).unwrap();
        assert_eq!(serde_json::from_str::<Plan>(&text).unwrap(), plan);
    }
}
