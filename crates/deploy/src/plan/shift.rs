//! Changes that shift requests between replicas of two releases that stand side by side: canary, blue-green, and the
//! way back to replicas that are still there.

use plimsoll_bundle::endpoints::Cohort;

use super::draft::Draft;
use super::grounds;
use crate::strategy::{CanaryStep, WHOLE, fresh_share, needed};
use crate::{Group, Step, Strategy};

/// To the replicas of the wanted release.
pub(super) fn forth(draft: &mut Draft<'_>) {
    let shifted = shifted(draft);
    grow(draft, &shifted);
    let mut warm_ms = 0;
    if !shifted.is_empty() {
        match &draft.want.strategy {
            Strategy::Canary { steps } => {
                for step in steps {
                    canary(draft, &shifted, *step);
                }
                stage_all(draft, &shifted);
                draft.shift(&draft.want.release, WHOLE, true);
            }
            Strategy::BlueGreen {
                keep_warm_ms,
                judge_ms,
            } => {
                warm_ms = *keep_warm_ms;
                stage_all(draft, &shifted);
                draft.shift(&draft.want.release, WHOLE, true);
                if *judge_ms > 0 {
                    judge(draft, WHOLE, *judge_ms);
                }
            }
            Strategy::Recreate | Strategy::Rolling { .. } => {}
        }
    }
    draft.route();
    shrink(draft, &shifted);
    if warm_ms == 0 {
        end_left(draft, &shifted);
        grounds::remove(draft);
        draft.promote();
    }
    draft.commit(warm_ms);
}

/// Back to replicas that are still there without requests.
pub(super) fn back(draft: &mut Draft<'_>) {
    let want = draft.want;
    for (service, wanted) in &want.services {
        let there = draft.wanted(service, wanted, Cohort::Stable);
        draft.ensure(service, &there, wanted.replicas);
    }
    if let Some(shift) = draft.now.shift.clone() {
        draft.shift(&shift.to, 0, true);
    }
    draft.route();
    for (service, wanted) in &want.services {
        let left = draft.groups(service, |group| {
            group.cohort != Cohort::Stable || group.revision != wanted.revision
        });
        draft.end(service, &left);
    }
    grounds::remove(draft);
    draft.commit(0);
}

/// The services in which replicas of another revision have the requests now.
fn shifted(draft: &Draft<'_>) -> Vec<String> {
    let mut shifted = Vec::new();
    for (service, wanted) in &draft.want.services {
        let any = |pick: &dyn Fn(&Group) -> bool| draft.now.groups(service).iter().any(pick);
        let begun = any(&|group| group.cohort == Cohort::Canary);
        let is_stable = |group: &Group| group.cohort == Cohort::Stable;
        let there = any(&|group| is_stable(group) && group.revision == wanted.revision);
        let other = any(&|group| is_stable(group) && group.revision != wanted.revision);
        if begun || (other && !there && wanted.replicas > 0) {
            shifted.push(service.clone());
        }
    }
    shifted
}

/// Replicas of the services that need no shift: what is missing.
fn grow(draft: &mut Draft<'_>, shifted: &[String]) {
    let want = draft.want;
    for (service, wanted) in &want.services {
        let there = draft.wanted(service, wanted, Cohort::Stable);
        if !shifted.contains(service) && there.wanted <= wanted.replicas {
            draft.ensure(service, &there, wanted.replicas);
        }
    }
}

/// Replicas of the services that need no shift: what is too much, when everything else is in place.
fn shrink(draft: &mut Draft<'_>, shifted: &[String]) {
    let want = draft.want;
    for (service, wanted) in &want.services {
        if shifted.contains(service) {
            continue;
        }
        let there = draft.wanted(service, wanted, Cohort::Stable);
        draft.ensure(service, &there, wanted.replicas);
        let others = draft.groups(service, |group| {
            group.cohort != Cohort::Stable || group.revision != wanted.revision
        });
        draft.end(service, &others);
    }
}

/// One step of a canary: as many replicas as its share needs, the fresh ones beside them, the share, the judgement. A
/// step that an earlier run has passed is left out.
fn canary(draft: &mut Draft<'_>, shifted: &[String], step: CanaryStep) {
    if step.share < draft.now.share() {
        return;
    }
    for service in shifted {
        stage(draft, service, step.share);
    }
    draft.shift(&draft.want.release, step.share, step.share == WHOLE);
    judge(draft, step.share, step.hold_ms);
}

fn judge(draft: &mut Draft<'_>, share: u32, hold_ms: u64) {
    draft.steps.push(Step::Judge {
        release: draft.want.release.clone(),
        hold_ms,
        share,
    });
}

/// The replicas of one service for a share. Never more than twice the count and one: fresh and canary replicas together
/// have at most the work of the stable ones, which all stay, and rounding up adds one.
fn stage(draft: &mut Draft<'_>, service: &str, share: u32) {
    let wanted = &draft.want.services[service];
    let stable = draft.groups(service, |group| group.cohort == Cohort::Stable);
    for stray in draft.groups(service, |group| group.cohort == Cohort::Fresh) {
        if stable
            .last()
            .is_none_or(|stable| stable.revision != stray.revision)
        {
            draft.end(service, &[stray]);
        }
    }
    if let Some(stable) = stable.last() {
        let count: u32 = stable.wanted;
        let fresh = draft.like(
            service,
            Group {
                cohort: Cohort::Fresh,
                wanted: 0,
                ready: 0,
                ..stable.clone()
            },
        );
        draft.ensure(service, &fresh, needed(count, fresh_share(share)));
    }
    let canary = draft.wanted(service, wanted, Cohort::Canary);
    let count = needed(wanted.replicas, share).max(canary.wanted);
    draft.ensure(service, &canary, count);
}

/// All that is wanted, ready for all requests.
fn stage_all(draft: &mut Draft<'_>, shifted: &[String]) {
    for service in shifted {
        let fresh = draft.groups(service, |group| group.cohort == Cohort::Fresh);
        draft.end(service, &fresh);
        let wanted = &draft.want.services[service];
        let canary = draft.wanted(service, wanted, Cohort::Canary);
        draft.ensure(service, &canary, wanted.replicas.max(canary.wanted));
    }
}

/// What no longer has any requests goes, and what is too much.
fn end_left(draft: &mut Draft<'_>, shifted: &[String]) {
    for service in shifted {
        let left = draft.groups(service, |group| group.cohort != Cohort::Canary);
        draft.end(service, &left);
        let wanted = &draft.want.services[service];
        let canary = draft.wanted(service, wanted, Cohort::Canary);
        draft.ensure(service, &canary, wanted.replicas);
    }
}
