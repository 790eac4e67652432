//! The matching engine: passes over two stores, each row claimed at most once.

mod assign;
mod compare;
mod evidence;
mod join;
mod keys;
mod solve;

use std::ops::ControlFlow;

use thiserror::Error;

pub use evidence::{Evidence, evidence};

use crate::outcome::{ConservationError, MatchStatus, NONE, Outcome, Pair, PassStats};
use crate::rules::{MatchOutcome, Pass, RuleError, RuleSet};
use crate::txn::TxnStore;

/// Candidates that one block may have. A block of 1,000 left and 1,000 right rows that all fit each other has a
/// million; at 24 bytes for a candidate that is 24 MiB of working memory. Blocks beyond it are left open and counted: a
/// person has to look at them, and no assignment of them would be more than a guess.
pub const MAX_BLOCK_EDGES: usize = 1 << 20;

/// Candidates that one pass may look at in blocks of several rows, all blocks together: some seconds of work.
pub const MAX_PASS_EDGES: usize = 1 << 26;

/// How a run is to be done; the result depends on none of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RunOptions {
    /// Seed of the hash of keys. A service passes a random number, so that nobody can craft a file whose keys collide.
    pub hash_seed: u64,
}

/// How far a run has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress<'a> {
    /// The place of the running pass in [`RuleSet::passes`].
    pub pass: usize,
    /// Its name.
    pub pass_name: &'a str,
    /// Rows walked so far over all passes; never falls.
    pub processed: u64,
    /// Rows to walk over all passes.
    pub total: u64,
    /// Matches confirmed so far.
    pub matched: u64,
    /// Matches suggested so far.
    pub suggested: u64,
}

/// Why there is no outcome.
#[derive(Debug, Error)]
pub enum RunError {
    /// The rule set has mistakes, all listed; fix the rules.
    #[error("the rule set cannot be run: {}", list(.0))]
    Rules(Vec<RuleError>),
    /// The caller's callback asked to stop.
    #[error("the run was cancelled")]
    Cancelled,
    /// A defect of the engine, found before anybody could use the result.
    #[error(transparent)]
    Conservation(#[from] ConservationError),
}

fn list(errors: &[RuleError]) -> String {
    errors
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("; ")
}

/// Matches `left` with `right` by the enabled passes of `rules`, in order.
///
/// Deterministic: the outcome depends on the rows and their `row_id`s alone, not on their order in the store and
/// not on the
/// options. `progress` is called a few hundred times at most for each pass and may stop the run by `Break`; nothing is
/// kept then.
pub fn run(
    rules: &RuleSet,
    left: &TxnStore,
    right: &TxnStore,
    options: RunOptions,
    progress: &mut dyn FnMut(Progress<'_>) -> ControlFlow<()>,
) -> Result<Outcome, RunError> {
    rules.validate().map_err(RunError::Rules)?;
    let mut state = State::new(rules, left, right, progress);
    for (place, pass) in rules.passes.iter().enumerate() {
        if pass.enabled {
            state.begin(place, pass);
            join::run_pass(pass, options.hash_seed, &mut state)?;
        }
    }
    let outcome = state.into_outcome();
    outcome.check_conservation(left, right)?;
    Ok(outcome)
}

/// What the passes share: who is claimed, what was counted, and the way to report.
struct State<'a> {
    left: &'a TxnStore,
    right: &'a TxnStore,
    left_claims: Vec<Claim>,
    right_claimed: Vec<bool>,
    passes: Vec<PassStats>,
    walked_before: u64,
    total: u64,
    confirmed_before: u64,
    suggested_before: u64,
    progress: &'a mut dyn FnMut(Progress<'_>) -> ControlFlow<()>,
}

/// The match of a left row, while the run goes on.
#[derive(Debug, Clone, Copy)]
struct Claim {
    right: u32,
    pass: u8,
    status: MatchStatus,
    ambiguous: bool,
}

const OPEN: Claim = Claim {
    right: NONE,
    pass: 0,
    status: MatchStatus::Suggested,
    ambiguous: false,
};

impl<'a> State<'a> {
    fn new(
        rules: &RuleSet,
        left: &'a TxnStore,
        right: &'a TxnStore,
        progress: &'a mut dyn FnMut(Progress<'_>) -> ControlFlow<()>,
    ) -> Self {
        let rows = (left.len() + right.len()) as u64;
        Self {
            left,
            right,
            left_claims: vec![OPEN; left.len()],
            right_claimed: vec![false; right.len()],
            passes: Vec::new(),
            walked_before: 0,
            total: rows * rules.enabled_passes().count() as u64,
            confirmed_before: 0,
            suggested_before: 0,
            progress,
        }
    }

    fn begin(&mut self, place: usize, pass: &Pass) {
        if let Some(last) = self.passes.last() {
            self.confirmed_before += last.confirmed;
            self.suggested_before += last.suggested;
            self.walked_before += (self.left.len() + self.right.len()) as u64;
        }
        self.passes.push(PassStats {
            pass: place,
            name: pass.name.clone(),
            confirmed: 0,
            suggested: 0,
            skipped_ambiguous: 0,
            over_budget_rows: 0,
        });
    }

    /// Matches of all passes so far.
    fn matched(&self) -> usize {
        let matched = self
            .passes
            .iter()
            .map(|pass| pass.confirmed + pass.suggested)
            .sum::<u64>();
        usize::try_from(matched).unwrap_or(0)
    }

    /// The counts of the running pass.
    fn stats(&mut self) -> &mut PassStats {
        if self.passes.is_empty() {
            unreachable!("a pass is begun before it runs");
        }
        let last = self.passes.len() - 1;
        &mut self.passes[last]
    }

    /// Tells the caller that the running pass has walked `walked` rows.
    fn report(&mut self, walked: usize) -> Result<(), RunError> {
        let Some(pass) = self.passes.last() else {
            return Ok(());
        };
        let progress = Progress {
            pass: pass.pass,
            pass_name: &pass.name,
            processed: self.walked_before + walked as u64,
            total: self.total,
            matched: self.confirmed_before + pass.confirmed,
            suggested: self.suggested_before + pass.suggested,
        };
        match (self.progress)(progress) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(RunError::Cancelled),
        }
    }

    /// Makes two open rows a match.
    #[inline]
    fn claim(&mut self, (left, right): (u32, u32), outcome: MatchOutcome, ambiguous: bool) {
        let status = match outcome {
            MatchOutcome::Confirmed if !ambiguous => MatchStatus::Confirmed,
            MatchOutcome::Confirmed | MatchOutcome::Suggested => MatchStatus::Suggested,
        };
        let counts = self.stats();
        match status {
            MatchStatus::Confirmed => counts.confirmed += 1,
            MatchStatus::Suggested => counts.suggested += 1,
        }
        // A rule set has at most 64 passes.
        let pass = u8::try_from(counts.pass).unwrap_or(u8::MAX);
        self.left_claims[left as usize] = Claim {
            right,
            pass,
            status,
            ambiguous,
        };
        self.right_claimed[right as usize] = true;
    }

    /// Numbers the matches by their left row.
    fn into_outcome(self) -> Outcome {
        let matched = self
            .passes
            .iter()
            .map(|pass| pass.confirmed + pass.suggested)
            .sum::<u64>();
        let mut pairs = Vec::with_capacity(usize::try_from(matched).unwrap_or(0));
        let mut left_rows = vec![NONE; self.left.len()];
        let mut right_rows = vec![NONE; self.right.len()];
        let mut id = 0;
        for (left, claim) in (0_u32..).zip(&self.left_claims) {
            if claim.right == NONE {
                continue;
            }
            left_rows[left as usize] = id;
            right_rows[claim.right as usize] = id;
            let Claim {
                right,
                pass,
                status,
                ambiguous,
            } = *claim;
            pairs.push(Pair {
                left,
                right,
                pass,
                status,
                ambiguous,
            });
            id += 1;
        }
        Outcome {
            pairs,
            left: left_rows,
            right: right_rows,
            passes: self.passes,
        }
    }
}

#[cfg(test)]
mod tests;
