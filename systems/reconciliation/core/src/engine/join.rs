//! The join of both sides by key.
//!
//! Hashes of keys are scattered into partitions that fit the cache, sorted there, and merged: equal hashes of both sides meet
//! without a random access to memory. What the comparison of two rows needs travels with them, and keys are compared byte
//! by byte.

use std::cmp::Ordering;

use super::compare::Checks;
use super::compare::Numbers;
use super::keys::{InlineKey, KeyScratch, SideKeys};
use super::solve::Solver;
use super::{NONE, RunError, State};
use crate::date::Day;
use crate::rules::{Filter, Pass};

/// Rows of one side that a partition holds on average: 256 entries of 48 bytes from each side stay in the second-level cache
/// while they are sorted and merged.
const PARTITION_ROWS: usize = 256;

/// At most 2^12 partitions, so that scattering writes to few enough places at once for the second-level cache.
const MAX_PARTITION_BITS: u32 = 12;

/// Calls of the progress callback in one pass, at most.
const REPORTS: usize = 200;

/// Hash of a row that takes no part. A real hash of this value is moved by one; keys are compared anyway.
const ABSENT: u64 = u64::MAX;

/// Runs a pass over all rows that are still open.
pub(super) fn run_pass(pass: &Pass, seed: u64, state: &mut State<'_>) -> Result<(), RunError> {
    let keys = (
        SideKeys::left(pass, state.left, seed),
        SideKeys::right(pass, state.right, seed),
    );
    join(pass, &keys, state)
}

/// The same with given keys.
pub(super) fn join(
    pass: &Pass,
    keys: &(SideKeys<'_>, SideKeys<'_>),
    state: &mut State<'_>,
) -> Result<(), RunError> {
    let largest = state.left.len().max(state.right.len());
    let bits = (largest / PARTITION_ROWS)
        .max(1)
        .ilog2()
        .min(MAX_PARTITION_BITS);
    state.report(0)?;
    let mut lefts = {
        let is_open = |row: usize| state.left_claims[row].right == NONE;
        Partitions::new(&keys.0, pass.filter_left.as_ref(), is_open, bits)
    };
    let mut rights = {
        let is_open = |row: usize| !state.right_claimed[row];
        Partitions::new(&keys.1, pass.filter_right.as_ref(), is_open, bits)
    };
    let checks = Checks::new(pass);
    let mut solver = Solver::new(pass, &checks, (&keys.0, &keys.1));
    let rows = state.left.len() + state.right.len();
    let step = lefts.count().div_ceil(REPORTS);
    for partition in 0..lefts.count() {
        lefts.sort(partition);
        rights.sort(partition);
        merge(&lefts, &rights, partition, |run| solver.take(run, state));
        if (partition + 1) % step == 0 {
            state.report(rows * (partition + 1) / lefts.count())?;
        }
    }
    state.report(rows)
}

/// Rows of both sides whose keys have the same hash (and so, nearly always, the same key).
#[derive(Debug, Clone, Copy)]
pub(super) struct Run<'a> {
    pub(super) lefts: Tagged<'a>,
    pub(super) rights: Tagged<'a>,
}

/// Some of the rows of one side.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tagged<'a> {
    tags: &'a [u64],
    entries: &'a [Entry],
}

impl<'a> Tagged<'a> {
    /// The entry, if there is one only.
    #[inline]
    pub(super) fn only(self) -> Option<&'a Entry> {
        match self.tags {
            [tag] => Some(&self.entries[entry_of(*tag)]),
            _ => None,
        }
    }

    /// The rows.
    pub(super) fn rows(self) -> Vec<u32> {
        self.tags
            .iter()
            .map(|tag| self.entries[entry_of(*tag)].row)
            .collect()
    }
}

/// A row with what the comparison with another needs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub(super) numbers: Numbers,
    pub(super) row: u32,
    pub(super) key: InlineKey,
}

/// The rows of one side, grouped by the top bits of the hash of their key.
struct Partitions {
    entries: Vec<Entry>,
    /// One for each entry. Upper half: 32 bits of the hash; lower half: the place of the entry.
    tags: Vec<u64>,
    /// Where each partition starts, and where the last ends.
    bounds: Vec<usize>,
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the lower half of a tag is the place"
)]
#[inline]
fn entry_of(tag: u64) -> usize {
    tag as u32 as usize
}

impl Partitions {
    fn new(
        keys: &SideKeys<'_>,
        filter: Option<&Filter>,
        is_open: impl Fn(usize) -> bool,
        bits: u32,
    ) -> Self {
        let takes_part =
            |row| is_open(row) && filter.is_none_or(|filter| filter.accepts(keys.store, row));
        let hashed = hashed(keys, takes_part);
        let partition_of = |hash: u64| (hash >> 32 >> (32 - bits)) as usize;
        let mut bounds = vec![0_usize; (1 << bits) + 1];
        for (hash, _) in hashed.iter().filter(|(hash, _)| *hash != ABSENT) {
            bounds[partition_of(*hash) + 1] += 1;
        }
        for partition in 1..bounds.len() {
            bounds[partition] += bounds[partition - 1];
        }
        let count = bounds[bounds.len() - 1];
        let nobody = Numbers {
            amount: 0,
            day: Day::from_days(0),
        };
        let mut entries = vec![
            Entry {
                numbers: nobody,
                row: NONE,
                key: InlineKey::EMPTY
            };
            count
        ];
        let mut tags = vec![0; count];
        let mut next = bounds.clone();
        for (row, &(hash, key)) in (0_u32..).zip(&hashed) {
            if hash == ABSENT {
                continue;
            }
            let slot = &mut next[partition_of(hash)];
            // The top bits name the partition, so the tag keeps the bits below them.
            tags[*slot] = (hash << bits) & !u64::from(u32::MAX) | *slot as u64;
            let numbers = Numbers::of(keys.store, row as usize);
            entries[*slot] = Entry { numbers, row, key };
            *slot += 1;
        }
        Self {
            entries,
            tags,
            bounds,
        }
    }

    fn count(&self) -> usize {
        self.bounds.len() - 1
    }

    fn sort(&mut self, partition: usize) {
        self.tags[self.bounds[partition]..self.bounds[partition + 1]].sort_unstable();
    }

    fn tags(&self, partition: usize) -> &[u64] {
        &self.tags[self.bounds[partition]..self.bounds[partition + 1]]
    }

    fn tagged<'a>(&'a self, tags: &'a [u64]) -> Tagged<'a> {
        Tagged {
            tags,
            entries: &self.entries,
        }
    }
}

/// The key of each row with its hash, which is [`ABSENT`] for a row that takes no part.
fn hashed(keys: &SideKeys<'_>, takes_part: impl Fn(usize) -> bool) -> Vec<(u64, InlineKey)> {
    let mut scratch = KeyScratch::default();
    let mut key_of = |row| {
        let key = if takes_part(row) {
            keys.key(row, &mut scratch)
        } else {
            None
        };
        key.map_or((ABSENT, InlineKey::EMPTY), |(key, hash)| {
            (hash.min(ABSENT - 1), key)
        })
    };
    (0..keys.store.len()).map(&mut key_of).collect()
}

/// Calls `found` for each hash that both sides have in a partition.
fn merge(left: &Partitions, right: &Partitions, partition: usize, mut found: impl FnMut(Run<'_>)) {
    let (lefts, rights) = (left.tags(partition), right.tags(partition));
    let (mut l, mut r) = (0, 0);
    while l < lefts.len() && r < rights.len() {
        let hash = lefts[l] >> 32;
        match hash.cmp(&(rights[r] >> 32)) {
            Ordering::Less => l += 1,
            Ordering::Greater => r += 1,
            Ordering::Equal => {
                let (from_l, from_r) = (l, r);
                while l < lefts.len() && lefts[l] >> 32 == hash {
                    l += 1;
                }
                while r < rights.len() && rights[r] >> 32 == hash {
                    r += 1;
                }
                let lefts = left.tagged(&lefts[from_l..l]);
                found(Run {
                    lefts,
                    rights: right.tagged(&rights[from_r..r]),
                });
            }
        }
    }
}
