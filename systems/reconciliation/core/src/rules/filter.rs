//! Filters: which rows of a side take part in a pass. A tree of tests, no code.

use serde::{Deserialize, Serialize};

use super::Field;
use crate::currency::Ccy;
use crate::date::Day;
use crate::normalise::{Normaliser, Scratch, normalise};
use crate::txn::TxnStore;

/// A test of one row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Filter {
    /// Every one holds.
    All(Vec<Filter>),
    /// At least one holds.
    Any(Vec<Filter>),
    /// It does not hold.
    Not(Box<Filter>),
    /// A text, after normalising, against a value that is normalised the same way.
    Text {
        /// Which text.
        field: Field,
        /// How it is tested.
        test: TextTest,
        /// What it is tested against.
        #[serde(default)]
        value: String,
        /// What is done to both first.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        norm: Vec<Normaliser>,
    },
    /// The amount in minor units lies between both, ends included.
    Amount {
        /// The least.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        min: Option<i64>,
        /// The most.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max: Option<i64>,
    },
    /// The booking date lies between both, ends included.
    BookingDate {
        /// The first day.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<Day>,
        /// The last day.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<Day>,
    },
    /// The currency is one of these.
    Ccy(Vec<Ccy>),
}

/// How a text is tested.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TextTest {
    /// It is the value.
    Equals,
    /// It holds the value.
    Contains,
    /// It begins with the value.
    StartsWith,
    /// There is none.
    IsEmpty,
}

impl Filter {
    /// Whether the row passes. A text test of a field that is no text never holds; validation refuses it.
    pub(crate) fn accepts(&self, store: &TxnStore, row: usize) -> bool {
        match self {
            Self::All(filters) => filters.iter().all(|filter| filter.accepts(store, row)),
            Self::Any(filters) => filters.iter().any(|filter| filter.accepts(store, row)),
            Self::Not(filter) => !filter.accepts(store, row),
            Self::Text {
                field,
                test,
                value,
                norm,
            } => field.text().is_some_and(|field| {
                let (mut of_text, mut of_value) = (Scratch::default(), Scratch::default());
                let text = normalise(store.bytes(row, field), norm, &mut of_text);
                let value = normalise(value.as_bytes(), norm, &mut of_value);
                test.holds(text, value)
            }),
            Self::Amount { min, max } => {
                within(&store.amount_minor(row), min.as_ref(), max.as_ref())
            }
            Self::BookingDate { from, to } => {
                within(&store.booking_date(row), from.as_ref(), to.as_ref())
            }
            Self::Ccy(allowed) => allowed.contains(&store.ccy(row)),
        }
    }
}

impl TextTest {
    fn holds(self, text: &[u8], value: &[u8]) -> bool {
        match self {
            Self::Equals => text == value,
            Self::Contains => memchr::memmem::find(text, value).is_some(),
            Self::StartsWith => text.starts_with(value),
            Self::IsEmpty => text.is_empty(),
        }
    }
}

fn within<T: Ord>(value: &T, least: Option<&T>, most: Option<&T>) -> bool {
    least.is_none_or(|least| value >= least) && most.is_none_or(|most| value <= most)
}
