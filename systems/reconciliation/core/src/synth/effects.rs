//! The items of a data set: how each effect makes its rows, and what must become of them.
//!
//! The comments at the effects name the pass of the shipped rule set that decides.

use std::collections::HashSet;

use super::names::{self, PARTIES};
use super::rng::Rng;
use super::{Config, Effect, Flaw, SynthRow};
use crate::currency::Ccy;
use crate::date::Day;
use crate::outcome::RowState;

/// Currencies in percent, and the range of amounts in minor units.
const CURRENCIES: [(&str, usize, i64, i64); 5] = [
    ("USD", 40, 100, 5_000_000),
    ("EUR", 30, 100, 5_000_000),
    ("INR", 25, 1_000, 90_000_000),
    ("JPY", 4, 100, 9_000_000),
    ("KWD", 1, 1_000, 9_000_000),
];

/// The statement covers a quarter that begins here.
const FIRST_DAY: (i32, u32, u32) = (2026, 1, 1);
const DAYS: i64 = 90;

/// Rows that one item adds to a side at most (a reversal beside nothing, twins: two).
const MOST_ROWS: usize = 2;

/// Makes items until both sides have the wanted number of rows. What one side has more than the other by then is
/// made up
/// for by rows that are missing on the other side.
pub(super) fn items(config: &Config, rng: &mut Rng) -> (Vec<SynthRow>, Vec<SynthRow>) {
    let mut maker = Maker::new(rng);
    let wanted = config.rows as usize;
    while maker.left.len().max(maker.right.len()) + MOST_ROWS <= wanted {
        let effect = maker.draw_effect(config);
        maker.make(effect);
    }
    while maker.left.len() < wanted && maker.right.len() < wanted {
        maker.clean();
    }
    while maker.left.len() < wanted {
        maker.make(Effect::MissingRight);
    }
    while maker.right.len() < wanted {
        maker.make(Effect::MissingLeft);
    }
    (maker.left, maker.right)
}

struct Maker<'a> {
    rng: &'a mut Rng,
    left: Vec<SynthRow>,
    right: Vec<SynthRow>,
    ids: u32,
    references: u32,
    matches: u32,
    /// References in use, as the rules see them.
    used_references: HashSet<String>,
    /// Currency, amount and party in use: rows of another item never share all three.
    used_triples: HashSet<(Ccy, i64, usize)>,
}

/// What the rows of an item have in common.
#[derive(Debug, Clone)]
struct Facts {
    ccy: Ccy,
    minor: i64,
    party: usize,
    day: Day,
    reference: String,
}

impl<'a> Maker<'a> {
    fn new(rng: &'a mut Rng) -> Self {
        Self {
            rng,
            left: Vec::new(),
            right: Vec::new(),
            ids: 0,
            references: 0,
            // Even, so that the two matches of twins share their half.
            matches: 0,
            used_references: HashSet::new(),
            used_triples: HashSet::new(),
        }
    }

    fn draw_effect(&mut self, config: &Config) -> Effect {
        let shares = &config.shares;
        let table = [
            (shares.drift, Effect::Drift),
            (shares.date_lag, Effect::DateLag),
            (shares.reference_damage, Effect::ReferenceDamage),
            (shares.duplicate, Effect::Duplicate),
            (shares.missing_left, Effect::MissingLeft),
            (shares.missing_right, Effect::MissingRight),
            (shares.decoy, Effect::Decoy),
            (shares.reversal, Effect::Reversal),
            (shares.twins, Effect::Twins),
            (shares.rejected, Effect::Rejected),
        ];
        let mut drawn = self.rng.below(1000);
        for (share, effect) in table {
            match drawn.checked_sub(usize::from(share)) {
                None => return effect,
                Some(rest) => drawn = rest,
            }
        }
        Effect::Clean
    }

    fn make(&mut self, effect: Effect) {
        match effect {
            Effect::Clean => self.clean(),
            Effect::Drift => self.drift(),
            Effect::DateLag => self.date_lag(),
            Effect::ReferenceDamage => self.reference_damage(),
            Effect::Duplicate => self.duplicate(),
            Effect::MissingLeft | Effect::MissingRight => self.missing(effect),
            Effect::Decoy => self.decoy(),
            Effect::Reversal => self.reversal(),
            Effect::Twins => self.twins(),
            Effect::Rejected => self.rejected(),
        }
    }

    /// Confirmed by id if both sides share one, else by reference and amount, however the reference is spelt.
    fn clean(&mut self) {
        let (mut left, mut right) = self.pair(Effect::Clean, RowState::Matched);
        if self.rng.in_thousand(250) {
            let id = left.ext_id.replacen('B', "E2E", 1);
            left.ext_id.clone_from(&id);
            right.ext_id = id;
            if self.rng.flip() {
                // Nothing but the id ties these two together.
                right.reference.clear();
                right.booking = later(left.booking, self.rng.between(0, 15));
            }
        } else if self.rng.in_thousand(100) {
            right.reference = names::respelt(&right.reference, self.rng);
        }
        self.add(left, right);
    }

    /// One minor unit, or 0.05 % up to the limit of an adjustment: inside 0.1 %, so "reference and small variance".
    fn drift(&mut self) {
        let (left, mut right) = self.pair(Effect::Drift, RowState::Suggested);
        let share = (left.minor.abs() * 5 / 10_000).clamp(1, 100);
        let drift = if self.rng.flip() { 1 } else { share };
        right.minor += if self.rng.flip() { drift } else { -drift };
        self.add(left, right);
    }

    /// Up to 3 days "reference and amount", up to 5 "reference and small variance", up to 10 "late", then nothing.
    fn date_lag(&mut self) {
        let (least, most, state) = match self.rng.below(100) {
            0..80 => (1, 3, RowState::Matched),
            80..90 => (4, 5, RowState::Suggested),
            90..96 => (6, 10, RowState::Suggested),
            _ => (11, 20, RowState::Unmatched),
        };
        let (left, mut right) = self.pair(Effect::DateLag, state);
        right.booking = later(left.booking, self.rng.between(least, most));
        self.add(left, right);
    }

    /// No reference in common: "amount, date and party".
    fn reference_damage(&mut self) {
        let (mut left, mut right) = self.damaged_pair(Effect::ReferenceDamage);
        let lag = self.rng.between(0, 3);
        if self.rng.flip() {
            right.booking = later(left.booking, lag);
        } else {
            left.booking = later(right.booking, lag);
        }
        self.add(left, right);
    }

    /// A clean pair, one row of which stands twice.
    fn duplicate(&mut self) {
        let (left, right) = self.pair(Effect::Clean, RowState::Matched);
        let mark = |row: &SynthRow| SynthRow {
            effect: Effect::Duplicate,
            ..row.clone()
        };
        let copy = |row: &SynthRow| SynthRow {
            effect: Effect::Duplicate,
            state: RowState::Duplicate,
            match_id: None,
            ..row.clone()
        };
        if self.rng.flip() {
            self.left.extend([copy(&left), mark(&left)]);
            self.right.push(right);
        } else {
            self.right.extend([copy(&right), mark(&right)]);
            self.left.push(left);
        }
    }

    fn missing(&mut self, effect: Effect) {
        let facts = self.facts();
        if effect == Effect::MissingRight {
            let row = self.row('B', &facts, effect);
            self.left.push(row);
        } else {
            let row = self.row('L', &facts, effect);
            self.right.push(row);
        }
    }

    /// The hard case: the pair has no reference in common either, so only the party tells the decoy from the real row.
    fn decoy(&mut self) {
        let (left, right) = self.damaged_pair(Effect::Decoy);
        let mut other = self.facts();
        (other.ccy, other.minor, other.day) = (left.ccy, left.minor, left.booking);
        while !self
            .used_triples
            .insert((other.ccy, other.minor, other.party))
        {
            other.party = self.rng.below(PARTIES);
        }
        if self.rng.flip() {
            let row = self.row('B', &other, Effect::Decoy);
            self.left.push(row);
        } else {
            let row = self.row('L', &other, Effect::Decoy);
            self.right.push(row);
        }
        self.add(left, right);
    }

    /// Both on one side, with one reference; the other side knows nothing of it.
    fn reversal(&mut self) {
        let mut facts = self.facts();
        while !self
            .used_triples
            .insert((facts.ccy, -facts.minor, facts.party))
        {
            facts = self.facts();
        }
        let back = Facts {
            minor: -facts.minor,
            ..facts.clone()
        };
        let is_left = self.rng.flip();
        for facts in [facts, back] {
            let row = self.row(if is_left { 'B' } else { 'L' }, &facts, Effect::Reversal);
            if is_left {
                self.left.push(row);
            } else {
                self.right.push(row);
            }
        }
    }

    /// Two equal payments on one day without reference: "amount, date and party" finds two candidates for each.
    fn twins(&mut self) {
        let facts = Facts {
            reference: String::new(),
            ..self.facts()
        };
        // Both numbers share their half; see `settle_twins`.
        self.matches += self.matches % 2;
        for _ in 0..2 {
            let mut left = self.row('B', &facts, Effect::Twins);
            let mut right = self.row('L', &facts, Effect::Twins);
            self.tie(&mut left, &mut right, RowState::Suggested);
            self.add(left, right);
        }
    }

    fn rejected(&mut self) {
        let facts = self.facts();
        let is_left = self.rng.flip();
        let flaws = [Flaw::Amount, Flaw::Decimals, Flaw::Currency, Flaw::Date];
        let mut row = self.row(if is_left { 'B' } else { 'L' }, &facts, Effect::Rejected);
        row.flaw = Some(flaws[self.rng.below(flaws.len())]);
        row.state = RowState::Rejected;
        if is_left {
            self.left.push(row);
        } else {
            self.right.push(row);
        }
    }

    /// Two rows that say the same, with ids of their own.
    fn pair(&mut self, effect: Effect, state: RowState) -> (SynthRow, SynthRow) {
        let facts = self.facts();
        let mut left = self.row('B', &facts, effect);
        let mut right = self.row('L', &facts, effect);
        if self.rng.in_thousand(200) {
            right.party = names::rewritten(&right.party, self.rng);
        }
        if state == RowState::Unmatched {
            return (left, right);
        }
        self.tie(&mut left, &mut right, state);
        (left, right)
    }

    fn damaged_pair(&mut self, effect: Effect) -> (SynthRow, SynthRow) {
        let (mut left, mut right) = self.pair(effect, RowState::Matched);
        let damaged = self.damaged(&left.reference);
        if self.rng.flip() {
            left.reference = damaged;
        } else {
            right.reference = damaged;
        }
        (left, right)
    }

    /// A damaged reference that equals neither another damaged one nor any whole one, made already or still to come.
    fn damaged(&mut self, reference: &str) -> String {
        let damaged = names::damaged(reference, self.rng);
        let seen: String = damaged
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .collect();
        let seen = seen.to_ascii_uppercase();
        let looks_whole = seen.len() == reference.len()
            && seen
                .bytes()
                .skip("INV".len())
                .all(|byte| byte.is_ascii_digit());
        if !looks_whole && self.used_references.insert(seen) {
            return damaged;
        }
        // Swapped digits look whole; a letter between them does not, and the item's own number makes it unique.
        let (head, tail) = reference.split_at(reference.len() - 2);
        let spoilt = format!("{head}X{tail}");
        self.used_references.insert(spoilt.clone());
        spoilt
    }

    fn facts(&mut self) -> Facts {
        let mut drawn = self.rng.below(100);
        let mut chosen = &CURRENCIES[0];
        for currency in &CURRENCIES {
            chosen = currency;
            match drawn.checked_sub(currency.1) {
                None => break,
                Some(rest) => drawn = rest,
            }
        }
        let Some(ccy) = Ccy::from_code(chosen.0.as_bytes()) else {
            unreachable!("the table holds codes of ISO 4217");
        };
        let (mut minor, mut party);
        loop {
            minor = self.rng.between(chosen.2, chosen.3);
            if self.rng.flip() {
                minor = -minor;
            }
            party = self.rng.below(PARTIES);
            if self.used_triples.insert((ccy, minor, party)) {
                break;
            }
        }
        let (year, month, day) = FIRST_DAY;
        let first = Day::from_ymd(year, month, day).map_or(0, Day::days);
        let day = later(Day::from_days(first), self.rng.between(0, DAYS - 1));
        self.references += 1;
        Facts {
            ccy,
            minor,
            party,
            day,
            reference: names::reference(self.references),
        }
    }

    fn row(&mut self, prefix: char, facts: &Facts, effect: Effect) -> SynthRow {
        self.ids += 1;
        SynthRow {
            ext_id: format!("{prefix}{:09}", self.ids),
            booking: facts.day,
            value: later(facts.day, self.rng.between(0, 2)),
            minor: facts.minor,
            ccy: facts.ccy,
            reference: facts.reference.clone(),
            party: names::party(facts.party),
            flaw: None,
            match_id: None,
            state: RowState::Unmatched,
            effect,
        }
    }

    fn tie(&mut self, left: &mut SynthRow, right: &mut SynthRow, state: RowState) {
        for row in [left, right] {
            row.match_id = Some(self.matches);
            row.state = state;
        }
        self.matches += 1;
    }

    fn add(&mut self, left: SynthRow, right: SynthRow) {
        self.left.push(left);
        self.right.push(right);
    }
}

fn later(day: Day, days: i64) -> Day {
    Day::from_days(day.days() + i32::try_from(days).unwrap_or(0))
}
