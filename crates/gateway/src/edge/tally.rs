//! What each replica did with its requests, for whoever judges a release: status classes, failures, a fine histogram of
//! latencies, and when the first and the last request was sent. One set per core with one writer, as [`super::stats`].

use std::sync::atomic::{AtomicU64, Ordering};

/// Buckets start here: below it, a replica on this machine is as fast as can be told apart.
const FLOOR_US: u64 = 100;
/// Latencies above are counted as this: longer than most routes wait.
const CEILING_US: u64 = 120_000_000;
/// Buckets between a value and its double. A bucket's upper bound is at most 37/36, so 2.8 %, above its lower one.
const STEPS: u64 = 36;
/// One below [`FLOOR_US`], then those up to [`CEILING_US`]: 6 KiB per replica and core.
const BUCKETS: usize = bucket_of(CEILING_US) + 1;

/// The bucket of a latency. `100·2ⁿ` and its double are divided into [`STEPS`] equal parts.
#[expect(
    clippy::cast_possible_truncation,
    reason = "below 800, and a constant function cannot convert otherwise"
)]
const fn bucket_of(micros: u64) -> usize {
    let micros = if micros < CEILING_US {
        micros
    } else {
        CEILING_US
    };
    if micros < FLOOR_US {
        return 0;
    }
    let doublings = (micros / FLOOR_US).ilog2();
    let base = FLOOR_US << doublings;
    let step = (micros - base) * STEPS / base;
    (1 + doublings as u64 * STEPS + step) as usize
}

/// The longest latency in a bucket, in microseconds.
fn upper_bound(bucket: usize) -> u64 {
    let Some(place) = (bucket as u64).checked_sub(1) else {
        return FLOOR_US - 1;
    };
    let base = FLOOR_US << (place / STEPS);
    base + (base * (place % STEPS + 1)).div_ceil(STEPS) - 1
}

/// One core's counts of one replica.
#[derive(Debug)]
#[repr(align(128))]
struct Shard {
    requests: AtomicU64,
    failed: AtomicU64,
    /// Answers by class; those that never came at index 0.
    classes: [AtomicU64; 6],
    /// Milliseconds since the Unix epoch; 0 is never.
    first_ms: AtomicU64,
    last_ms: AtomicU64,
    latency: Box<[AtomicU64]>,
}

/// One replica's counts. They outlive its place in a snapshot, and only rise.
#[derive(Debug)]
pub(crate) struct Tally {
    shards: Box<[Shard]>,
}

/// The sum over cores.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Sum {
    pub(crate) requests: u64,
    pub(crate) failed: u64,
    pub(crate) classes: [u64; 6],
    pub(crate) first_ms: Option<u64>,
    pub(crate) last_ms: Option<u64>,
    /// Upper bound of a bucket in microseconds, and how many are in it, where any are.
    pub(crate) latency: Vec<(u64, u64)>,
}

/// Each shard has one writer, so a load and a store do without a locked instruction.
fn add_one(counter: &AtomicU64) {
    counter.store(counter.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
}

impl Tally {
    /// Zeroes for `cores` cores.
    pub(crate) fn new(cores: usize) -> Self {
        let shard = |_| Shard {
            requests: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            classes: Default::default(),
            first_ms: AtomicU64::new(0),
            last_ms: AtomicU64::new(0),
            latency: (0..BUCKETS).map(|_| AtomicU64::new(0)).collect(),
        };
        Self {
            shards: (0..cores.max(1)).map(shard).collect(),
        }
    }

    fn shard(&self, core: usize) -> &Shard {
        &self.shards[core % self.shards.len()]
    }

    /// A request is sent now.
    pub(crate) fn sent(&self, core: usize, unix_ms: u64) {
        let shard = self.shard(core);
        add_one(&shard.requests);
        if shard.first_ms.load(Ordering::Relaxed) == 0 {
            shard.first_ms.store(unix_ms, Ordering::Relaxed);
        }
        shard.last_ms.store(unix_ms, Ordering::Relaxed);
    }

    /// The replica answered.
    pub(crate) fn answered(&self, core: usize, status: u16, micros: u64) {
        let shard = self.shard(core);
        let class = usize::from((status / 100).clamp(1, 5));
        add_one(&shard.classes[class]);
        add_one(&shard.latency[bucket_of(micros)]);
        if class == 5 {
            add_one(&shard.failed);
        }
    }

    /// The replica did not answer a request that was sent to it.
    pub(crate) fn unanswered(&self, core: usize) {
        let shard = self.shard(core);
        add_one(&shard.classes[0]);
        add_one(&shard.failed);
    }

    /// The replica could not be reached, and so the client was refused: a request that it failed, though none was
    /// sent.
    pub(crate) fn unreachable(&self, core: usize) {
        add_one(&self.shard(core).requests);
        self.unanswered(core);
    }

    /// The replica began an answer, which is counted, and broke it off.
    pub(crate) fn broken_off(&self, core: usize) {
        add_one(&self.shard(core).failed);
    }

    /// Requests sent, over all cores.
    pub(crate) fn requests(&self) -> u64 {
        let each = self.shards.iter();
        each.map(|shard| shard.requests.load(Ordering::Relaxed))
            .sum()
    }

    /// The sum over cores.
    pub(crate) fn sum(&self) -> Sum {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let mut sum = Sum::default();
        for shard in &self.shards {
            sum.requests += get(&shard.requests);
            sum.failed += get(&shard.failed);
            for (total, counter) in sum.classes.iter_mut().zip(&shard.classes) {
                *total += get(counter);
            }
            let first = Some(get(&shard.first_ms)).filter(|ms| *ms > 0);
            sum.first_ms = [sum.first_ms, first].into_iter().flatten().min();
            let last = Some(get(&shard.last_ms)).filter(|ms| *ms > 0);
            sum.last_ms = sum.last_ms.max(last);
        }
        for bucket in 0..BUCKETS {
            let each = self.shards.iter().map(|shard| get(&shard.latency[bucket]));
            let count: u64 = each.sum();
            if count > 0 {
                sum.latency.push((upper_bound(bucket), count));
            }
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn cores_are_summed_and_what_failed_is_counted_once() {
        let tally = Tally::new(2);
        assert_eq!(tally.sum(), Sum::default());
        for (core, ms) in [(0, 30), (1, 10), (1, 20), (0, 40)] {
            tally.sent(core, ms);
        }
        tally.answered(0, 200, 50);
        tally.answered(1, 503, 150);
        tally.unanswered(1);
        tally.answered(0, 204, 150);
        tally.broken_off(0);
        let sum = tally.sum();
        assert_eq!((sum.requests, sum.failed), (4, 3));
        assert_eq!(sum.classes, [1, 0, 2, 0, 0, 1]);
        assert_eq!((sum.first_ms, sum.last_ms), (Some(10), Some(40)));
        assert_eq!(sum.latency.iter().map(|(_, count)| count).sum::<u64>(), 3);
        tally.unreachable(0);
        let sum = tally.sum();
        assert_eq!((sum.requests, sum.failed, sum.classes[0]), (5, 4, 2));
        assert_eq!(sum.last_ms, Some(40));
    }

    #[test]
    fn buckets_follow_each_other_without_a_gap_and_are_at_most_three_percent_wide() {
        for bucket in 1..BUCKETS {
            let (below, bound) = (upper_bound(bucket - 1), upper_bound(bucket));
            assert!(bound > below, "{bucket}");
            assert_eq!(bucket_of(below + 1), bucket);
            assert_eq!(bucket_of(bound.min(CEILING_US)), bucket);
            // Whole microseconds are coarser at the lower end.
            assert!(
                (bound - below) * 100 <= below * 3 + 100,
                "{below} to {bound}"
            );
        }
        assert_eq!(bucket_of(u64::MAX), BUCKETS - 1);
    }

    proptest! {
        #[test]
        fn a_latency_is_at_most_its_buckets_bound(micros in 0_u64..CEILING_US) {
            prop_assert!(micros <= upper_bound(bucket_of(micros)));
        }
    }
}
