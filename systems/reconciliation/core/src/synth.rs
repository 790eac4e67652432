//! Test data with its truth: a bank statement, a ledger, and the state in which each row must end under the
//! shipped rule
//! set ([`crate::rules::RuleSet::bank_default`]).
//!
//! The truth follows from how a row was made, never from running the engine: a drifted amount is made to be within the
//! tolerance of the pass that suggests it, a damaged reference is made to equal no other, and ids, references and
//! the triples
//! of currency, amount and party are kept unique, so that nothing matches by accident.

mod effects;
mod names;
mod rng;
mod write;

use serde::{Deserialize, Serialize};

use crate::currency::Ccy;
use crate::date::Day;
use crate::mapping::Mapping;
use crate::outcome::{RowState, Side};
use rng::Rng;

/// What to generate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Rows of each file, without the header.
    pub rows: u32,
    /// The same seed gives the same bytes.
    pub seed: u64,
    /// How often each effect occurs.
    pub shares: Shares,
}

impl Config {
    /// The documented mix of effects.
    pub fn new(rows: u32, seed: u64) -> Self {
        Self {
            rows,
            seed,
            shares: Shares::default(),
        }
    }
}

/// How often each effect occurs, in thousandths of all items; what is left over is clean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Shares {
    /// The amounts differ within the tolerance: suggested.
    pub drift: u16,
    /// The ledger books later: confirmed up to 3 days, suggested up to 10, else unmatched.
    pub date_lag: u16,
    /// One side's reference is damaged: confirmed by amount, date and party.
    pub reference_damage: u16,
    /// A row stands twice in its file.
    pub duplicate: u16,
    /// No row in the statement.
    pub missing_left: u16,
    /// No row in the ledger.
    pub missing_right: u16,
    /// Beside a pair, a row of the same amount and day of another party.
    pub decoy: u16,
    /// A payment and its reversal on one side.
    pub reversal: u16,
    /// Two pairs that nothing tells apart, without reference: suggested.
    pub twins: u16,
    /// A row that cannot be read.
    pub rejected: u16,
}

impl Default for Shares {
    fn default() -> Self {
        Self {
            drift: 50,
            date_lag: 50,
            reference_damage: 30,
            duplicate: 10,
            missing_left: 20,
            missing_right: 20,
            decoy: 5,
            reversal: 5,
            twins: 2,
            rejected: 2,
        }
    }
}

/// How an item of the data was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Same reference, amount and day; perhaps the reference or the party is written differently, or both share an id.
    Clean,
    /// See [`Shares::drift`].
    Drift,
    /// See [`Shares::date_lag`].
    DateLag,
    /// See [`Shares::reference_damage`].
    ReferenceDamage,
    /// See [`Shares::duplicate`].
    Duplicate,
    /// See [`Shares::missing_left`].
    MissingLeft,
    /// See [`Shares::missing_right`].
    MissingRight,
    /// See [`Shares::decoy`].
    Decoy,
    /// See [`Shares::reversal`].
    Reversal,
    /// See [`Shares::twins`].
    Twins,
    /// See [`Shares::rejected`].
    Rejected,
}

impl Effect {
    /// The name in the truth file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::Drift => "drift",
            Self::DateLag => "date_lag",
            Self::ReferenceDamage => "reference_damage",
            Self::Duplicate => "duplicate",
            Self::MissingLeft => "missing_left",
            Self::MissingRight => "missing_right",
            Self::Decoy => "decoy",
            Self::Reversal => "reversal",
            Self::Twins => "twins",
            Self::Rejected => "rejected",
        }
    }
}

/// Two files and what must come out of them.
#[derive(Debug, Clone)]
pub struct Dataset {
    left: Vec<SynthRow>,
    right: Vec<SynthRow>,
}

/// What must become of one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TruthRow<'a> {
    /// Rows with the same number belong together; none if the row is in no match.
    pub match_id: Option<u32>,
    /// In which file.
    pub side: Side,
    /// Number of the row in its file, from 1, the header not counted.
    pub row: u32,
    /// The row's id.
    pub ext_id: &'a str,
    /// The state in which it must end.
    pub state: RowState,
    /// How it was made.
    pub effect: Effect,
}

/// A row of either file, with its truth.
#[derive(Debug, Clone)]
struct SynthRow {
    ext_id: String,
    booking: Day,
    value: Day,
    minor: i64,
    ccy: Ccy,
    reference: String,
    party: String,
    flaw: Option<Flaw>,
    match_id: Option<u32>,
    state: RowState,
    effect: Effect,
}

/// What makes a row unreadable.
#[derive(Debug, Clone, Copy)]
enum Flaw {
    Amount,
    Decimals,
    Currency,
    Date,
}

/// Makes a data set.
pub fn generate(config: &Config) -> Dataset {
    let mut rng = Rng::new(config.seed);
    let (mut left, mut right) = effects::items(config, &mut rng);
    shuffle(&mut left, &mut rng);
    shuffle(&mut right, &mut rng);
    settle_duplicates(&mut left);
    settle_duplicates(&mut right);
    settle_twins(&left, &mut right);
    Dataset { left, right }
}

/// How to read the statement.
///
/// # Panics
/// Never: a test parses the shipped file. So for [`right_mapping`].
pub fn left_mapping() -> Mapping {
    parse_mapping(include_str!("../../data/mappings/bank.json"))
}

/// How to read the ledger.
pub fn right_mapping() -> Mapping {
    parse_mapping(include_str!("../../data/mappings/ledger.json"))
}

fn parse_mapping(document: &str) -> Mapping {
    match serde_json::from_str(document) {
        Ok(mapping) => mapping,
        Err(error) => unreachable!("a shipped mapping is broken: {error}"),
    }
}

impl Dataset {
    /// What must become of each row: the left file in its order, then the right one.
    pub fn truth(&self) -> impl Iterator<Item = TruthRow<'_>> {
        let lefts = (1_u32..)
            .zip(&self.left)
            .map(|(row, synth)| synth.truth(Side::Left, row));
        let rights = (1_u32..)
            .zip(&self.right)
            .map(|(row, synth)| synth.truth(Side::Right, row));
        lefts.chain(rights)
    }
}

impl SynthRow {
    fn truth(&self, side: Side, row: u32) -> TruthRow<'_> {
        TruthRow {
            match_id: self.match_id,
            side,
            row,
            ext_id: &self.ext_id,
            state: self.state,
            effect: self.effect,
        }
    }
}

fn shuffle(rows: &mut [SynthRow], rng: &mut Rng) {
    for last in (1..rows.len()).rev() {
        rows.swap(last, rng.below(last + 1));
    }
}

/// Of two rows with one id, the first in the file counts and the second is the duplicate. Both were made alike;
/// the copy
/// carries the state `duplicate`, and only now it is known which comes first.
fn settle_duplicates(rows: &mut [SynthRow]) {
    let mut first_of = std::collections::HashMap::new();
    for place in 0..rows.len() {
        if rows[place].effect != Effect::Duplicate {
            continue;
        }
        if let Some(first) = first_of.insert(rows[place].ext_id.clone(), place)
            && rows[first].state == RowState::Duplicate
        {
            let copy = rows[first].clone();
            rows[first].state = rows[place].state;
            rows[first].match_id = rows[place].match_id;
            rows[place].state = copy.state;
            rows[place].match_id = copy.match_id;
        }
    }
}

/// Of two pairs that nothing tells apart, the first left row goes with the first right row: the documented order
/// of ties.
/// Both left rows of twins have numbers next to each other, as have the right rows.
fn settle_twins(left: &[SynthRow], right: &mut [SynthRow]) {
    let mut order = std::collections::HashMap::<u32, Vec<u32>>::new();
    for row in left {
        if let (Effect::Twins, Some(id)) = (row.effect, row.match_id) {
            order.entry(id / 2).or_default().push(id);
        }
    }
    let mut taken = std::collections::HashMap::<u32, usize>::new();
    for row in right {
        if let (Effect::Twins, Some(id)) = (row.effect, row.match_id) {
            let next = taken.entry(id / 2).or_default();
            row.match_id = order.get(&(id / 2)).and_then(|ids| ids.get(*next)).copied();
            *next += 1;
        }
    }
}

#[cfg(test)]
mod tests;
