//! A file to a store: every physical row ends in exactly one of accepted, duplicate or rejected.

mod reader;
mod row;

use std::io::{self, Read};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::mapping::{CompiledMapping, MappingError};
use crate::txn::TxnStore;

/// What a file may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Bytes of a file.
    pub max_bytes: u64,
    /// Rows of a file, without the header.
    pub max_rows: u64,
    /// Bytes of one text after decoding; a longer one rejects its row.
    pub max_field_bytes: usize,
}

impl Default for Limits {
    /// The product's limits: 50 MB and 1,000,000 rows for a file. A text of 4 KiB is longer than any remittance
    /// field of
    /// the bank formats (camt.053 allows 140 characters a line, MT940 390), and five of them fit a row's 64 KiB.
    fn default() -> Self {
        Self {
            max_bytes: 50_000_000,
            max_rows: 1_000_000,
            max_field_bytes: 4096,
        }
    }
}

/// What became of a file that could be read to its end.
#[derive(Debug, Clone)]
pub struct Ingested {
    /// The accepted rows. Their `row_id` is the number of the row in the file, from 1, the header not counted.
    pub store: TxnStore,
    /// Records in the file, without the header and without blank lines: accepted + duplicate + rejected.
    pub rows_in: u64,
    /// Rows whose transaction came before in this file.
    pub duplicates: Vec<Duplicate>,
    /// Rows that could not be read.
    pub rejected: Vec<Reject>,
    /// Bytes of the file.
    pub bytes: u64,
}

/// A row that says the same as an earlier one with the same external id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Duplicate {
    /// Number of the row in the file, from 1.
    pub row: u32,
    /// The line on which it begins, from 1, the header counted.
    pub line: u32,
    /// Number of the row that it repeats.
    pub first_row: u32,
}

/// A row that could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Reject {
    /// Number of the row in the file, from 1.
    pub row: u32,
    /// The line on which it begins, from 1, the header counted.
    pub line: u32,
    /// The field at fault, from 1; 0 if it is the row as a whole.
    pub column: u16,
    /// What is wrong.
    pub code: RejectCode,
}

/// Why a row is rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RejectCode {
    /// Fewer or more fields than the first record: a column would be read as another.
    ColumnCount,
    /// A quote was opened and never closed: the rest of the file is one field.
    UnclosedQuote,
    /// A field with a NUL byte: not a text file, or a damaged one.
    NulByte,
    /// Bytes that are no text in the file's encoding.
    BadEncoding,
    /// A text above the limit.
    FieldTooLong,
    /// No amount.
    AmountMissing,
    /// Not a number in the file's format.
    AmountMalformed,
    /// More decimals than the currency has.
    AmountTooManyDecimals,
    /// Beyond 63 bits of minor units.
    AmountOverflow,
    /// Both debit and credit are filled.
    AmountTwice,
    /// Not a code of ISO 4217.
    UnknownCurrency,
    /// No booking date.
    DateMissing,
    /// Not a date in any of the patterns, or not in the calendar.
    DateMalformed,
    /// The id of an earlier row, with other content: one of the two is wrong, and dropping it would lose money.
    IdConflict,
}

impl RejectCode {
    /// The name in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::ColumnCount => "column_count",
            Self::UnclosedQuote => "unclosed_quote",
            Self::NulByte => "nul_byte",
            Self::BadEncoding => "bad_encoding",
            Self::FieldTooLong => "field_too_long",
            Self::AmountMissing => "amount_missing",
            Self::AmountMalformed => "amount_malformed",
            Self::AmountTooManyDecimals => "amount_too_many_decimals",
            Self::AmountOverflow => "amount_overflow",
            Self::AmountTwice => "amount_twice",
            Self::UnknownCurrency => "unknown_currency",
            Self::DateMissing => "date_missing",
            Self::DateMalformed => "date_malformed",
            Self::IdConflict => "id_conflict",
        }
    }

    /// What a person should know about it.
    pub fn message(self) -> &'static str {
        match self {
            Self::ColumnCount => "the row has fewer or more columns than the first",
            Self::UnclosedQuote => "a quote is opened and never closed",
            Self::NulByte => "the field contains a NUL byte",
            Self::BadEncoding => "the bytes are not text in the encoding of the mapping",
            Self::FieldTooLong => "the text is too long",
            Self::AmountMissing => "the amount is empty",
            Self::AmountMalformed => "the amount is not a number in the format of the mapping",
            Self::AmountTooManyDecimals => "the amount has more decimals than its currency",
            Self::AmountOverflow => "the amount is too large",
            Self::AmountTwice => "both debit and credit are filled",
            Self::UnknownCurrency => "the currency is not a code of ISO 4217",
            Self::DateMissing => "the booking date is empty",
            Self::DateMalformed => "the date fits none of the patterns of the mapping",
            Self::IdConflict => "an earlier row has the same id and other content",
        }
    }
}

/// Why a file could not be read to its end; nothing of it counts.
#[derive(Debug, Error)]
pub enum IngestError {
    /// The reader failed; may be tried again.
    #[error("reading the file failed")]
    Read(#[from] io::Error),
    /// The mapping does not fit the file.
    #[error(transparent)]
    Mapping(#[from] MappingError),
    /// No header and no row.
    #[error("the file is empty")]
    Empty,
    /// UTF-16 or UTF-32.
    #[error("the file is UTF-16 or UTF-32; save it as UTF-8")]
    WideEncoding,
    /// More bytes than allowed.
    #[error("the file is larger than {0} bytes")]
    TooLarge(u64),
    /// More rows than allowed.
    #[error("the file has more than {0} rows")]
    TooManyRows(u64),
    /// The header is no text in the file's encoding.
    #[error("the header is not text in the encoding of the mapping")]
    Header,
}

/// Reads a file. Memory is bounded by `limits`, whatever the content.
pub fn ingest(
    input: impl Read,
    mapping: &CompiledMapping,
    limits: &Limits,
) -> Result<Ingested, IngestError> {
    reader::read_all(input, mapping, limits)
}

#[cfg(test)]
mod tests;
