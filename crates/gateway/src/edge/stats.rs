//! Counters of routes, one set per core so that cores never share a cache line, summed when somebody asks.

use std::sync::atomic::{AtomicU64, Ordering};

/// Upper bounds of the latency buckets in microseconds: from what a cached file takes to a patient client's limit.
pub(crate) const BOUNDS_US: [u64; 14] = [
    500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
    2_500_000, 10_000_000, 30_000_000,
];

/// One core's counts of one route. Aligned so that two cores' counts are on different cache lines.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Shard {
    /// Answers by status class: 1xx to 5xx.
    classes: [AtomicU64; 5],
    /// Answers by latency; the last one has no bound.
    buckets: [AtomicU64; BOUNDS_US.len() + 1],
    sum_us: AtomicU64,
    bytes_out: AtomicU64,
    limited: AtomicU64,
    retries: AtomicU64,
    cache_hits: AtomicU64,
    cache_misses: AtomicU64,
}

/// One route's counts.
#[derive(Debug)]
pub(crate) struct RouteStats {
    shards: Vec<Shard>,
}

/// The sum over cores.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) classes: [u64; 5],
    pub(crate) buckets: [u64; BOUNDS_US.len() + 1],
    pub(crate) sum_us: u64,
    pub(crate) bytes_out: u64,
    pub(crate) limited: u64,
    pub(crate) retries: u64,
    pub(crate) cache_hits: u64,
    pub(crate) cache_misses: u64,
}

/// Each shard has one writer, so a load and a store do without a locked instruction.
fn add(counter: &AtomicU64, by: u64) {
    counter.store(
        counter.load(Ordering::Relaxed).wrapping_add(by),
        Ordering::Relaxed,
    );
}

impl RouteStats {
    /// Zeroes for `cores` cores.
    pub(crate) fn new(cores: usize) -> Self {
        Self {
            shards: (0..cores.max(1)).map(|_| Shard::default()).collect(),
        }
    }

    /// Counts an answer.
    pub(crate) fn answer(&self, core: usize, status: u16, micros: u64, bytes: u64) {
        let shard = &self.shards[core % self.shards.len()];
        let class = usize::from((status / 100).clamp(1, 5)) - 1;
        add(&shard.classes[class], 1);
        let bucket = BOUNDS_US.partition_point(|bound| *bound < micros);
        add(&shard.buckets[bucket], 1);
        add(&shard.sum_us, micros);
        add(&shard.bytes_out, bytes);
    }

    /// Counts a request that was over its limit.
    pub(crate) fn limited(&self, core: usize) {
        add(&self.shards[core % self.shards.len()].limited, 1);
    }

    /// Counts a request that was sent again.
    pub(crate) fn retried(&self, core: usize) {
        add(&self.shards[core % self.shards.len()].retries, 1);
    }

    /// Counts a request that was answered from the cache, or that the cache had nothing for.
    pub(crate) fn cache(&self, core: usize, is_hit: bool) {
        let shard = &self.shards[core % self.shards.len()];
        let counter = if is_hit {
            &shard.cache_hits
        } else {
            &shard.cache_misses
        };
        add(counter, 1);
    }

    /// The sum over cores.
    pub(crate) fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        for shard in &self.shards {
            for (total, counter) in totals.classes.iter_mut().zip(&shard.classes) {
                *total += get(counter);
            }
            for (total, counter) in totals.buckets.iter_mut().zip(&shard.buckets) {
                *total += get(counter);
            }
            totals.sum_us += get(&shard.sum_us);
            totals.bytes_out += get(&shard.bytes_out);
            totals.limited += get(&shard.limited);
            totals.retries += get(&shard.retries);
            totals.cache_hits += get(&shard.cache_hits);
            totals.cache_misses += get(&shard.cache_misses);
        }
        totals
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cores_are_summed_and_each_answer_has_one_class_and_one_bucket() {
        let stats = RouteStats::new(2);
        stats.answer(0, 200, 500, 10);
        stats.answer(1, 404, 501, 20);
        stats.answer(1, 599, u64::MAX / 2, 0);
        let totals = stats.totals();
        assert_eq!(totals.classes, [0, 1, 0, 1, 1]);
        assert_eq!((totals.buckets[0], totals.buckets[1]), (1, 1));
        assert_eq!(totals.buckets[BOUNDS_US.len()], 1);
        assert_eq!(totals.bytes_out, 30);
    }
}
