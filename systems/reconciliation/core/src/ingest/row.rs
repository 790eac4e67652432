//! One record to one row of the store.

use super::{Limits, RejectCode};
use crate::csv::CsvRecord;
use crate::currency::Ccy;
use crate::date::Day;
use crate::encoding::decode_into;
use crate::mapping::{AmountSource, CompiledMapping, CurrencySource, MappingError};
use crate::money::{AmountError, parse_minor};
use crate::txn::{Numbers, TextField, TxnStore};

/// Where each field of a row is in the records of the file at hand.
#[derive(Debug)]
pub(super) struct Plan<'a> {
    mapping: &'a CompiledMapping,
    width: usize,
    max_field_bytes: usize,
    booking: usize,
    value: Option<usize>,
    amount: AmountPlace,
    ccy: CcyPlace,
    /// Of the texts that the file has, in the order of [`TextField`].
    texts: Vec<usize>,
    has_text: [bool; TextField::COUNT],
    id: Option<usize>,
}

#[derive(Debug, Clone, Copy)]
enum AmountPlace {
    Signed(usize),
    Pair { debit: usize, credit: usize },
}

#[derive(Debug, Clone, Copy)]
enum CcyPlace {
    Column(usize),
    Fixed(Ccy),
}

/// Why a record is no row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fault {
    pub(super) code: RejectCode,
    /// From 1; 0 for the row as a whole.
    pub(super) column: u16,
}

impl Fault {
    fn of_row(code: RejectCode) -> Self {
        Self { code, column: 0 }
    }

    fn at(code: RejectCode, place: usize) -> Self {
        Self {
            code,
            column: u16::try_from(place + 1).unwrap_or(u16::MAX),
        }
    }
}

impl<'a> Plan<'a> {
    pub(super) fn new(
        mapping: &'a CompiledMapping,
        first: &[String],
        limits: &Limits,
    ) -> Result<Self, MappingError> {
        let columns = &mapping.mapping.columns;
        let place = |column: &Option<_>| {
            column
                .as_ref()
                .map(|column: &crate::mapping::Column| column.resolve(first))
                .transpose()
        };
        let amount = match &mapping.mapping.amount {
            AmountSource::Signed(column) => AmountPlace::Signed(column.resolve(first)?),
            AmountSource::Pair { debit, credit } => AmountPlace::Pair {
                debit: debit.resolve(first)?,
                credit: credit.resolve(first)?,
            },
        };
        let ccy = match &mapping.mapping.currency {
            CurrencySource::Column(column) => CcyPlace::Column(column.resolve(first)?),
            CurrencySource::Fixed(ccy) => CcyPlace::Fixed(*ccy),
        };
        let texts = [
            place(&columns.ext_id)?,
            place(&columns.reference)?,
            place(&columns.counterparty)?,
            place(&columns.description)?,
            place(&columns.kind)?,
        ];
        Ok(Self {
            mapping,
            width: first.len(),
            max_field_bytes: limits.max_field_bytes,
            booking: columns.booking_date.resolve(first)?,
            value: place(&columns.value_date)?,
            amount,
            ccy,
            texts: texts.into_iter().flatten().collect(),
            has_text: texts.map(|place| place.is_some()),
            id: texts[0],
        })
    }

    /// A store for the texts that the file has.
    pub(super) fn new_store(&self) -> TxnStore {
        TxnStore::with_texts(self.has_text)
    }

    /// Whether rows carry the source's own id.
    pub(super) fn has_id(&self) -> bool {
        self.id.is_some()
    }

    /// The column of the id, from 1.
    pub(super) fn id_column(&self) -> u16 {
        self.id
            .and_then(|place| u16::try_from(place + 1).ok())
            .unwrap_or(0)
    }

    /// Adds the record to the store, or says why it cannot be.
    #[inline]
    pub(super) fn read(
        &self,
        record: &CsvRecord<'_>,
        row_id: u64,
        store: &mut TxnStore,
    ) -> Result<(), Fault> {
        if record.len() != self.width || record.unclosed || record.has_nul {
            return Err(self.fault_of_record(record));
        }
        let ccy = self.ccy(record)?;
        let numbers = Numbers {
            row_id,
            booking_date: self.booking_date(record)?,
            value_date: self.value_date(record)?,
            amount_minor: self.amount(record, ccy)?,
            ccy,
        };
        let mut row = store.start_record();
        for &place in &self.texts {
            let text = trim(record.field(place));
            let arena = row.arena();
            let before = arena.len();
            if record.is_ascii {
                arena.extend_from_slice(text);
            } else if !decode_into(text, self.mapping.mapping.encoding, arena) {
                return Err(Fault::at(RejectCode::BadEncoding, place));
            }
            if arena.len() - before > self.max_field_bytes {
                return Err(Fault::at(RejectCode::FieldTooLong, place));
            }
            row.end_text();
        }
        match row.commit(numbers) {
            Ok(_) => Ok(()),
            Err(_) => Err(Fault::of_row(RejectCode::FieldTooLong)),
        }
    }

    /// Why the record is no row, whatever its fields say.
    #[cold]
    fn fault_of_record(&self, record: &CsvRecord<'_>) -> Fault {
        if record.unclosed {
            Fault::of_row(RejectCode::UnclosedQuote)
        } else if record.len() != self.width {
            Fault::of_row(RejectCode::ColumnCount)
        } else {
            nul_fault(record)
        }
    }

    #[inline]
    fn ccy(&self, record: &CsvRecord<'_>) -> Result<Ccy, Fault> {
        match self.ccy {
            CcyPlace::Fixed(ccy) => Ok(ccy),
            CcyPlace::Column(place) => {
                let code = record.field(place);
                Ccy::from_code(code)
                    .or_else(|| Ccy::from_code(code.trim_ascii()))
                    .ok_or(Fault::at(RejectCode::UnknownCurrency, place))
            }
        }
    }

    #[inline]
    fn booking_date(&self, record: &CsvRecord<'_>) -> Result<Day, Fault> {
        let text = record.field(self.booking);
        self.day(text).ok_or_else(|| {
            let code = match text.trim_ascii() {
                [] => RejectCode::DateMissing,
                _ => RejectCode::DateMalformed,
            };
            Fault::at(code, self.booking)
        })
    }

    #[inline]
    fn value_date(&self, record: &CsvRecord<'_>) -> Result<Option<Day>, Fault> {
        let Some(place) = self.value else {
            return Ok(None);
        };
        let text = trim(record.field(place));
        if text.is_empty() {
            return Ok(None);
        }
        self.day(text)
            .map(Some)
            .ok_or(Fault::at(RejectCode::DateMalformed, place))
    }

    #[inline]
    fn day(&self, text: &[u8]) -> Option<Day> {
        let text = trim(text);
        let mut patterns = self.mapping.dates.iter();
        let first = patterns.next()?;
        first
            .parse(text)
            .or_else(|| patterns.find_map(|pattern| pattern.parse(text)))
    }

    #[inline]
    fn amount(&self, record: &CsvRecord<'_>, ccy: Ccy) -> Result<i64, Fault> {
        let minor = match self.amount {
            AmountPlace::Signed(place) => self.minor(record, place, ccy)?,
            AmountPlace::Pair { debit, credit } => self.minor_of(record, (debit, credit), ccy)?,
        };
        Ok(if self.mapping.mapping.negate {
            -minor
        } else {
            minor
        })
    }

    /// The amount in one field.
    #[inline]
    fn minor(&self, record: &CsvRecord<'_>, place: usize, ccy: Ccy) -> Result<i64, Fault> {
        parse_minor(record.field(place), ccy.exponent(), self.mapping.format)
            .map_err(|error| Fault::at(code_of(error), place))
    }

    /// The amount in one of two fields.
    fn minor_of(
        &self,
        record: &CsvRecord<'_>,
        (debit, credit): (usize, usize),
        ccy: Ccy,
    ) -> Result<i64, Fault> {
        let is_blank = |place| record.field(place).trim_ascii().is_empty();
        let parse = |place| self.minor(record, place, ccy);
        match (is_blank(debit), is_blank(credit)) {
            (true, true) => Err(Fault::at(RejectCode::AmountMissing, debit)),
            (false, true) => Ok(-parse(debit)?),
            (true, false) => parse(credit),
            // Banks that fill both write a zero into the one that does not count.
            (false, false) => match (parse(debit)?, parse(credit)?) {
                (minor, 0) => Ok(-minor),
                (0, minor) => Ok(minor),
                _ => Err(Fault::at(RejectCode::AmountTwice, credit)),
            },
        }
    }
}

/// The field without blanks around it. Few fields have any, and to see that takes no loop.
#[inline]
fn trim(field: &[u8]) -> &[u8] {
    match field {
        [first, .., last] if *first > b' ' && *last > b' ' => field,
        _ => field.trim_ascii(),
    }
}

fn nul_fault(record: &CsvRecord<'_>) -> Fault {
    match record.fields().position(|field| field.contains(&0)) {
        Some(place) => Fault::at(RejectCode::NulByte, place),
        None => Fault::of_row(RejectCode::NulByte),
    }
}

fn code_of(error: AmountError) -> RejectCode {
    match error {
        AmountError::Empty => RejectCode::AmountMissing,
        AmountError::Malformed => RejectCode::AmountMalformed,
        AmountError::TooManyDecimals => RejectCode::AmountTooManyDecimals,
        AmountError::Overflow => RejectCode::AmountOverflow,
    }
}
