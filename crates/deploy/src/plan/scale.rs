//! Changes that replace replicas where they stand: recreate and rolling. Nothing is shifted; every replica has its
//! part of the requests from the moment that it is ready.

use plimsoll_bundle::endpoints::Cohort;

use super::draft::Draft;
use crate::Group;
use crate::strategy::Move;

/// The moves of every service, dealt out to its groups.
pub(super) fn replace(draft: &mut Draft<'_>) {
    let want = draft.want;
    for (service, wanted) in &want.services {
        let new = draft.wanted(service, wanted, Cohort::Stable);
        let old = draft.groups(service, |group| group.revision != wanted.revision);
        let old_count = old.iter().map(|group| group.wanted).sum();
        let moves = want.strategy.moves(old_count, new.wanted, wanted.replicas);
        if moves.is_empty() {
            // Nothing moves, but a change is done only when what it leaves behind is ready.
            draft.ensure(service, &new, new.wanted);
        }
        for step in moves {
            match step {
                Move::New(count) => {
                    let new = draft.wanted(service, wanted, Cohort::Stable);
                    draft.scale(service, &new, count);
                }
                Move::Old(keep) => {
                    let old = draft.groups(service, |group| group.revision != wanted.revision);
                    shrink(draft, service, &old, keep);
                }
            }
        }
    }
}

/// Leaves `keep` replicas in all, taking from the oldest group first.
fn shrink(draft: &mut Draft<'_>, service: &str, groups: &[Group], keep: u32) {
    let total: u32 = groups.iter().map(|group| group.wanted).sum();
    let mut surplus = total.saturating_sub(keep);
    for group in groups {
        let drop = surplus.min(group.wanted);
        if drop > 0 {
            surplus -= drop;
            draft.scale(service, group, group.wanted - drop);
        }
    }
}
