//! What an earlier change left half shifted: kept for a way back, gone on with, finished, or taken back.

use plimsoll_bundle::endpoints::Cohort;

use super::draft::Draft;
use super::{grounds, scale};
use crate::strategy::WHOLE;
use crate::{Desired, Group, Observed};

/// Whether the release is in force as it should be, and all that is beside it is kept for a way back.
pub(super) fn is_warm_and_done(now: &Observed, want: &Desired) -> bool {
    if !now.keeps_warm() || now.release.as_ref() != Some(&want.release) {
        return false;
    }
    let mut draft = Draft::new(&now.cooled(), want);
    grounds::lay(&mut draft);
    scale::replace(&mut draft);
    draft.route();
    draft.steps.is_empty()
}

/// Whether replicas of all that is wanted are still there, without requests: then one move of these goes back.
pub(super) fn can_return(now: &Observed, want: &Desired) -> bool {
    let is_there = |service: &String| {
        let wanted = &want.services[service];
        let mut groups = now.groups(service).iter();
        wanted.replicas == 0
            || groups
                .any(|group| group.cohort == Cohort::Stable && group.revision == wanted.revision)
    };
    now.share() == WHOLE && has_canary(now) && want.services.keys().all(is_there)
}

/// Leaves nothing half shifted but what this change goes on with. Replicas that have all requests stay; where the
/// others still have some, those go back to them.
pub(super) fn strays(draft: &mut Draft<'_>) {
    if goes_on(&draft.now, draft.want) && !draft.now.keeps_warm() {
        return;
    }
    if draft.now.share() == WHOLE {
        draft.cool();
    }
    if let Some(shift) = draft.now.shift.clone() {
        draft.shift(&shift.to, 0, false);
    }
    let services: Vec<String> = draft.now.services.keys().cloned().collect();
    for service in services {
        let strays = draft.groups(&service, |group| group.cohort != Cohort::Stable);
        draft.end(&service, &strays);
    }
}

/// Whether the canaries that there are, are those that the change wants and would shift to.
fn goes_on(now: &Observed, want: &Desired) -> bool {
    let is_wanted = |service: &String, group: &Group| match group.cohort {
        Cohort::Stable | Cohort::Fresh => true,
        Cohort::Canary => {
            let wanted = want.services.get(service);
            wanted.is_some_and(|wanted| wanted.revision == group.revision)
        }
    };
    let mut groups = now
        .services
        .iter()
        .flat_map(|(service, groups)| groups.iter().map(move |group| (service, group)));
    let shifted = now.shift.as_ref();
    want.strategy.shifts()
        && has_canary(now)
        && shifted.is_none_or(|shift| shift.to == want.release)
        && groups.all(|(service, group)| is_wanted(service, group))
}

fn has_canary(now: &Observed) -> bool {
    let mut groups = now.services.values().flatten();
    groups.any(|group| group.cohort == Cohort::Canary)
}
