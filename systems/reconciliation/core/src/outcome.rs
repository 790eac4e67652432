//! What a run found: a state for each row of both sides, and the matches.

use serde::{Deserialize, Serialize};

use crate::currency::Ccy;
use crate::rules::{Pass, RuleSet};
use crate::txn::TxnStore;

/// The state in which a row ends. Each row of a file is in exactly one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RowState {
    /// In a confirmed match.
    Matched,
    /// In a match that waits for a person.
    Suggested,
    /// In no match.
    Unmatched,
    /// The same transaction came before (decided by ingestion).
    Duplicate,
    /// Could not be read (decided by ingestion).
    Rejected,
}

impl RowState {
    /// All states, in the order in which reports list them.
    pub const ALL: [Self; 5] = [
        Self::Matched,
        Self::Suggested,
        Self::Unmatched,
        Self::Duplicate,
        Self::Rejected,
    ];

    /// The name in files and in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Matched => "matched",
            Self::Suggested => "suggested",
            Self::Unmatched => "unmatched",
            Self::Duplicate => "duplicate",
            Self::Rejected => "rejected",
        }
    }

    /// The state of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// Which of the two stores a row is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The first store: the bank, as a rule.
    Left,
    /// The second store: the books.
    Right,
}

impl Side {
    /// The name in files and in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Right => "right",
        }
    }
}

/// How far a match is settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MatchStatus {
    /// Settled.
    Confirmed,
    /// Waits for a person.
    Suggested,
}

/// Rows of both sides that belong together. All of one match have the same currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Match<'a> {
    /// Number of the match in this outcome, from 0 without gaps.
    pub id: usize,
    /// Places of the left rows in their store.
    pub left: &'a [u32],
    /// Places of the right rows in their store.
    pub right: &'a [u32],
    /// Which pass found it: its place in [`RuleSet::passes`].
    pub pass: usize,
    /// How far it is settled.
    pub status: MatchStatus,
    /// Whether one of its rows had another candidate that counts as a rival.
    pub ambiguous: bool,
}

impl Match<'_> {
    /// Sum of the left rows less the sum of the right rows, in minor units.
    ///
    /// # Panics
    /// If the match is not of these stores.
    pub fn variance_minor(&self, left: &TxnStore, right: &TxnStore) -> i128 {
        sum(left, self.left) - sum(right, self.right)
    }
}

fn sum(store: &TxnStore, rows: &[u32]) -> i128 {
    rows.iter()
        .map(|row| i128::from(store.amount_minor(*row as usize)))
        .sum()
}

/// A match as it is kept: sixteen bytes, since there may be a million.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pair {
    pub(crate) left: u32,
    pub(crate) right: u32,
    pub(crate) pass: u8,
    pub(crate) status: MatchStatus,
    pub(crate) ambiguous: bool,
}

/// What one pass did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PassStats {
    /// Its place in [`RuleSet::passes`].
    pub pass: usize,
    /// Its name.
    pub name: String,
    /// Matches that it confirmed.
    pub confirmed: u64,
    /// Matches that it suggested.
    pub suggested: u64,
    /// Matches that it left alone because a row had another candidate and the pass says `skip`.
    pub skipped_ambiguous: u64,
    /// Rows of blocks with so many candidates that the pass gave up on them (see [`crate::engine::MAX_BLOCK_EDGES`]);
    /// they stay open.
    pub over_budget_rows: u64,
}

/// The result of a run.
#[derive(Debug, Clone)]
pub struct Outcome {
    pub(crate) pairs: Vec<Pair>,
    /// For each left row its match, or `NONE`.
    pub(crate) left: Vec<u32>,
    /// For each right row its match, or `NONE`.
    pub(crate) right: Vec<u32>,
    pub(crate) passes: Vec<PassStats>,
}

/// "No match" in the arrays of rows: never a match number, since a store holds fewer rows.
pub(crate) const NONE: u32 = u32::MAX;

/// How many rows of one side are in which state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SideCounts {
    /// In confirmed matches.
    pub matched: u64,
    /// In suggested matches.
    pub suggested: u64,
    /// In no match.
    pub unmatched: u64,
}

impl SideCounts {
    /// All rows of the side.
    pub fn total(&self) -> u64 {
        self.matched + self.suggested + self.unmatched
    }
}

/// Money of one currency on one side, in minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct CcyTotals {
    /// The currency.
    pub ccy: Ccy,
    /// Sum of the rows in confirmed matches.
    pub matched_minor: i128,
    /// Sum of the rows in suggested matches.
    pub suggested_minor: i128,
    /// Sum of the rows in no match.
    pub unmatched_minor: i128,
}

/// Rows are counted wrongly: the outcome must not be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("conservation broken: {0}")]
pub struct ConservationError(pub String);

impl Outcome {
    /// All matches, ordered by their left row.
    pub fn matches(&self) -> impl ExactSizeIterator<Item = Match<'_>> {
        self.pairs
            .iter()
            .enumerate()
            .map(|(id, pair)| pair.as_match(id))
    }

    /// The match of this number.
    pub fn get(&self, id: usize) -> Option<Match<'_>> {
        self.pairs.get(id).map(|pair| pair.as_match(id))
    }

    /// The number of the match that the row is in.
    ///
    /// # Panics
    /// If the side has no such row; so does [`Outcome::state`].
    pub fn match_of(&self, side: Side, row: usize) -> Option<usize> {
        let id = self.rows(side)[row];
        (id != NONE).then_some(id as usize)
    }

    /// The state of a row.
    pub fn state(&self, side: Side, row: usize) -> RowState {
        match self.match_of(side, row).map(|id| self.pairs[id].status) {
            None => RowState::Unmatched,
            Some(MatchStatus::Confirmed) => RowState::Matched,
            Some(MatchStatus::Suggested) => RowState::Suggested,
        }
    }

    /// What each pass did, in order.
    pub fn passes(&self) -> &[PassStats] {
        &self.passes
    }

    /// How many rows of a side are in which state.
    pub fn counts(&self, side: Side) -> SideCounts {
        // Each match holds one row of each side, so the matches tell without a look at any row.
        let is_confirmed = |pair: &&Pair| pair.status == MatchStatus::Confirmed;
        let matched = self.pairs.iter().filter(is_confirmed).count() as u64;
        let suggested = self.pairs.len() as u64 - matched;
        SideCounts {
            matched,
            suggested,
            unmatched: self.rows(side).len() as u64 - matched - suggested,
        }
    }

    /// Money of a side by currency and state, ordered by currency code.
    pub fn totals(&self, side: Side, store: &TxnStore) -> Vec<CcyTotals> {
        let mut totals = std::collections::BTreeMap::new();
        for row in 0..store.len() {
            let ccy = store.ccy(row);
            let entry = totals.entry(ccy.code()).or_insert(CcyTotals {
                ccy,
                matched_minor: 0,
                suggested_minor: 0,
                unmatched_minor: 0,
            });
            let sum = match self.state(side, row) {
                RowState::Matched => &mut entry.matched_minor,
                RowState::Suggested => &mut entry.suggested_minor,
                RowState::Unmatched | RowState::Duplicate | RowState::Rejected => {
                    &mut entry.unmatched_minor
                }
            };
            *sum += i128::from(store.amount_minor(row));
        }
        totals.into_values().collect()
    }

    /// Checks the law of conservation from scratch: each row is in at most one match, each match holds the rows
    /// that point
    /// to it, of one currency. Costs one walk over all matches.
    pub fn check_conservation(
        &self,
        left: &TxnStore,
        right: &TxnStore,
    ) -> Result<(), ConservationError> {
        let broken = |what: String| Err(ConservationError(what));
        if self.left.len() != left.len() || self.right.len() != right.len() {
            return broken("the outcome is not of these stores".into());
        }
        let pointing = |rows: &[u32]| rows.iter().filter(|id| **id != NONE).count();
        let (lefts, rights) = (pointing(&self.left), pointing(&self.right));
        if lefts != self.pairs.len() || rights != self.pairs.len() {
            let pairs = self.pairs.len();
            return broken(format!(
                "{pairs} matches hold {lefts} left and {rights} right rows"
            ));
        }
        for (id, pair) in self.pairs.iter().enumerate() {
            let (l, r) = (pair.left as usize, pair.right as usize);
            if self.left[l] as usize != id || self.right[r] as usize != id {
                return broken(format!("match {id} holds a row that another match claims"));
            }
            if left.ccy(l) != right.ccy(r) {
                return broken(format!("match {id} mixes currencies"));
            }
        }
        Ok(())
    }

    /// Why two rows are a match: for each key and each comparator of the pass, what it saw.
    pub fn evidence(
        &self,
        found: &Match<'_>,
        rules: &RuleSet,
        (left, right): (&TxnStore, &TxnStore),
    ) -> Vec<crate::engine::Evidence> {
        let pass: Option<&Pass> = rules.passes.get(found.pass);
        match (pass, found.left, found.right) {
            (Some(pass), [l], [r]) => {
                crate::engine::evidence(pass, (left, *l as usize), (right, *r as usize))
            }
            _ => Vec::new(),
        }
    }

    fn rows(&self, side: Side) -> &[u32] {
        match side {
            Side::Left => &self.left,
            Side::Right => &self.right,
        }
    }
}

impl Pair {
    fn as_match(&self, id: usize) -> Match<'_> {
        Match {
            id,
            left: std::slice::from_ref(&self.left),
            right: std::slice::from_ref(&self.right),
            pass: usize::from(self.pass),
            status: self.status,
            ambiguous: self.ambiguous,
        }
    }
}
