//! How to read a file: which column is what, and in which dialect it is written.
//!
//! A [`Mapping`] is a document of the user's (a *source* stores one); [`Mapping::compile`] checks it once, so that
//! reading a
//! million rows asks no more questions.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::currency::Ccy;
use crate::date::{DatePattern, DatePatternError};
use crate::encoding::Encoding;
use crate::money::AmountFormat;

/// How to read the rows of one kind of CSV file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mapping {
    /// The character between fields, one byte: `,` `;` tab or `|` as a rule.
    #[serde(default = "comma")]
    pub delimiter: char,
    /// Whether the first record names the columns.
    #[serde(default = "yes")]
    pub header: bool,
    /// How the bytes of the file mean characters.
    #[serde(default)]
    pub encoding: Encoding,
    /// What stands between whole units and decimals.
    #[serde(default)]
    pub decimal: DecimalMark,
    /// What stands between groups of digits, if anything.
    #[serde(default)]
    pub thousands: Option<char>,
    /// Patterns of dates, tried in this order ([`DatePattern`]).
    #[serde(default = "iso_dates")]
    pub dates: Vec<String>,
    /// Where the amount is.
    pub amount: AmountSource,
    /// Turns the sign of every amount: for a ledger that books money received as a debit.
    #[serde(default)]
    pub negate: bool,
    /// Where the currency is.
    pub currency: CurrencySource,
    /// Where the other fields are.
    pub columns: Columns,
}

/// A column by its name in the header or by its place, counted from 0.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Column {
    /// Place in the record, from 0.
    Index(u16),
    /// Name in the header, compared without regard to case and blanks around it.
    Name(String),
}

/// One signed column, or a pair of which exactly one is filled in each row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum AmountSource {
    /// Positive is money coming in (a credit to the account).
    Signed(Column),
    /// Money out and money in, both written without a sign.
    Pair {
        /// Money out: counts negative.
        debit: Column,
        /// Money in: counts positive.
        credit: Column,
    },
}

/// A column of codes, or one currency for the whole file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum CurrencySource {
    /// A column of ISO 4217 codes.
    Column(Column),
    /// The same currency in every row.
    Fixed(Ccy),
}

/// The decimal mark.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DecimalMark {
    /// `1234.56`
    #[default]
    Dot,
    /// `1234,56`
    Comma,
}

/// The columns of the fields; only the booking date must be there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Columns {
    /// The source's own id of the transaction. With it, a second row of the same id is a duplicate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ext_id: Option<Column>,
    /// When the transaction was booked.
    pub booking_date: Column,
    /// When it took effect; may be empty in a row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_date: Option<Column>,
    /// Invoice number, end-to-end id, cheque number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<Column>,
    /// The other party.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counterparty: Option<Column>,
    /// Free text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<Column>,
    /// Transaction code or account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Column>,
}

fn comma() -> char {
    ','
}

fn yes() -> bool {
    true
}

fn iso_dates() -> Vec<String> {
    vec!["YYYY-MM-DD".to_owned()]
}

/// What is wrong with a mapping, by itself or for the file at hand.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MappingError {
    /// The delimiter cannot be told from the content.
    #[error(
        "delimiter {0:?} must be one ASCII character other than a quote, a line end, a letter or a digit"
    )]
    Delimiter(char),
    /// The separator cannot be told from digits or from the decimal mark.
    #[error(
        "thousands separator {0:?} must be one ASCII character that is no digit, no sign and not the decimal mark"
    )]
    Thousands(char),
    /// No pattern at all.
    #[error("the mapping names no date pattern (for example YYYY-MM-DD)")]
    NoDatePattern,
    /// A pattern that names no day.
    #[error(transparent)]
    DatePattern(#[from] DatePatternError),
    /// A column by name in a file that has no names.
    #[error("column {0:?} is given by name, but the mapping says that the file has no header")]
    NameWithoutHeader(String),
    /// The header lacks the column.
    #[error("the file has no column {wanted:?}; its columns are {found:?}")]
    ColumnNotFound {
        /// The name in the mapping.
        wanted: String,
        /// The names in the file.
        found: Vec<String>,
    },
    /// The header has the name twice.
    #[error("the file has more than one column {0:?}; give the place instead (counted from 0)")]
    ColumnTwice(String),
    /// The first record is too short.
    #[error("column {index} does not exist: the first record has {width} columns (counted from 0)")]
    ColumnOutOfRange {
        /// The place in the mapping.
        index: u16,
        /// The columns of the first record.
        width: usize,
    },
}

/// A mapping that was checked: what does not depend on the file is settled.
#[derive(Debug, Clone)]
pub struct CompiledMapping {
    pub(crate) mapping: Mapping,
    pub(crate) delimiter: u8,
    pub(crate) format: AmountFormat,
    pub(crate) dates: Vec<DatePattern>,
}

impl Mapping {
    /// Checks everything that can be checked without the file.
    pub fn compile(&self) -> Result<CompiledMapping, MappingError> {
        let delimiter = u8::try_from(self.delimiter)
            .ok()
            .filter(|byte| byte.is_ascii() && !byte.is_ascii_alphanumeric())
            .filter(|byte| !matches!(byte, b'"' | b'\n' | b'\r' | 0))
            .ok_or(MappingError::Delimiter(self.delimiter))?;
        let decimal = match self.decimal {
            DecimalMark::Dot => b'.',
            DecimalMark::Comma => b',',
        };
        let thousands = self
            .thousands
            .map(|mark| thousands_byte(mark, decimal))
            .transpose()?;
        if self.dates.is_empty() {
            return Err(MappingError::NoDatePattern);
        }
        let dates = self
            .dates
            .iter()
            .map(|text| text.parse())
            .collect::<Result<_, _>>()?;
        if !self.header
            && let Some(Column::Name(name)) = self
                .all_columns()
                .into_iter()
                .find(|column| matches!(column, Column::Name(_)))
        {
            return Err(MappingError::NameWithoutHeader(name.clone()));
        }
        Ok(CompiledMapping {
            mapping: self.clone(),
            delimiter,
            format: AmountFormat { decimal, thousands },
            dates,
        })
    }

    fn all_columns(&self) -> Vec<&Column> {
        let columns = &self.columns;
        let mut all = vec![&columns.booking_date];
        all.extend(
            columns
                .ext_id
                .iter()
                .chain(&columns.value_date)
                .chain(&columns.reference),
        );
        all.extend(
            columns
                .counterparty
                .iter()
                .chain(&columns.description)
                .chain(&columns.kind),
        );
        match &self.amount {
            AmountSource::Signed(column) => all.push(column),
            AmountSource::Pair { debit, credit } => all.extend([debit, credit]),
        }
        if let CurrencySource::Column(column) = &self.currency {
            all.push(column);
        }
        all
    }
}

fn thousands_byte(mark: char, decimal: u8) -> Result<u8, MappingError> {
    u8::try_from(mark)
        .ok()
        .filter(|byte| byte.is_ascii() && !byte.is_ascii_alphanumeric() && *byte != decimal)
        .filter(|byte| !matches!(byte, b'+' | b'-' | b'(' | b')' | b'"' | b'\n' | b'\r'))
        .ok_or(MappingError::Thousands(mark))
}

impl Column {
    /// The place of this column in a file whose first record is `first`.
    pub(crate) fn resolve(&self, first: &[String]) -> Result<usize, MappingError> {
        match self {
            Self::Index(index) if usize::from(*index) < first.len() => Ok(usize::from(*index)),
            Self::Index(index) => Err(MappingError::ColumnOutOfRange {
                index: *index,
                width: first.len(),
            }),
            Self::Name(wanted) => {
                let is_wanted = |name: &String| name.trim().eq_ignore_ascii_case(wanted.trim());
                let mut places = (0..first.len()).filter(|place| is_wanted(&first[*place]));
                let place = places.next().ok_or_else(|| MappingError::ColumnNotFound {
                    wanted: wanted.clone(),
                    found: first.to_vec(),
                })?;
                match places.next() {
                    None => Ok(place),
                    Some(_) => Err(MappingError::ColumnTwice(wanted.clone())),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minimal() -> Mapping {
        serde_json::from_str(
            r#"{"amount":{"signed":"amount"},"currency":{"fixed":"USD"},"columns":{"booking_date":"date"}}"#,
        )
        .unwrap()
    }

    #[test]
    fn a_minimal_mapping_reads_plain_csv_with_a_header() {
        let mapping = minimal();
        assert_eq!(
            (mapping.delimiter, mapping.header, mapping.decimal),
            (',', true, DecimalMark::Dot)
        );
        assert!(mapping.compile().is_ok());
    }

    #[test]
    fn a_mapping_survives_a_round_trip_through_json() {
        let mut mapping = minimal();
        mapping.amount = AmountSource::Pair {
            debit: Column::Index(3),
            credit: Column::Index(4),
        };
        mapping.columns.ext_id = Some(Column::Name("id".into()));
        let text = serde_json::to_string(&mapping).unwrap();
        assert_eq!(serde_json::from_str::<Mapping>(&text).unwrap(), mapping);
    }

    #[test]
    fn settings_that_cannot_be_told_apart_are_refused() {
        for delimiter in ['"', '\n', 'a', '5', 'é', '\0'] {
            let mapping = Mapping {
                delimiter,
                ..minimal()
            };
            assert_eq!(
                mapping.compile().err(),
                Some(MappingError::Delimiter(delimiter))
            );
        }
        for mark in ['.', '1', '-', 'é'] {
            let mapping = Mapping {
                thousands: Some(mark),
                ..minimal()
            };
            assert_eq!(mapping.compile().err(), Some(MappingError::Thousands(mark)));
        }
        let mapping = Mapping {
            dates: vec![],
            ..minimal()
        };
        assert_eq!(mapping.compile().err(), Some(MappingError::NoDatePattern));
        let mapping = Mapping {
            header: false,
            ..minimal()
        };
        assert!(matches!(
            mapping.compile(),
            Err(MappingError::NameWithoutHeader(_))
        ));
    }

    #[test]
    fn a_misspelt_key_is_an_error() {
        let text = r#"{"amount":{"signed":0},"currency":{"fixed":"USD"},"columns":{"booking_date":1},"negat":true}"#;
        assert!(serde_json::from_str::<Mapping>(text).is_err());
    }
}
