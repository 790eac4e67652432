//! Properties of the planner against a target in memory that does each step replica by replica and watches its own
//! counts meanwhile.

use std::collections::BTreeMap;

use plimsoll_bundle::Digest;
use proptest::prelude::{Just, any, prop_assert, prop_assert_eq, prop_oneof, proptest};
use proptest::strategy::Strategy as Generator;

use crate::{
    Desired, DesiredService, Group, Observed, ObservedResource, Plan, ReleaseId, Step, StepError,
    Strategy, Target,
};

/// A target in memory. It knows the documents of every release by the release's name, as a real one does.
#[derive(Debug, Clone, Default)]
pub(crate) struct Memory {
    pub(crate) now: Observed,
    pub(crate) documents: BTreeMap<ReleaseId, Desired>,
    /// Per service: the fewest ready and the most replicas that were ever seen.
    pub(crate) extremes: BTreeMap<String, (u32, u32)>,
}

impl Memory {
    fn total(&self, service: &str) -> u32 {
        self.now
            .groups(service)
            .iter()
            .map(|group| group.wanted)
            .sum()
    }

    fn watch(&mut self, service: &str) {
        let total = self.total(service);
        let seen = self
            .extremes
            .entry(service.to_owned())
            .or_insert((total, total));
        *seen = (seen.0.min(total), seen.1.max(total));
    }

    fn scale(&mut self, service: &str, revision: &Digest, release: &ReleaseId, to: u32) {
        self.watch(service);
        loop {
            let groups = self.now.services.entry(service.to_owned()).or_default();
            let at = groups.iter().position(|group| group.revision == *revision);
            let index = at.unwrap_or_else(|| {
                groups.push(Group {
                    revision: revision.clone(),
                    release: release.clone(),
                    wanted: 0,
                    ready: 0,
                });
                groups.len() - 1
            });
            let group = &mut groups[index];
            if group.wanted == to {
                group.ready = to;
                break;
            }
            group.wanted = if group.wanted < to {
                group.wanted + 1
            } else {
                group.wanted - 1
            };
            group.ready = group.wanted;
            self.watch(service);
        }
        if let Some(groups) = self.now.services.get_mut(service) {
            groups.retain(|group| group.wanted > 0);
            groups.sort_by(|one, other| one.revision.cmp(&other.revision));
        }
        self.now.services.retain(|_, groups| !groups.is_empty());
    }
}

impl Target for Memory {
    fn observe(&mut self) -> Result<Observed, StepError> {
        Ok(self.now.clone())
    }

    fn apply(&mut self, step: &Step) -> Result<(), StepError> {
        let documents = self.documents.clone();
        let document = |id: &ReleaseId| documents[id].clone();
        match step.clone() {
            Step::Resource {
                name,
                to: Some(release),
                ..
            } => {
                let document = document(&release).resources[&name].clone();
                let there = ObservedResource {
                    release,
                    document,
                    ready: true,
                };
                self.now.resources.insert(name, there);
            }
            Step::Resource { name, to: None, .. } => {
                self.now.resources.remove(&name);
            }
            Step::Listen { to, .. } => {
                self.now.listening = to.map(|id| (id.clone(), document(&id).listen));
            }
            Step::Migrate { release, service } => {
                self.now.migrated.insert((release, service));
            }
            Step::Seed { release, service } => {
                self.now.seeded.insert((release, service));
            }
            Step::Scale {
                service,
                revision,
                release,
                to,
                ..
            } => {
                self.scale(&service, &revision, &release, to);
            }
            Step::Route { to, .. } => {
                self.now.routed = to.map(|id| (id.clone(), document(&id).table));
            }
            Step::Commit { to, .. } => self.now.release = to,
        }
        Ok(())
    }
}

/// Names are few, so that changes keep, change and remove all kinds of things.
fn desired(release: u32) -> impl Generator<Value = Desired> {
    let service = (0u8..3, 0u32..5, any::<bool>(), any::<bool>(), strategy()).prop_map(
        |(revision, replicas, migrate, seed, strategy)| DesiredService {
            revision: Digest::of(&[revision]),
            replicas,
            migrate,
            seed,
            strategy,
        },
    );
    (
        proptest::collection::btree_map("[ab]", (0u8..3).prop_map(|d| Digest::of(&[d])), 0..3),
        proptest::collection::btree_map("[xyz]", service, 0..4),
        (0u8..2, 0u8..3),
    )
        .prop_map(move |(resources, services, (listen, table))| Desired {
            release: format!("r{release:012x}").parse().unwrap(),
            resources,
            listen: Digest::of(&[listen]),
            table: Digest::of(&[table]),
            services,
        })
}

fn strategy() -> impl Generator<Value = Strategy> {
    prop_oneof![
        1 => Just(Strategy::Recreate),
        6 => (0u32..3, 0u32..3)
            .prop_filter("it can move", |(surge, unavailable)| surge + unavailable > 0)
            .prop_map(|(surge, unavailable)| Strategy::Rolling { surge, unavailable }),
    ]
}

fn brought_to(desired: &[Desired]) -> Memory {
    let mut target = Memory::default();
    for want in desired {
        target.documents.insert(want.release.clone(), want.clone());
        for step in Plan::try_new(&target.now, want).unwrap().steps {
            target.apply(&step).unwrap();
        }
    }
    target
}

/// What an undo must restore: schema and data stay.
fn without_history(now: &Observed) -> Observed {
    let mut now = now.clone();
    now.migrated.clear();
    now.seeded.clear();
    now
}

proptest! {
    #[test]
    fn a_plan_that_was_applied_leaves_nothing_to_do(first in desired(1), second in desired(2)) {
        let target = brought_to(&[first, second.clone()]);
        let rest = Plan::try_new(&target.now, &second).unwrap();
        prop_assert!(rest.is_empty(), "{:?}", rest.lines());
        for (service, wanted) in &second.services {
            let ready: u32 = target.now.groups(service).iter().map(|group| group.ready).sum();
            prop_assert_eq!(ready, wanted.replicas);
        }
    }

    #[test]
    fn any_part_of_a_plan_undone_leaves_what_was_before(
        first in desired(1), second in desired(2), share in 0.0f64..=1.0,
    ) {
        let mut target = brought_to(&[first]);
        target.documents.insert(second.release.clone(), second.clone());
        let before = target.now.clone();
        let steps = Plan::try_new(&before, &second).unwrap().steps;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss,
            reason = "a share of a short list")]
        let count = (steps.len() as f64 * share) as usize;
        for step in &steps[..count] {
            target.apply(step).unwrap();
        }
        for step in steps[..count].iter().rev() {
            target.undo(step).unwrap();
        }
        prop_assert_eq!(without_history(&target.now), without_history(&before));
    }

    #[test]
    fn a_plan_resumed_from_any_point_ends_where_the_whole_plan_ends(
        first in desired(1), second in desired(2), cut in 0usize..30,
    ) {
        let mut target = brought_to(std::slice::from_ref(&first));
        let whole = brought_to(&[first, second.clone()]);
        target.documents.insert(second.release.clone(), second.clone());
        let steps = Plan::try_new(&target.now, &second).unwrap().steps;
        for step in steps.iter().take(cut) {
            target.apply(step).unwrap();
        }
        for step in steps.iter().skip(cut.saturating_sub(1)) {
            target.apply(step).unwrap();
        }
        prop_assert_eq!(target.now, whole.now);
    }

    #[test]
    fn a_rolling_change_stays_between_its_floor_and_its_ceiling(first in desired(1), second in desired(2)) {
        let mut target = brought_to(&[first]);
        target.documents.insert(second.release.clone(), second.clone());
        let before = target.now.clone();
        target.extremes.clear();
        for step in Plan::try_new(&before, &second).unwrap().steps {
            target.apply(&step).unwrap();
        }
        for (service, wanted) in &second.services {
            let Strategy::Rolling { surge, unavailable } = wanted.strategy else { continue };
            let old: u32 = before.groups(service).iter().map(|group| group.wanted).sum();
            let Some((fewest, most)) = target.extremes.get(service) else { continue };
            prop_assert!(*fewest >= old.min(wanted.replicas).saturating_sub(unavailable));
            prop_assert!(*most <= old.max(wanted.replicas) + surge);
        }
    }

    #[test]
    fn with_replicas_to_spare_the_new_is_ready_before_the_old_is_touched(first in desired(1), second in desired(2)) {
        let target = brought_to(&[first]);
        let plan = Plan::try_new(&target.now, &second).unwrap();
        for (service, wanted) in &second.services {
            let old: u32 = target.now.groups(service).iter()
                .filter(|group| group.revision != wanted.revision).map(|group| group.wanted).sum();
            let surges = matches!(wanted.strategy, Strategy::Rolling { surge: 1.., unavailable: 0 });
            let new = target.now.groups(service).iter().map(|group| group.wanted).sum::<u32>() - old;
            if !surges || old == 0 || new >= wanted.replicas { continue }
            let first_move = plan.steps.iter().find_map(|step| match step {
                Step::Scale { service: name, revision, from, to, .. } if name == service => {
                    Some(to > from && *revision == wanted.revision)
                }
                _ => None,
            });
            prop_assert_eq!(first_move, Some(true));
        }
    }
}
