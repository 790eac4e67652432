//! Properties of the planner against a target in memory.

use plimsoll_bundle::Digest;
use proptest::prelude::{Just, any, prop_assert, prop_assert_eq, prop_oneof, proptest};
use proptest::strategy::Strategy as Generator;

use crate::memory::Memory;
use crate::strategy::{WHOLE, needed};
use crate::{CanaryStep, Desired, DesiredService, Observed, Plan, Step, Strategy, Target};

/// Names are few, so that changes keep, change and remove all kinds of things.
fn desired(release: u32) -> impl Generator<Value = Desired> {
    let service = (0u8..3, 0u32..5, any::<bool>(), any::<bool>()).prop_map(
        |(revision, replicas, migrate, seed)| DesiredService {
            revision: Digest::of(&[revision]),
            replicas,
            migrate,
            rehearse: migrate,
            seed,
        },
    );
    (
        proptest::collection::btree_map("[ab]", (0u8..3).prop_map(|d| Digest::of(&[d])), 0..3),
        proptest::collection::btree_map("[xyz]", service, 0..4),
        (0u8..2, 0u8..3),
        strategy(),
    )
        .prop_map(
            move |(resources, services, (listen, table), strategy)| Desired {
                release: format!("r{release:012x}").parse().unwrap(),
                resources,
                listen: Digest::of(&[listen]),
                table: Digest::of(&[table]),
                services,
                strategy,
            },
        )
}

fn strategy() -> impl Generator<Value = Strategy> {
    prop_oneof![
        1 => Just(Strategy::Recreate),
        3 => rolling(),
        3 => canary(),
        3 => (0u64..2, 0u64..2).prop_map(|(keep_warm_ms, judge_ms)| Strategy::BlueGreen { keep_warm_ms, judge_ms }),
    ]
}

fn rolling() -> impl Generator<Value = Strategy> {
    (0u32..3, 0u32..3)
        .prop_filter("it can move", |(surge, unavailable)| {
            surge + unavailable > 0
        })
        .prop_map(|(surge, unavailable)| Strategy::Rolling { surge, unavailable })
}

fn canary() -> impl Generator<Value = Strategy> {
    proptest::collection::btree_set(1..=WHOLE, 1..4).prop_map(|shares| {
        let step = |share| CanaryStep { share, hold_ms: 1 };
        Strategy::Canary {
            steps: shares.into_iter().map(step).collect(),
        }
    })
}

/// What an undo must restore: schema and data stay, and what is kept warm has no requests and may be gone.
fn essence(now: &Observed) -> Observed {
    let mut now = now.cooled();
    now.migrated.clear();
    now.seeded.clear();
    for groups in now.services.values_mut() {
        groups.sort_by(|one, other| one.revision.cmp(&other.revision));
    }
    now
}

/// Services that are wanted and are there in another revision: those whose requests have to move.
fn changed<'a>(before: &Observed, want: &'a Desired) -> Vec<(&'a String, u32, &'a DesiredService)> {
    let mut changed = Vec::new();
    for (service, wanted) in &want.services {
        let groups = before.groups(service);
        let count: u32 = groups.iter().map(|group| group.wanted).sum();
        let all_old = groups.iter().all(|group| group.revision != wanted.revision);
        if all_old && count > 0 && wanted.replicas > 0 {
            changed.push((service, count, wanted));
        }
    }
    changed
}

proptest! {
    #[test]
    fn a_plan_that_was_applied_leaves_nothing_to_do(first in desired(1), second in desired(2)) {
        let target = Memory::brought_to(&[first, second.clone()]);
        let rest = Plan::try_new(&target.now, &second).unwrap();
        prop_assert!(rest.is_empty(), "{:?}", rest.lines());
        prop_assert_eq!(target.now.release.as_ref(), Some(&second.release));
        prop_assert_eq!(target.now.routed.as_ref().map(|(_, digest)| digest), Some(&second.table));
        for (service, wanted) in &second.services {
            let cooled = target.now.cooled();
            let ready: u32 = cooled.groups(service).iter().map(|group| group.ready).sum();
            prop_assert_eq!(ready, wanted.replicas);
            prop_assert!(cooled.groups(service).iter().all(|group| group.revision == wanted.revision));
        }
    }

    #[test]
    fn any_part_of_a_plan_undone_leaves_what_was_before(
        zeroth in desired(0), first in desired(1), second in desired(2), share in 0.0f64..=1.0,
    ) {
        let mut target = Memory::brought_to(&[zeroth, first]);
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
        prop_assert_eq!(essence(&target.now), essence(&before));
    }

    #[test]
    fn a_plan_resumed_from_any_point_ends_where_the_whole_plan_ends(
        first in desired(1), second in desired(2), cut in 0usize..30,
    ) {
        let mut target = Memory::brought_to(std::slice::from_ref(&first));
        let whole = Memory::brought_to(&[first, second.clone()]);
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
    fn from_any_point_of_a_plan_a_new_plan_reaches_any_goal(
        first in desired(1), second in desired(2), third in desired(3), cut in 0usize..30, goal in 0usize..3,
    ) {
        let mut target = Memory::brought_to(std::slice::from_ref(&first));
        target.documents.insert(second.release.clone(), second.clone());
        let steps = Plan::try_new(&target.now, &second).unwrap().steps;
        for step in steps.iter().take(cut) {
            target.apply(step).unwrap();
        }
        let want = [first, second, third][goal].clone();
        target.bring_to(&want);
        let rest = Plan::try_new(&target.now, &want).unwrap();
        prop_assert!(rest.is_empty(), "{:?}", rest.lines());
        prop_assert_eq!(target.now.release.as_ref(), Some(&want.release));
        for (service, wanted) in &want.services {
            let ready: u32 = target.now.cooled().groups(service).iter().map(|group| group.ready).sum();
            prop_assert_eq!(ready, wanted.replicas);
        }
    }

    #[test]
    fn a_rolling_change_stays_between_its_floor_and_its_ceiling(
        first in desired(1), second in desired(2), strategy in rolling(),
    ) {
        let Strategy::Rolling { surge, unavailable } = strategy else { unreachable!() };
        let mut target = Memory::brought_to(&[first]);
        target.now = target.now.cooled();
        let before = target.now.clone();
        let second = Desired { strategy, ..second };
        target.bring_to(&second);
        for (service, wanted) in &second.services {
            let old: u32 = before.groups(service).iter().map(|group| group.wanted).sum();
            for moment in target.moments.iter().filter(|moment| moment.service == *service) {
                prop_assert!(moment.total() >= old.min(wanted.replicas).saturating_sub(unavailable));
                prop_assert!(moment.total() <= old.max(wanted.replicas) + surge);
            }
        }
    }

    #[test]
    fn a_canary_never_takes_from_the_stable_replicas_what_their_share_needs(
        first in desired(1), second in desired(2), strategy in canary(),
    ) {
        let mut target = Memory::brought_to(&[first]);
        target.now = target.now.cooled();
        let before = target.now.clone();
        let second = Desired { strategy, ..second };
        target.bring_to(&second);
        for (service, old, wanted) in changed(&before, &second) {
            for moment in target.moments.iter().filter(|moment| moment.service == *service) {
                if moment.canary == 0 && moment.share == 0 && moment.stable == wanted.replicas {
                    // Before it begins, or after the end.
                    continue;
                }
                prop_assert!(moment.stable >= needed(old, WHOLE - moment.share), "{moment:?}");
                prop_assert!(moment.canary >= needed(wanted.replicas, moment.share), "{moment:?}");
                let peak = 2 * old.max(wanted.replicas) + 1;
                prop_assert!(moment.total() <= peak, "{moment:?}");
            }
        }
    }

    #[test]
    fn what_is_shifted_is_always_served_and_the_table_goes_with_all_of_it(
        zeroth in desired(0), first in desired(1), second in desired(2),
        strategy in prop_oneof![canary(), Just(Strategy::BlueGreen { keep_warm_ms: 1, judge_ms: 1 })],
    ) {
        let mut target = Memory::brought_to(&[zeroth, first]);
        target.now = target.now.cooled();
        let before = target.now.clone();
        let second = Desired { strategy, ..second };
        target.bring_to(&second);
        let old_table = before.routed.map(|(_, digest)| digest);
        let before = Observed { routed: None, ..before };
        for (service, _, _) in changed(&before, &second) {
            for moment in target.moments.iter().filter(|moment| moment.service == *service) {
                prop_assert!(moment.share == 0 || moment.canary > 0, "{moment:?}");
                prop_assert!(moment.share == WHOLE || moment.stable > 0, "{moment:?}");
                let is_over = moment.share == WHOLE || moment.canary == 0;
                let new = moment.table.as_ref() == Some(&second.table);
                prop_assert!(new || (moment.table == old_table && !(is_over && moment.share == WHOLE)), "{moment:?}");
                prop_assert!(is_over || !new || old_table.as_ref() == Some(&second.table), "{moment:?}");
            }
        }
    }

    #[test]
    fn what_was_kept_warm_is_reached_again_by_one_move_and_without_a_start(
        first in desired(1), second in desired(2),
    ) {
        let mut target = Memory::brought_to(std::slice::from_ref(&first));
        target.now = target.now.cooled();
        let warm = Strategy::BlueGreen { keep_warm_ms: 1, judge_ms: 0 };
        target.bring_to(&Desired { strategy: warm, ..second.clone() });
        if !target.now.keeps_warm() || first.services.keys().any(|name| !second.services.contains_key(name)) {
            // Nothing was shifted, or the way back needs more than what was kept.
            return Ok(());
        }
        let back = Plan::try_new(&target.now, &first).unwrap();
        let unchanged = |name: &String| {
            first.services.get(name).is_some_and(|one| {
                one.revision == second.services[name].revision && one.replicas != second.services[name].replicas
            })
        };
        if second.services.keys().any(unchanged) || second.services.values().any(|one| one.replicas == 0) {
            return Ok(());
        }
        let starts = back.steps.iter().any(|step| matches!(step, Step::Scale { from, to, .. } if to > from));
        let returns = first.services.values().all(|one| one.replicas > 0);
        prop_assert!(!returns || !starts, "{:?}", back.lines());
    }

    #[test]
    fn with_replicas_to_spare_the_new_is_ready_before_the_old_is_touched(first in desired(1), second in desired(2)) {
        let mut target = Memory::brought_to(&[first]);
        target.now = target.now.cooled();
        let plan = Plan::try_new(&target.now, &second).unwrap();
        let adds = matches!(second.strategy,
            Strategy::Rolling { surge: 1.., unavailable: 0 } | Strategy::Canary { .. } | Strategy::BlueGreen { .. });
        for (service, _, wanted) in changed(&target.now, &second) {
            let first_move = plan.steps.iter().find_map(|step| match step {
                Step::Scale { service: name, from, to, .. } if name == service => Some(to > from),
                _ => None,
            });
            prop_assert!(!adds || first_move == Some(true), "{wanted:?}");
        }
    }
}
