//! The key of a row under a pass: its hash, its bytes, and whether two rows really have the same.

use std::hash::{BuildHasher, Hasher};

use foldhash::fast::FixedState;

use super::compare::date_of;
use crate::date::Day;
use crate::normalise::{Normaliser, Scratch, normalise};
use crate::rules::{Field, Pass};
use crate::txn::{TextField, TxnStore};

/// The keys of one side.
#[derive(Debug)]
pub(super) struct SideKeys<'a> {
    pub(super) store: &'a TxnStore,
    parts: Vec<Part<'a>>,
    hash: FixedState,
    /// All ones; a test clears it to make every key collide with every other.
    pub(super) mask: u64,
}

#[derive(Debug)]
enum Part<'a> {
    Text(TextField, &'a [Normaliser]),
    Amount,
    Date(Field),
}

/// The bytes of a key, if they are few: the first holds how many there are. The texts of two rows that may be a match lie
/// far apart in memory, and fetching them is most of the cost of a join; most keys fit here and travel with their row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct InlineKey([u8; InlineKey::SIZE]);

impl InlineKey {
    /// With 20 bytes for what goes beside it, an entry of the join has 40 bytes. The currency and a reference of 17
    /// characters fit, or one of 12 with a code of 4.
    const SIZE: usize = 20;
    const LONG: u8 = u8::MAX;
    /// Of a key that does not fit: it has to be compared where the rows are stored.
    const TOO_LONG: Self = Self([Self::LONG; Self::SIZE]);
    const EMPTY: Self = Self([0; Self::SIZE]);

    /// Whether the key did not fit.
    #[inline]
    pub(super) fn is_too_long(&self) -> bool {
        self.0[0] == Self::LONG
    }

    /// Appends one part with its length; `false` if it does not fit.
    #[inline]
    fn push(&mut self, part: &[u8]) -> bool {
        let from = usize::from(self.0[0]) + 1;
        let to = from + 1 + part.len();
        let (Ok(part_len), true) = (u8::try_from(part.len()), to <= Self::SIZE) else {
            return false;
        };
        self.0[from] = part_len;
        copy_short(part, &mut self.0[from + 1..to]);
        self.0[0] += part_len + 1;
        true
    }

    #[inline]
    fn hash(&self, state: &FixedState) -> u64 {
        let mut hasher = state.build_hasher();
        for word in self.0.as_chunks::<4>().0 {
            hasher.write_u32(u32::from_le_bytes(*word));
        }
        hasher.finish()
    }
}

/// Copies a few bytes in at most two overlapping moves: a call of `memcpy` takes longer than that.
#[inline]
fn copy_short(from: &[u8], to: &mut [u8]) {
    match from.len() {
        8..=16 => copy_ends::<8>(from, to),
        4..=7 => copy_ends::<4>(from, to),
        2..=3 => copy_ends::<2>(from, to),
        _ => to.copy_from_slice(from),
    }
}

/// Copies the first and the last `N` bytes, which may overlap.
#[inline]
fn copy_ends<const N: usize>(from: &[u8], to: &mut [u8]) {
    if let (Some(head), Some(tail)) = (from.first_chunk::<N>(), from.last_chunk::<N>())
        && to.len() == from.len()
    {
        let (head, tail) = (*head, *tail);
        if let Some(slot) = to.first_chunk_mut::<N>() {
            *slot = head;
        }
        if let Some(slot) = to.last_chunk_mut::<N>() {
            *slot = tail;
        }
    }
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
            mask: u64::MAX,
        }
    }

    /// The key of a row and its hash; `None` if a part of the key is missing. Equal keys give equal results, whether or
    /// not they fit into an [`InlineKey`].
    #[inline]
    pub(super) fn key(&self, row: usize, scratch: &mut KeyScratch) -> Option<(InlineKey, u64)> {
        let mut key = InlineKey::EMPTY;
        key.0[1] = self.store.ccy(row).place();
        key.0[0] = 1;
        let mut fits = true;
        for part in &self.parts {
            fits &= match part {
                Part::Text(field, norm) => {
                    let text = normalise(self.store.bytes(row, *field), norm, &mut scratch.one);
                    if text.is_empty() {
                        return None;
                    }
                    fits && key.push(text)
                }
                Part::Amount => fits && key.push(&self.store.amount_minor(row).to_le_bytes()),
                Part::Date(field) => {
                    let days = date_of(self.store, row, *field)?.days();
                    fits && key.push(&days.to_le_bytes())
                }
            };
        }
        let (key, hash) = if fits {
            (key, key.hash(&self.hash))
        } else {
            (InlineKey::TOO_LONG, self.hash_long(row, scratch))
        };
        Some((key, hash & self.mask))
    }

    /// The hash of a key that does not fit. No part of it is missing.
    #[cold]
    fn hash_long(&self, row: usize, scratch: &mut KeyScratch) -> u64 {
        let mut hasher = self.hash.build_hasher();
        hasher.write(self.store.ccy(row).code().as_bytes());
        for part in &self.parts {
            match part {
                Part::Text(field, norm) => {
                    hasher.write(normalise(
                        self.store.bytes(row, *field),
                        norm,
                        &mut scratch.one,
                    ));
                }
                Part::Amount => hasher.write_i64(self.store.amount_minor(row)),
                Part::Date(field) => {
                    hasher.write_i32(date_of(self.store, row, *field).map_or(0, Day::days));
                }
            }
        }
        hasher.finish()
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
