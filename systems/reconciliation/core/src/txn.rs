//! The row store: an array of the numbers of the transactions and one arena for their texts.
//!
//! A store holds what the engine compares and nothing else. At 80 bytes for a row or less, two stores of 500,000 rows
//! fit the documents' 350 MiB with the working memory of a pass beside them.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::currency::Ccy;
use crate::date::Day;

/// The texts of a transaction, in the order in which the arena holds them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TextField {
    /// The source's own id.
    ExtId,
    /// Invoice number or the like.
    Reference,
    /// The other party.
    Counterparty,
    /// Free text.
    Description,
    /// Transaction code or account.
    Kind,
}

impl TextField {
    /// All of them, in the order of the arena.
    pub const ALL: [Self; 5] = [
        Self::ExtId,
        Self::Reference,
        Self::Counterparty,
        Self::Description,
        Self::Kind,
    ];
    /// How many there are.
    pub const COUNT: usize = Self::ALL.len();
}

/// One transaction to put into a store or taken from one. An empty text means that the row has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Txn<'a> {
    /// Identity of the row for the caller; ties between equal candidates are broken by it.
    pub row_id: u64,
    /// When it was booked.
    pub booking_date: Day,
    /// When it took effect.
    pub value_date: Option<Day>,
    /// Minor units of `ccy`; positive is money coming in.
    pub amount_minor: i64,
    /// Its currency.
    pub ccy: Ccy,
    /// The source's own id.
    pub ext_id: &'a str,
    /// Invoice number or the like.
    pub reference: &'a str,
    /// The other party.
    pub counterparty: &'a str,
    /// Free text.
    pub description: &'a str,
    /// Transaction code or account.
    pub kind: &'a str,
}

/// Why a row does not fit a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum StoreError {
    /// The texts of one row are limited to 64 KiB together, since their lengths are held in 16 bits.
    #[error("the texts of one row exceed 64 KiB")]
    RowTooLong,
    /// 4 billion rows or 4 GiB of text, since places are held in 32 bits. Far above the limits of ingestion.
    #[error("the store is full")]
    Full,
}

/// Transactions of one side, in the order in which they were added. A row is named by its place, from 0.
#[derive(Debug, Clone)]
pub struct TxnStore {
    /// For each text its place among the texts that the rows of this store have: a file seldom has all five, and a
    /// million rows should not pay for those that it lacks.
    slots: [Option<u8>; TextField::COUNT],
    /// Bytes of the ends of each row: two for each slot.
    ends_len: usize,
    /// Empty as long as each row's id is its place plus one, as in a file without a rejected row.
    row_ids: Vec<u64>,
    heads: Vec<Head>,
    /// Empty until a row has a value date; `NO_DAY` where a row has none.
    value: Vec<i32>,
    ccys: Vec<Ccy>,
    /// For each row: the ends of its texts as one `u16` for each slot, relative to the first text, then the texts.
    arena: Vec<u8>,
}

/// What nearly every look at a row needs, side by side: one line of the cache holds it all.
#[derive(Debug, Clone, Copy)]
struct Head {
    amount: i64,
    booking: i32,
    /// Where in the arena the record of the row starts.
    start: u32,
}

const NO_DAY: i32 = i32::MIN;
/// Bytes of the ends of a row with all texts.
const MAX_ENDS: usize = TextField::COUNT * 2;

/// The texts of one row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Texts<'a> {
    slots: &'a [Option<u8>; TextField::COUNT],
    ends: &'a [[u8; 2]],
    /// The texts of this row, and what follows them.
    bytes: &'a [u8],
}

impl<'a> Texts<'a> {
    /// One of them; empty if the row has none.
    #[inline]
    pub(crate) fn get(&self, field: TextField) -> &'a [u8] {
        let Some(slot) = self.slots[field as usize].map(usize::from) else {
            return &[];
        };
        let end = |slot: usize| usize::from(u16::from_le_bytes(self.ends[slot]));
        let from = if slot == 0 { 0 } else { end(slot - 1) };
        &self.bytes[from..end(slot)]
    }
}

/// The numbers of a row, apart from its texts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Numbers {
    pub(crate) row_id: u64,
    pub(crate) booking_date: Day,
    pub(crate) value_date: Option<Day>,
    pub(crate) amount_minor: i64,
    pub(crate) ccy: Ccy,
}

impl Default for TxnStore {
    fn default() -> Self {
        Self::with_texts([true; TextField::COUNT])
    }
}

impl TxnStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty store whose rows have some of the texts only; the others read as empty.
    pub(crate) fn with_texts(has_text: [bool; TextField::COUNT]) -> Self {
        let mut slot = 0_u8;
        let slots = has_text.map(|has_it| {
            has_it.then(|| {
                slot += 1;
                slot - 1
            })
        });
        Self {
            slots,
            ends_len: usize::from(slot) * 2,
            row_ids: Vec::new(),
            heads: Vec::new(),
            value: Vec::new(),
            ccys: Vec::new(),
            arena: Vec::new(),
        }
    }

    /// How many rows it holds.
    #[inline]
    pub fn len(&self) -> usize {
        self.heads.len()
    }

    /// Whether it holds no row.
    pub fn is_empty(&self) -> bool {
        self.heads.is_empty()
    }

    /// Adds a row and returns its place.
    pub fn push(&mut self, txn: &Txn<'_>) -> Result<usize, StoreError> {
        let texts = [
            txn.ext_id,
            txn.reference,
            txn.counterparty,
            txn.description,
            txn.kind,
        ];
        if self.ends_len < MAX_ENDS {
            self.widen()?;
        }
        let mut record = self.start_record();
        for text in texts {
            record.arena().extend_from_slice(text.as_bytes());
            record.end_text();
        }
        record.commit(Numbers {
            row_id: txn.row_id,
            booking_date: txn.booking_date,
            value_date: txn.value_date,
            amount_minor: txn.amount_minor,
            ccy: txn.ccy,
        })
    }

    /// Gives the rows all texts, so that any row can follow them.
    #[cold]
    fn widen(&mut self) -> Result<(), StoreError> {
        let mut wide = Self::new();
        for row in 0..self.len() {
            wide.push(&self.get(row))?;
        }
        *self = wide;
        Ok(())
    }

    /// The row at this place.
    ///
    /// # Panics
    /// If there is no such row; so do all readers below.
    pub fn get(&self, row: usize) -> Txn<'_> {
        Txn {
            row_id: self.row_id(row),
            booking_date: self.booking_date(row),
            value_date: self.value_date(row),
            amount_minor: self.heads[row].amount,
            ccy: self.ccys[row],
            ext_id: self.text(row, TextField::ExtId),
            reference: self.text(row, TextField::Reference),
            counterparty: self.text(row, TextField::Counterparty),
            description: self.text(row, TextField::Description),
            kind: self.text(row, TextField::Kind),
        }
    }

    /// Identity of the row for the caller.
    ///
    /// # Panics
    /// If there is no such row.
    #[inline]
    pub fn row_id(&self, row: usize) -> u64 {
        if self.row_ids.is_empty() {
            assert!(row < self.len(), "no row {row}");
            return row as u64 + 1;
        }
        self.row_ids[row]
    }

    /// Minor units.
    #[inline]
    pub fn amount_minor(&self, row: usize) -> i64 {
        self.heads[row].amount
    }

    /// Currency.
    #[inline]
    pub fn ccy(&self, row: usize) -> Ccy {
        self.ccys[row]
    }

    /// When it was booked.
    #[inline]
    pub fn booking_date(&self, row: usize) -> Day {
        Day::from_days(self.heads[row].booking)
    }

    /// When it took effect, if the source says so.
    #[inline]
    pub fn value_date(&self, row: usize) -> Option<Day> {
        self.value
            .get(row)
            .filter(|days| **days != NO_DAY)
            .map(|days| Day::from_days(*days))
    }

    /// One of its texts; empty if it has none.
    pub fn text(&self, row: usize, field: TextField) -> &str {
        // Only text gets into the arena, so the fallback is never taken; `unsafe` would save a scan of a few bytes.
        std::str::from_utf8(self.bytes(row, field)).unwrap_or_default()
    }

    /// The same as bytes, for comparisons.
    #[inline]
    pub(crate) fn bytes(&self, row: usize, field: TextField) -> &[u8] {
        self.texts(row).get(field)
    }

    /// All its texts, for who reads several.
    #[inline]
    pub(crate) fn texts(&self, row: usize) -> Texts<'_> {
        let record = &self.arena[self.heads[row].start as usize..];
        let (ends, texts) = record.split_at(self.ends_len);
        Texts {
            slots: &self.slots,
            ends: ends.as_chunks().0,
            bytes: texts,
        }
    }

    /// Begins the record of a new row; dropping the record without committing leaves the store as it was.
    #[inline]
    pub(crate) fn start_record(&mut self) -> Record<'_> {
        let start = self.arena.len();
        let texts = start + self.ends_len;
        // A copy of constant length and a cut take less time than a call that clears a few bytes.
        self.arena.extend_from_slice(&[0; MAX_ENDS]);
        self.arena.truncate(texts);
        Record {
            store: self,
            start,
            texts,
            next_end: start,
            committed: false,
        }
    }

    /// Whether two rows say the same in everything but their `row_id`.
    pub(crate) fn same_content(&self, one: usize, other: usize) -> bool {
        let (one, other) = (self.get(one), self.get(other));
        one == Txn {
            row_id: one.row_id,
            ..other
        }
    }

    /// Takes back the row that was added last.
    pub(crate) fn pop(&mut self) {
        if let Some(head) = self.heads.pop() {
            self.arena.truncate(head.start as usize);
            self.row_ids.truncate(self.heads.len());
            self.value.truncate(self.heads.len());
            self.ccys.pop();
        }
    }

    /// Bytes that the store takes on the heap, spare capacity included.
    pub fn heap_bytes(&self) -> usize {
        self.arena.capacity()
            + self.row_ids.capacity() * 8
            + self.heads.capacity() * size_of::<Head>()
            + self.value.capacity() * 4
            + self.ccys.capacity()
    }

    /// Gives back capacity that growing left over.
    pub(crate) fn shrink(&mut self) {
        self.arena.shrink_to_fit();
        self.row_ids.shrink_to_fit();
        self.heads.shrink_to_fit();
        self.value.shrink_to_fit();
        self.ccys.shrink_to_fit();
    }
}

/// A row that is being written: those texts that the store has go straight into the arena, in the order of
/// [`TextField`].
#[derive(Debug)]
pub(crate) struct Record<'a> {
    store: &'a mut TxnStore,
    start: usize,
    /// Where in the arena its first text begins.
    texts: usize,
    /// Where in the arena the end of the current text belongs.
    next_end: usize,
    committed: bool,
}

impl Record<'_> {
    /// Where the current text is to be appended.
    #[inline]
    pub(crate) fn arena(&mut self) -> &mut Vec<u8> {
        &mut self.store.arena
    }

    /// Ends the current text. Its length is only checked by [`Record::commit`].
    #[inline]
    pub(crate) fn end_text(&mut self) {
        let arena = &mut self.store.arena;
        let end = u16::try_from(arena.len() - self.texts).unwrap_or(u16::MAX);
        if let Some(place) = arena[self.next_end..].first_chunk_mut() {
            *place = end.to_le_bytes();
        }
        self.next_end += 2;
    }

    /// Adds the row with these numbers and returns its place.
    #[inline]
    pub(crate) fn commit(mut self, numbers: Numbers) -> Result<usize, StoreError> {
        let store = &mut *self.store;
        if store.arena.len() - self.texts > usize::from(u16::MAX) {
            return Err(StoreError::RowTooLong);
        }
        let row = store.heads.len();
        let start = u32::try_from(self.start).map_err(|_| StoreError::Full)?;
        // The engine keeps rows as `u32` and uses the largest for "none".
        if row >= u32::MAX as usize {
            return Err(StoreError::Full);
        }
        if let Some(day) = numbers.value_date {
            store.value.resize(row, NO_DAY);
            store.value.push(day.days());
        } else if !store.value.is_empty() {
            store.value.push(NO_DAY);
        }
        if !store.row_ids.is_empty() || numbers.row_id != row as u64 + 1 {
            if store.row_ids.is_empty() {
                store.row_ids.extend(1..=row as u64);
            }
            store.row_ids.push(numbers.row_id);
        }
        store.heads.push(Head {
            amount: numbers.amount_minor,
            booking: numbers.booking_date.days(),
            start,
        });
        store.ccys.push(numbers.ccy);
        self.committed = true;
        Ok(row)
    }
}

impl Drop for Record<'_> {
    fn drop(&mut self) {
        if !self.committed {
            self.store.arena.truncate(self.start);
        }
    }
}

#[cfg(test)]
mod tests;
