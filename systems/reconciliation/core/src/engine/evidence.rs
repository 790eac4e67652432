//! Why two rows are a match, in words that a page can show.

use serde::Serialize;

use crate::money::format_minor;
use crate::normalise::{Scratch, normalise};
use crate::rules::{BlockKey, Comparator, Field, Pass};
use crate::txn::TxnStore;

use super::compare;

/// What one key or comparator of a pass saw.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Evidence {
    /// `block` or the name of the comparator, and the field: `exact amount`.
    pub name: String,
    /// The left value, after normalising.
    pub left: String,
    /// The right value, after normalising.
    pub right: String,
    /// What came out: `equal`, `different`, or a difference in minor units or days (left less right).
    pub value: String,
    /// Whether it holds.
    pub pass: bool,
}

/// The evidence for a left and a right row under a pass: the currency, each key, each comparator.
pub fn evidence(
    pass: &Pass,
    (left, l): (&TxnStore, usize),
    (right, r): (&TxnStore, usize),
) -> Vec<Evidence> {
    let ccy = BlockKey {
        field: Field::Ccy,
        right_field: None,
        norm: Vec::new(),
    };
    let has_ccy = pass.block.iter().any(|key| key.field == Field::Ccy);
    let mut found: Vec<Evidence> = std::iter::once(&ccy)
        .filter(|_| !has_ccy)
        .chain(&pass.block)
        .map(|key| equality("block", key, (left, l), (right, r)))
        .collect();
    for comparator in &pass.compare {
        match comparator {
            Comparator::Exact(key) => found.push(equality("exact", key, (left, l), (right, r))),
            Comparator::AmountTol(tolerance) => {
                let (a, b) = (left.amount_minor(l), right.amount_minor(r));
                found.push(Evidence {
                    name: "amount_tol".into(),
                    left: format_minor(a, left.ccy(l)),
                    right: format_minor(b, right.ccy(r)),
                    value: (i128::from(a) - i128::from(b)).to_string(),
                    pass: a.abs_diff(b) <= compare::allowed(tolerance, a, b),
                });
            }
            Comparator::DateWindow(window) => {
                let (a, b) = (left.booking_date(l), right.booking_date(r));
                let days = compare::day_distance(window.calendar, a, b);
                found.push(Evidence {
                    name: "date_window".into(),
                    left: a.to_string(),
                    right: b.to_string(),
                    value: (-days).to_string(),
                    pass: compare::in_window(*window, days),
                });
            }
            // Validation refuses passes with these; there is nothing to show.
            Comparator::Text(_) | Comparator::Contains(_) | Comparator::RegexCapture(_) => {}
        }
    }
    found
}

fn equality(
    what: &str,
    key: &BlockKey,
    (left, l): (&TxnStore, usize),
    (right, r): (&TxnStore, usize),
) -> Evidence {
    let left = shown(key, key.field, left, l);
    let right = shown(key, key.right(), right, r);
    let pass = left == right;
    let value = if pass { "equal" } else { "different" }.to_owned();
    Evidence {
        name: format!("{what} {}", key.field.name()),
        left,
        right,
        value,
        pass,
    }
}

fn shown(key: &BlockKey, field: Field, store: &TxnStore, row: usize) -> String {
    match field {
        Field::Ccy => store.ccy(row).code().to_owned(),
        Field::Amount => format_minor(store.amount_minor(row), store.ccy(row)),
        Field::BookingDate => store.booking_date(row).to_string(),
        Field::ValueDate => store
            .value_date(row)
            .map(|day| day.to_string())
            .unwrap_or_default(),
        Field::ExtId
        | Field::Reference
        | Field::Counterparty
        | Field::Description
        | Field::Kind => {
            let text = field.text().map_or("", |text| store.text(row, text));
            let mut scratch = Scratch::default();
            let normal = normalise(text.as_bytes(), &key.norm, &mut scratch);
            String::from_utf8_lossy(normal).into_owned()
        }
    }
}
