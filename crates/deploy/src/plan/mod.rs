//! From where we are to where we want to be: pure, total, and the same for the same input.

mod draft;
mod grounds;
mod scale;
mod settle;
mod shift;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::{Desired, Observed, ReleaseId, Step};
use draft::Draft;

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
    /// The strategy never gets from the old to the new.
    #[error(
        "the rollout cannot move: surge and unavailable are both 0, or the shares of the canary do not rise from 0.1% to 100%"
    )]
    Stuck,
}

impl Plan {
    /// The steps from `now` to `want`, of all services as one change: what the release stands on (resources, listeners,
    /// migrations, seed data), its replicas, the move of the requests and the table, what it no longer has, and the
    /// commit. Empty when there is nothing to do.
    ///
    /// What an earlier change left half shifted is finished or taken back first, unless this one goes on with it.
    pub fn try_new(now: &Observed, want: &Desired) -> Result<Self, PlanError> {
        if !want.strategy.can_move() {
            return Err(PlanError::Stuck);
        }
        let steps = if settle::is_warm_and_done(now, want) {
            Vec::new()
        } else {
            steps(now, want)
        };
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

    /// How many of the first steps may stay as they are when step `failed` has failed: as far as nothing has moved a
    /// request, so that the release in force has all of them, by its own table. Of the failed step itself only replicas
    /// stay, to be looked at: on a resource or the edge, half done, others depend.
    pub fn harmless(&self, failed: usize) -> usize {
        let moves = self.steps.iter().position(Step::moves_requests);
        let turn = moves.unwrap_or(self.steps.len());
        let is_scale = matches!(self.steps.get(failed), Some(Step::Scale { .. }));
        turn.min(if is_scale { failed + 1 } else { failed })
    }

    /// One line per step, for people.
    pub fn lines(&self) -> Vec<String> {
        self.steps.iter().map(Step::describe).collect()
    }
}

fn steps(now: &Observed, want: &Desired) -> Vec<Step> {
    let mut draft = Draft::new(now, want);
    let returns = settle::can_return(now, want);
    if !returns {
        settle::strays(&mut draft);
    }
    grounds::lay(&mut draft);
    if returns {
        shift::back(&mut draft);
    } else if want.strategy.shifts() {
        shift::forth(&mut draft);
    } else {
        scale::replace(&mut draft);
        draft.route();
        grounds::remove(&mut draft);
        draft.commit(0);
    }
    draft.steps
}
