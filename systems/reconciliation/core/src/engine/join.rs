//! The join of both sides by key.
//!
//! Hashes of keys are scattered into partitions that fit the cache, sorted there, and merged: equal hashes of both sides meet
//! without a random access to memory. Only then are the keys themselves compared, byte by byte.

use std::cmp::Ordering;

use super::compare::Checks;
use super::keys::{KeyScratch, SideKeys};
use super::solve::Solver;
use super::{NONE, RunError, State};
use crate::rules::{Filter, Pass};
use crate::txn::TxnStore;

/// Rows of one side that a partition holds on average: 256 entries of eight bytes from each side stay in the first-level
/// cache while they are sorted and merged.
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
    let largest = state.left.len().max(state.right.len());
    let bits = (largest / PARTITION_ROWS)
        .max(1)
        .ilog2()
        .min(MAX_PARTITION_BITS);
    state.report(0)?;
    let mut lefts = {
        let is_open = |row: usize| state.left_claims[row].right == NONE;
        Partitions::new(&hashes(&keys.0, pass.filter_left.as_ref(), is_open), bits)
    };
    let mut rights = {
        let is_open = |row: usize| !state.right_claimed[row];
        Partitions::new(&hashes(&keys.1, pass.filter_right.as_ref(), is_open), bits)
    };
    let checks = Checks::new(pass);
    let mut solver = Solver::new(pass, &checks, (&keys.0, &keys.1));
    let rows = state.left.len() + state.right.len();
    let step = lefts.count().div_ceil(REPORTS);
    for partition in 0..lefts.count() {
        merge(lefts.sorted(partition), rights.sorted(partition), |run| {
            solver.take(run, state);
        });
        if (partition + 1) % step == 0 {
            state.report(rows * (partition + 1) / lefts.count())?;
        }
    }
    state.report(rows)
}

/// Rows of both sides whose keys have the same hash (and so, nearly always, the same key).
#[derive(Debug, Clone, Copy)]
pub(super) struct Run<'a> {
    pub(super) lefts: &'a [u64],
    pub(super) rights: &'a [u64],
}

/// The row of an entry of a [`Run`].
#[expect(
    clippy::cast_possible_truncation,
    reason = "the lower half of an entry is the row"
)]
#[inline]
pub(super) fn row_of(entry: u64) -> u32 {
    entry as u32
}

fn hashes(
    keys: &SideKeys<'_>,
    filter: Option<&Filter>,
    is_open: impl Fn(usize) -> bool,
) -> Vec<u64> {
    let mut scratch = KeyScratch::default();
    let accepts = |store: &TxnStore, row| filter.is_none_or(|filter| filter.accepts(store, row));
    (0..keys.store.len())
        .map(|row| {
            if !is_open(row) || !accepts(keys.store, row) {
                return ABSENT;
            }
            keys.hash(row, &mut scratch)
                .map_or(ABSENT, |hash| hash.min(ABSENT - 1))
        })
        .collect()
}

/// Entries (upper half: 32 bits of the hash; lower half: the row), grouped by the top bits of the hash.
struct Partitions {
    entries: Vec<u64>,
    /// Where each partition starts, and where the last ends.
    bounds: Vec<usize>,
}

impl Partitions {
    fn new(hashes: &[u64], bits: u32) -> Self {
        let partition_of = |hash: u64| (hash >> 32 >> (32 - bits)) as usize;
        let mut bounds = vec![0_usize; (1 << bits) + 1];
        for &hash in hashes {
            if hash != ABSENT {
                bounds[partition_of(hash) + 1] += 1;
            }
        }
        for partition in 1..bounds.len() {
            bounds[partition] += bounds[partition - 1];
        }
        let mut entries = vec![0; bounds[bounds.len() - 1]];
        let mut next = bounds.clone();
        for (row, &hash) in (0_u64..).zip(hashes) {
            if hash != ABSENT {
                let slot = &mut next[partition_of(hash)];
                // The top bits name the partition, so the entry keeps the bits below them.
                entries[*slot] = (hash << bits) & !u64::from(u32::MAX) | row;
                *slot += 1;
            }
        }
        Self { entries, bounds }
    }

    fn count(&self) -> usize {
        self.bounds.len() - 1
    }

    fn sorted(&mut self, partition: usize) -> &[u64] {
        let entries = &mut self.entries[self.bounds[partition]..self.bounds[partition + 1]];
        entries.sort_unstable();
        entries
    }
}

/// Calls `found` for each hash that both sides have.
fn merge<'a>(lefts: &'a [u64], rights: &'a [u64], mut found: impl FnMut(Run<'a>)) {
    let (mut l, mut r) = (0, 0);
    while l < lefts.len() && r < rights.len() {
        let (left, right) = (lefts[l] >> 32, rights[r] >> 32);
        match left.cmp(&right) {
            Ordering::Less => l += 1,
            Ordering::Greater => r += 1,
            Ordering::Equal => {
                let (from_l, from_r) = (l, r);
                while l < lefts.len() && lefts[l] >> 32 == left {
                    l += 1;
                }
                while r < rights.len() && rights[r] >> 32 == left {
                    r += 1;
                }
                found(Run {
                    lefts: &lefts[from_l..l],
                    rights: &rights[from_r..r],
                });
            }
        }
    }
}
