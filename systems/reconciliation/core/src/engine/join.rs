//! The join of both sides by key.
//!
//! Hashes of keys are scattered into partitions that fit the cache, sorted there, and merged: equal hashes of both
//! sides meet without a random access to memory. What the comparison of two rows needs travels with them, and keys are
//! compared byte by byte.

use std::cmp::Ordering;

use super::compare::{Checks, Numbers};
use super::keys::{InlineKey, KeyScratch, NARROW, SideKeys, WIDE};
use super::solve::Solver;
use super::{NONE, RunError, State};
use crate::date::Day;
use crate::rules::{Filter, Pass};

/// Rows of one side that a partition holds on average, at least: with twice as many, 4,096 entries of 32 bytes from
/// each side take 256 KiB, and stay in a second-level cache of 512 KiB while they are sorted and merged. Fewer rows and
/// more partitions cost more: while rows are scattered, the end of each partition has to stay in the first-level cache.
const PARTITION_ROWS: usize = 2048;

/// At most 2^10 partitions, so that scattering writes to no more pages at once than the processor has translations for.
const MAX_PARTITION_BITS: u32 = 10;

/// Buckets into which the tags of a partition are sorted first, at most: a counter of 4 bytes for each stays in the
/// first-level cache.
const MAX_BUCKETS: usize = 1 << 11;

/// Calls of the progress callback in one pass, at most.
const REPORTS: usize = 200;

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
    if keys.0.are_narrow() && keys.1.are_narrow() {
        join_by::<NARROW>(pass, keys, state)
    } else {
        join_by::<WIDE>(pass, keys, state)
    }
}

/// The same with keys of so many words; the result does not depend on it.
fn join_by<const WORDS: usize>(
    pass: &Pass,
    keys: &(SideKeys<'_>, SideKeys<'_>),
    state: &mut State<'_>,
) -> Result<(), RunError> {
    let matched = state.matched();
    let (open_l, open_r) = (state.left.len() - matched, state.right.len() - matched);
    let bits = (open_l.max(open_r) / PARTITION_ROWS)
        .max(1)
        .ilog2()
        .min(MAX_PARTITION_BITS);
    state.report(0)?;
    let mut lefts = Partitions::<WORDS>::new(open_l, bits);
    lefts.fill(&keys.0, pass.filter_left.as_ref(), |row| {
        state.left_claims[row].right == NONE
    });
    let mut rights = Partitions::<WORDS>::new(open_r, bits);
    rights.fill(&keys.1, pass.filter_right.as_ref(), |row| {
        !state.right_claimed[row]
    });
    let checks = Checks::new(pass);
    let mut solver = Solver::new(pass, &checks, (&keys.0, &keys.1));
    let rows = state.left.len() + state.right.len();
    let step = lefts.count().div_ceil(REPORTS);
    for partition in 0..lefts.count() {
        lefts.sort(partition, &keys.0);
        rights.sort(partition, &keys.1);
        merge(lefts.tagged(partition), rights.tagged(partition), |run| {
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
pub(super) struct Run<'a, const WORDS: usize> {
    pub(super) lefts: Tagged<'a, WORDS>,
    pub(super) rights: Tagged<'a, WORDS>,
}

/// Some of the rows of one side.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tagged<'a, const WORDS: usize> {
    tags: &'a [u64],
    entries: &'a [Entry<WORDS>],
}

impl<'a, const WORDS: usize> Tagged<'a, WORDS> {
    /// The entry, if there is one only.
    #[inline]
    pub(super) fn only(self) -> Option<&'a Entry<WORDS>> {
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

/// A row with what the comparison with another needs: 32 or 40 bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry<const WORDS: usize> {
    amount: i64,
    day: Day,
    pub(super) row: u32,
    pub(super) key: InlineKey<WORDS>,
}

impl<const WORDS: usize> Entry<WORDS> {
    #[inline]
    pub(super) fn numbers(&self) -> Numbers {
        Numbers {
            amount: self.amount,
            day: self.day,
        }
    }
}

/// The rows of one side, grouped by the top bits of the hash of their key.
struct Partitions<const WORDS: usize> {
    entries: Vec<Vec<Entry<WORDS>>>,
    bits: u32,
    /// Of the partition at hand, one for each entry and sorted. Upper half: of the hash; lower half: the place of
    /// the entry.
    tags: Vec<u64>,
    /// Memory for sorting.
    unsorted: Vec<u64>,
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the lower half of a tag is the place"
)]
#[inline]
fn entry_of(tag: u64) -> usize {
    tag as u32 as usize
}

impl<const WORDS: usize> Partitions<WORDS> {
    /// Room for about so many rows. Hashes spread evenly, so an eighth more than the average is nearly always enough.
    fn new(rows: usize, bits: u32) -> Self {
        let average = rows >> bits;
        let entries = (0..1_usize << bits).map(|_| Vec::with_capacity(average + average / 8));
        Self {
            entries: entries.collect(),
            bits,
            tags: Vec::new(),
            unsorted: Vec::new(),
        }
    }

    /// Takes the rows that are open, pass the filter and have a key.
    fn fill(
        &mut self,
        keys: &SideKeys<'_>,
        filter: Option<&Filter>,
        is_open: impl Fn(usize) -> bool,
    ) {
        let mut scratch = KeyScratch::default();
        let rows = u32::try_from(keys.store.len()).unwrap_or(NONE);
        for row in 0..rows {
            let place = row as usize;
            let takes_part =
                is_open(place) && filter.is_none_or(|filter| filter.accepts(keys.store, place));
            if takes_part && let Some(key) = keys.key(place, &mut scratch) {
                let Numbers { amount, day } = Numbers::of(keys.store, place);
                let partition = (keys.hash(&key) >> 32 >> (32 - self.bits)) as usize;
                self.entries[partition].push(Entry {
                    amount,
                    day,
                    row,
                    key,
                });
            }
        }
    }

    fn count(&self) -> usize {
        self.entries.len()
    }

    /// Prepares a partition for [`Partitions::tagged`]. The lower half of a hash does not name the partition; computing
    /// it again costs less than carrying it along.
    fn sort(&mut self, partition: usize, keys: &SideKeys<'_>) {
        let numbered = (0_u64..).zip(&self.entries[partition]);
        self.unsorted.clear();
        self.unsorted
            .extend(numbered.map(|(place, entry)| keys.hash(&entry.key) << 32 | place));
        sort_tags(&self.unsorted, &mut self.tags);
    }

    fn tagged(&self, partition: usize) -> Tagged<'_, WORDS> {
        Tagged {
            tags: &self.tags,
            entries: &self.entries[partition],
        }
    }
}

/// Writes `tags` in order to `sorted`. Hashes spread evenly, so as many buckets as tags leave about one in each.
fn sort_tags(tags: &[u64], sorted: &mut Vec<u64>) {
    sorted.clear();
    sorted.resize(tags.len(), 0);
    let bits = tags.len().clamp(1, MAX_BUCKETS).next_power_of_two().ilog2();
    // Shifting in two steps, since a shift by all 64 bits is none.
    let bucket_of = |tag: u64| (tag >> (63 - bits) >> 1) as usize;
    let mut ends = [0_u32; MAX_BUCKETS + 1];
    for tag in tags {
        ends[bucket_of(*tag) + 1] += 1;
    }
    let mut before = 0;
    for end in &mut ends[..=1 << bits] {
        before += *end;
        *end = before;
    }
    // Each bucket's start, which moves to its end while it is filled.
    for tag in tags {
        let next = &mut ends[bucket_of(*tag)];
        sorted[*next as usize] = *tag;
        *next += 1;
    }
    let mut from = 0;
    for end in &ends[..1 << bits] {
        let to = *end as usize;
        if to - from > 1 {
            sorted[from..to].sort_unstable();
        }
        from = to;
    }
}

/// Calls `found` for each hash that both sides have in a partition.
fn merge<const WORDS: usize>(
    left: Tagged<'_, WORDS>,
    right: Tagged<'_, WORDS>,
    mut found: impl FnMut(Run<'_, WORDS>),
) {
    let (lefts, rights) = (left.tags, right.tags);
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
                let lefts = Tagged {
                    tags: &lefts[from_l..l],
                    ..left
                };
                found(Run {
                    lefts,
                    rights: Tagged {
                        tags: &rights[from_r..r],
                        ..right
                    },
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use crate::currency::Ccy;
    use crate::engine::keys::{KeyScratch, NARROW, SideKeys};
    use crate::engine::{RunOptions, run};
    use crate::rules::RuleSet;
    use crate::txn::{Txn, TxnStore};

    #[test]
    fn long_keys_that_the_sample_did_not_see_match_as_short_ones_do() {
        let rules: RuleSet = serde_json::from_str(
            r#"{"name":"n","version":1,"passes":[{"name":"p","kind":"one_to_one",
                "block":[{"field":"reference"}],"compare":[{"amount_tol":{"abs_minor":1}}],"outcome":"confirmed"}]}"#,
        )
        .unwrap();
        let store_with = |long: &str| {
            let mut store = TxnStore::new();
            for row_id in 1..=3000 {
                let short = format!("R{row_id}");
                let txn = Txn {
                    row_id,
                    booking_date: "2026-01-02".parse().unwrap(),
                    value_date: None,
                    amount_minor: 5,
                    ccy: Ccy::from_code(b"EUR").unwrap(),
                    ext_id: "",
                    reference: if row_id == 2 { long } else { &short },
                    counterparty: "",
                    description: "",
                    kind: "",
                };
                store.push(&txn).unwrap();
            }
            store
        };
        let long = "a reference that no key of two or three words holds";
        let left = store_with(long);
        let keys = SideKeys::left(&rules.passes[0], &left, 0);
        let key = keys.key::<NARROW>(1, &mut KeyScratch::default()).unwrap();
        assert!(keys.are_narrow() && key.is_too_long());
        for (right, matches) in [(store_with(long), 3000), (store_with(&long[1..]), 2999)] {
            let mut go_on = |_: crate::engine::Progress<'_>| ControlFlow::Continue(());
            let outcome = run(&rules, &left, &right, RunOptions::default(), &mut go_on).unwrap();
            assert_eq!(outcome.matches().len(), matches);
        }
    }
}
