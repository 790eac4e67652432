//! The key of a row under a pass: its hash, its bytes, and whether two rows really have the same.

use std::hash::{BuildHasher, Hasher};

use foldhash::fast::FixedState;

use super::compare::date_of;
use crate::currency::Ccy;
use crate::date::Day;
use crate::normalise::{Normaliser, Scratch, normalise};
use crate::rules::{Field, Pass};
use crate::txn::{TextField, TxnStore};
use crate::word::short_word;

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

/// The bytes of a key, if they are few: the currency, then each part. The texts of two rows that may be a match lie far
/// apart in memory, and fetching them is most of the cost of a join; most keys fit here and travel with their row.
///
/// Held as words and not as bytes: a word that is read right after some of its bytes were written makes the
/// processor wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct InlineKey<const WORDS: usize>([u64; WORDS]);

/// Words of the keys of a pass whose keys are short: the currency and a reference of 14 characters fit, or one of 9 and
/// a code of 4. With 16 bytes for what goes beside it, an entry of the join has 32 bytes, half a line of the cache.
pub(super) const NARROW: usize = 2;

/// Words of other keys: the currency and a reference of 22 characters fit, or one of 17 with a code of 4.
pub(super) const WIDE: usize = 3;

/// Rows of a side whose keys tell whether the pass has short ones.
const SAMPLE: usize = 1000;

impl<const WORDS: usize> InlineKey<WORDS> {
    /// First word of a key that does not fit and has to be compared where the rows are stored; its hash follows. No
    /// currency has this place.
    const LONG: u64 = u8::MAX as u64;

    /// Stands for a key that does not fit.
    fn too_long(hash: u64) -> Self {
        let mut words = [0; WORDS];
        (words[0], words[1]) = (Self::LONG, hash);
        Self(words)
    }

    /// Whether the key did not fit.
    #[inline]
    pub(super) fn is_too_long(&self) -> bool {
        self.0[0] == Self::LONG
    }
}

/// An [`InlineKey`] that is being written.
struct KeyWriter<const WORDS: usize> {
    words: [u64; WORDS],
    /// Bytes written; beyond the size of the words once a part did not fit.
    len: usize,
}

impl<const WORDS: usize> KeyWriter<WORDS> {
    #[inline]
    fn new(ccy: Ccy) -> Self {
        let mut words = [0; WORDS];
        words[0] = u64::from(ccy.place());
        Self { words, len: 1 }
    }

    /// Appends the lowest `len` bytes of a word whose other bytes are zero.
    #[inline]
    fn push(&mut self, word: u64, len: usize) {
        let (place, shift) = (self.len / 8, self.len % 8 * 8);
        if let Some(slot) = self.words.get_mut(place) {
            *slot |= word << shift;
        }
        if shift > 0
            && let Some(slot) = self.words.get_mut(place + 1)
        {
            *slot |= word >> (64 - shift);
        }
        self.len += len;
    }

    /// Appends a text with its length, so that the end of one cannot pass for the start of the next.
    #[inline]
    fn push_text(&mut self, text: &[u8]) {
        if text.len() < 8 {
            let word = short_word(text) << 8 | text.len() as u64;
            return self.push(word, text.len() + 1);
        }
        if text.len() > WORDS * 8 {
            self.len = usize::from(u8::MAX);
            return;
        }
        self.push(text.len() as u64, 1);
        let (words, rest) = text.as_chunks::<8>();
        for word in words {
            self.push(u64::from_le_bytes(*word), 8);
        }
        if !rest.is_empty() {
            self.push(short_word(rest), rest.len());
        }
    }

    /// The key, if all of it fits.
    #[inline]
    fn finish(self) -> Option<InlineKey<WORDS>> {
        (self.len <= WORDS * 8).then_some(InlineKey(self.words))
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

    /// Whether keys of [`NARROW`] words hold the keys of the rows, as far as some rows from all over the store tell.
    pub(super) fn are_narrow(&self) -> bool {
        let mut scratch = KeyScratch::default();
        (0..self.store.len())
            .step_by((self.store.len() / SAMPLE).max(1))
            .filter_map(|row| self.key::<NARROW>(row, &mut scratch))
            .all(|key| !key.is_too_long())
    }

    /// The key of a row; `None` if a part of it is missing. Equal keys give equal results, whether or not they fit into
    /// an [`InlineKey`].
    #[inline]
    pub(super) fn key<const WORDS: usize>(
        &self,
        row: usize,
        scratch: &mut KeyScratch,
    ) -> Option<InlineKey<WORDS>> {
        let mut key = KeyWriter::new(self.store.ccy(row));
        let texts = self.store.texts(row);
        for part in &self.parts {
            match part {
                Part::Text(field, norm) => {
                    let text = normalise(texts.get(*field), norm, &mut scratch.one);
                    if text.is_empty() {
                        return None;
                    }
                    key.push_text(text);
                }
                Part::Amount => key.push(self.store.amount_minor(row).cast_unsigned(), 8),
                Part::Date(field) => {
                    let days = date_of(self.store, row, *field)?.days();
                    key.push(u64::from(days.cast_unsigned()), 4);
                }
            }
        }
        Some(match key.finish() {
            Some(key) => key,
            None => InlineKey::too_long(self.hash_long(row, scratch)),
        })
    }

    /// The hash of a key.
    #[inline]
    pub(super) fn hash<const WORDS: usize>(&self, key: &InlineKey<WORDS>) -> u64 {
        let mut hasher = self.hash.build_hasher();
        for word in key.0 {
            hasher.write_u64(word);
        }
        hasher.finish() & self.mask
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
