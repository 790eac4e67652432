//! The key of a row under a pass: its hash, and whether two rows really have the same.

use std::hash::Hasher;

use foldhash::fast::FixedState;
use std::hash::BuildHasher;

use super::compare::date_of;
use crate::normalise::{Normaliser, Scratch, normalise};
use crate::rules::{Field, Pass};
use crate::txn::{TextField, TxnStore};

/// The keys of one side.
#[derive(Debug)]
pub(super) struct SideKeys<'a> {
    pub(super) store: &'a TxnStore,
    parts: Vec<Part<'a>>,
    hash: FixedState,
}

#[derive(Debug)]
enum Part<'a> {
    Text(TextField, &'a [Normaliser]),
    Amount,
    Date(Field),
}

/// Working memory for two keys.
#[derive(Debug, Default)]
pub(super) struct KeyScratch {
    one: Scratch,
    other: Scratch,
}

impl<'a> SideKeys<'a> {
    /// The keys of the left side under a pass.
    pub(super) fn left(pass: &'a Pass, store: &'a TxnStore, seed: u64) -> Self {
        let fields = pass
            .block
            .iter()
            .map(|key| (key.field, key.norm.as_slice()));
        Self::new(fields, store, seed)
    }

    /// The keys of the right side under a pass.
    pub(super) fn right(pass: &'a Pass, store: &'a TxnStore, seed: u64) -> Self {
        let fields = pass
            .block
            .iter()
            .map(|key| (key.right(), key.norm.as_slice()));
        Self::new(fields, store, seed)
    }

    fn new(
        fields: impl Iterator<Item = (Field, &'a [Normaliser])>,
        store: &'a TxnStore,
        seed: u64,
    ) -> Self {
        let part = |(field, norm): (Field, &'a [Normaliser])| match field {
            // The currency is part of every key.
            Field::Ccy => None,
            Field::Amount => Some(Part::Amount),
            Field::BookingDate | Field::ValueDate => Some(Part::Date(field)),
            Field::ExtId
            | Field::Reference
            | Field::Counterparty
            | Field::Description
            | Field::Kind => field.text().map(|text| Part::Text(text, norm)),
        };
        let parts = fields.filter_map(part).collect();
        Self {
            store,
            parts,
            hash: FixedState::with_seed(seed),
        }
    }

    /// The hash of a row's key; `None` if a part of the key is missing.
    #[inline]
    pub(super) fn hash(&self, row: usize, scratch: &mut KeyScratch) -> Option<u64> {
        let mut hasher = self.hash.build_hasher();
        let ccy = self.store.ccy(row).code().as_bytes();
        hasher.write_u32(u32::from_le_bytes([ccy[0], ccy[1], ccy[2], 0]));
        for part in &self.parts {
            match part {
                Part::Text(field, norm) => {
                    let text = normalise(self.store.bytes(row, *field), norm, &mut scratch.one);
                    if text.is_empty() {
                        return None;
                    }
                    hasher.write(text);
                }
                Part::Amount => hasher.write_i64(self.store.amount_minor(row)),
                Part::Date(field) => {
                    hasher.write_i32(date_of(self.store, row, *field)?.days());
                }
            }
        }
        Some(hasher.finish())
    }

    /// Whether a row of this side and a row of the other have the same key, byte by byte.
    #[inline]
    pub(super) fn equal(
        &self,
        row: usize,
        other: &Self,
        other_row: usize,
        scratch: &mut KeyScratch,
    ) -> bool {
        self.store.ccy(row) == other.store.ccy(other_row)
            && self
                .parts
                .iter()
                .zip(&other.parts)
                .all(|parts| match parts {
                    (Part::Text(one, norm), Part::Text(two, _)) => {
                        let one = self.store.bytes(row, *one);
                        let two = other.store.bytes(other_row, *two);
                        normalise(one, norm, &mut scratch.one)
                            == normalise(two, norm, &mut scratch.other)
                    }
                    (Part::Amount, Part::Amount) => {
                        self.store.amount_minor(row) == other.store.amount_minor(other_row)
                    }
                    (Part::Date(one), Part::Date(two)) => {
                        date_of(self.store, row, *one) == date_of(other.store, other_row, *two)
                    }
                    // Both sides are built from one list of keys, and validation pairs only like with like.
                    _ => false,
                })
    }
}
