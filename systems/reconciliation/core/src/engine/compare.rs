//! Whether two rows are candidates of each other, and how good a pair they are.

use crate::date::Day;
use crate::normalise::{Normaliser, Scratch, normalise};
use crate::rules::{
    AmountTolerance, BlockKey, Calendar, Comparator, DateWindow, Field, Pass, Variance,
};
use crate::txn::{TextField, TxnStore};

/// The score of a perfect pair. Scores are integers, so that sums of them are exact.
pub(super) const FULL_SCORE: u32 = 1_000_000_000;

/// What most comparators look at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Numbers {
    pub(super) amount: i64,
    pub(super) day: Day,
}

impl Numbers {
    #[inline]
    pub(super) fn of(store: &TxnStore, row: usize) -> Self {
        Self {
            amount: store.amount_minor(row),
            day: store.booking_date(row),
        }
    }
}

/// The comparators of a pass, sorted by cost.
#[derive(Debug)]
pub(super) struct Checks {
    tolerances: Vec<AmountTolerance>,
    windows: Vec<DateWindow>,
    amount_is_exact: bool,
    max_variance: Option<u64>,
    dates: Vec<(Field, Field)>,
    texts: Vec<(TextField, TextField, Vec<Normaliser>)>,
}

impl Checks {
    pub(super) fn new(pass: &Pass) -> Self {
        let mut checks = Self {
            tolerances: Vec::new(),
            windows: Vec::new(),
            amount_is_exact: pass.block.iter().any(|key| key.field == Field::Amount),
            max_variance: match &pass.variance {
                Variance::None => None,
                Variance::Adjustment { max_minor, .. } => Some(*max_minor),
            },
            dates: Vec::new(),
            texts: Vec::new(),
        };
        for comparator in &pass.compare {
            match comparator {
                Comparator::Exact(key) => checks.add_exact(key),
                Comparator::AmountTol(tolerance) => checks.tolerances.push(*tolerance),
                Comparator::DateWindow(window) => checks.windows.push(*window),
                // Validation refuses passes with these.
                Comparator::Text(_) | Comparator::Contains(_) | Comparator::RegexCapture(_) => {}
            }
        }
        checks
    }

    fn add_exact(&mut self, key: &BlockKey) {
        match key.field {
            // Rows of a block have one currency.
            Field::Ccy => {}
            Field::Amount => self.amount_is_exact = true,
            Field::BookingDate | Field::ValueDate => self.dates.push((key.field, key.right())),
            Field::ExtId
            | Field::Reference
            | Field::Counterparty
            | Field::Description
            | Field::Kind => {
                if let (Some(left), Some(right)) = (key.field.text(), key.right().text()) {
                    self.texts.push((left, right, key.norm.clone()));
                }
            }
        }
    }

    /// Whether amounts and booking dates of two rows lie close enough.
    #[inline]
    pub(super) fn numbers_hold(&self, left: &Numbers, right: &Numbers) -> bool {
        let variance = left.amount.abs_diff(right.amount);
        !(self.amount_is_exact && variance != 0)
            && self.max_variance.is_none_or(|most| variance <= most)
            && self.tolerances.iter().all(|tolerance| {
                variance <= tolerance.abs_minor
                    || variance <= allowed(tolerance, left.amount, right.amount)
            })
            && self.windows.iter().all(|window| {
                in_window(*window, day_distance(window.calendar, left.day, right.day))
            })
    }

    /// Whether the fields that must be equal are.
    #[inline]
    pub(super) fn exact_holds(
        &self,
        (left, l): (&TxnStore, usize),
        (right, r): (&TxnStore, usize),
    ) -> bool {
        (self.dates.is_empty() && self.texts.is_empty()) || self.fields_equal((left, l), (right, r))
    }

    /// The score of two rows of one block, in billionths; `None` if they are no candidates.
    pub(super) fn score(
        &self,
        (left, l): (&TxnStore, usize),
        (right, r): (&TxnStore, usize),
    ) -> Option<u32> {
        let (from, to) = (Numbers::of(left, l), Numbers::of(right, r));
        if !self.numbers_hold(&from, &to) || !self.exact_holds((left, l), (right, r)) {
            return None;
        }
        let variance = from.amount.abs_diff(to.amount);
        let of_amounts = self
            .tolerances
            .iter()
            .map(|tolerance| nearness(variance, allowed(tolerance, from.amount, to.amount)));
        let of_dates = self.windows.iter().map(|window| {
            let days = day_distance(window.calendar, from.day, to.day).unsigned_abs();
            nearness(days.into(), window.before.max(window.after).into())
        });
        let amount_score = of_amounts.min().unwrap_or(FULL_SCORE);
        let date_score = of_dates.min().unwrap_or(FULL_SCORE);
        Some(weigh(amount_score, date_score))
    }

    fn fields_equal(&self, (left, l): (&TxnStore, usize), (right, r): (&TxnStore, usize)) -> bool {
        self.dates
            .iter()
            .all(|(of_left, of_right)| date_of(left, l, *of_left) == date_of(right, r, *of_right))
            && self.texts.iter().all(|(of_left, of_right, norm)| {
                let (mut one, mut other) = (Scratch::default(), Scratch::default());
                normalise(left.bytes(l, *of_left), norm, &mut one)
                    == normalise(right.bytes(r, *of_right), norm, &mut other)
            })
    }

    /// How far the amount of a candidate can lie from `amount`, rounded up: a bound for the search.
    pub(super) fn amount_reach(&self, amount: i64) -> u64 {
        if self.amount_is_exact {
            return 0;
        }
        let of_tolerances = self
            .tolerances
            .iter()
            .map(|tolerance| reach(tolerance, amount));
        of_tolerances
            .chain(self.max_variance)
            .min()
            .unwrap_or(u64::MAX)
    }

    /// The calendar days, earlier and later, within which the booking date of a candidate must lie: a bound for the
    /// search.
    pub(super) fn day_reach(&self) -> (i32, i32) {
        let mut reach = (i32::MAX / 4, i32::MAX / 4);
        for window in &self.windows {
            let widen = |days: u16| match window.calendar {
                Calendar::Calendar => i32::from(days),
                // Five working days span seven days, and a weekend may stand at either end.
                Calendar::Business => i32::from(days) / 5 * 7 + i32::from(days) % 5 + 4,
            };
            reach = (
                reach.0.min(widen(window.before)),
                reach.1.min(widen(window.after)),
            );
        }
        reach
    }
}

/// The date behind a date field.
pub(super) fn date_of(store: &TxnStore, row: usize, field: Field) -> Option<Day> {
    match field {
        Field::ValueDate => store.value_date(row),
        _ => Some(store.booking_date(row)),
    }
}

/// How far two amounts may lie apart. Symmetric: the percentage is of the larger one.
pub(super) fn allowed(tolerance: &AmountTolerance, a: i64, b: i64) -> u64 {
    if tolerance.pct_bp == 0 {
        return tolerance.abs_minor;
    }
    let larger = u128::from(a.unsigned_abs().max(b.unsigned_abs()));
    let share = larger * u128::from(tolerance.pct_bp) / 10_000;
    tolerance
        .abs_minor
        .max(u64::try_from(share).unwrap_or(u64::MAX))
}

/// If the other amount is the larger one, the percentage is of *it*: `d <= p * (a + d)` gives `d <= a * p / (1 - p)`.
fn reach(tolerance: &AmountTolerance, amount: i64) -> u64 {
    let Some(rest) = 10_000_u32
        .checked_sub(tolerance.pct_bp)
        .filter(|rest| *rest > 0)
    else {
        return u64::MAX;
    };
    let share = u128::from(amount.unsigned_abs()) * u128::from(tolerance.pct_bp) / u128::from(rest);
    tolerance
        .abs_minor
        .max(u64::try_from(share + 1).unwrap_or(u64::MAX))
}

/// Days from the left to the right date.
pub(super) fn day_distance(calendar: Calendar, left: Day, right: Day) -> i32 {
    match calendar {
        Calendar::Calendar => right.days() - left.days(),
        Calendar::Business => right.working_days() - left.working_days(),
    }
}

pub(super) fn in_window(window: DateWindow, days: i32) -> bool {
    -i32::from(window.before) <= days && days <= i32::from(window.after)
}

/// Full for no distance, and still above nothing at the limit.
fn nearness(distance: u64, most: u64) -> u32 {
    if distance == 0 {
        return FULL_SCORE;
    }
    let steps = u128::from(most) + 1;
    let left = u128::from(most.saturating_sub(distance)) + 1;
    u32::try_from(u128::from(FULL_SCORE) * left / steps).unwrap_or(FULL_SCORE)
}

/// Amount 40, date 20, and 40 for what is equal anyway (text and reference, of which these passes know no degrees).
fn weigh(amount: u32, date: u32) -> u32 {
    let weighed = u64::from(amount) * 40 + u64::from(date) * 20 + u64::from(FULL_SCORE) * 40;
    u32::try_from(weighed / 100).unwrap_or(FULL_SCORE)
}
