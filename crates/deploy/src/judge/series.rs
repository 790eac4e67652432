//! What was counted, cut into slices of time.

use std::collections::{BTreeMap, BTreeSet};

use plimsoll_bundle::endpoints::Cohort;
use serde::{Deserialize, Serialize};

/// Slices that are kept: eight minutes of seconds. Of a longer hold two neighbours become one, again and again, so that
/// memory and work stay bounded.
const SLICES: usize = 512;

/// What one replica has counted since it was first listed. Numbers only rise.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// The service.
    pub service: String,
    /// The replica.
    pub id: String,
    /// Its part in the change now.
    pub cohort: Cohort,
    /// Requests that ended, well or not.
    pub requests: u64,
    /// Those of them that the replica failed.
    pub failed: u64,
    /// The longest latency of a bucket in microseconds, ascending, and how many answers are in it.
    pub latency: Vec<(u64, u64)>,
}

/// What the replicas of one cohort did in some time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) requests: u64,
    pub(super) failed: u64,
    pub(super) latency: BTreeMap<u64, u64>,
}

impl Counts {
    pub(super) fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.failed += other.failed;
        for (bucket, count) in &other.latency {
            *self.latency.entry(*bucket).or_default() += count;
        }
    }

    /// Answers in all.
    pub(super) fn answers(&self) -> u64 {
        self.latency.values().sum()
    }

    /// Answers that took longer than `bound_us`.
    pub(super) fn slower_than(&self, bound_us: u64) -> u64 {
        let above = self.latency.range(bound_us.saturating_add(1)..);
        above.map(|(_, count)| count).sum()
    }

    /// The latency that `permille` of the answers do not exceed, in microseconds; 0 without any.
    pub(super) fn percentile_us(&self, permille: u64) -> u64 {
        let rank = (self.answers() * permille).div_ceil(1000);
        let mut below = 0;
        for (bucket, count) in &self.latency {
            below += count;
            if below >= rank {
                return *bucket;
            }
        }
        0
    }

    fn since(sample: &Sample, before: Option<&Sample>) -> Self {
        let (requests, failed) = before.map_or((0, 0), |before| (before.requests, before.failed));
        let old = before.map_or(&[][..], |before| &before.latency);
        let mut latency = BTreeMap::new();
        for (bucket, count) in &sample.latency {
            // Both ascend by bucket.
            let at = old.binary_search_by_key(bucket, |(bucket, _)| *bucket);
            let known = at
                .ok()
                .and_then(|at| old.get(at))
                .map_or(0, |(_, count)| *count);
            if *count > known {
                latency.insert(*bucket, count - known);
            }
        }
        Self {
            // A gateway that was started anew counts from nothing: what it has not seen is nothing.
            requests: sample.requests.saturating_sub(requests),
            failed: sample.failed.saturating_sub(failed),
            latency,
        }
    }
}

/// What the cohorts of every service did: stable, fresh, canary.
type Slice = BTreeMap<String, [Counts; 3]>;

static NOTHING: Counts = Counts {
    requests: 0,
    failed: 0,
    latency: BTreeMap::new(),
};

/// Slices of time since the first look, and what was before it.
#[derive(Debug, Clone, Default)]
pub(super) struct Series {
    last: Option<BTreeMap<String, Sample>>,
    slices: Vec<Slice>,
    before: Slice,
    total: Slice,
    services: BTreeSet<String>,
    seen: u64,
    first_ms: u64,
    last_ms: u64,
}

impl Series {
    pub(super) fn see(&mut self, at_ms: u64, samples: &[Sample]) {
        let mut slice = Slice::new();
        let beginning = self.last.is_none();
        let mut last = self.last.take().unwrap_or_default();
        for sample in samples {
            let counts = Counts::since(sample, last.get(&sample.id));
            let cohorts = slice.entry(sample.service.clone()).or_default();
            cohorts[place(sample.cohort)].add(&counts);
            if sample.cohort == Cohort::Canary && !self.services.contains(&sample.service) {
                self.services.insert(sample.service.clone());
            }
            last.insert(sample.id.clone(), sample.clone());
        }
        last.retain(|id, _| samples.iter().any(|sample| sample.id == *id));
        self.last = Some(last);
        self.last_ms = at_ms.max(self.last_ms);
        if beginning {
            self.first_ms = at_ms;
            self.before = slice;
            return;
        }
        self.seen += 1;
        add(&mut self.total, &slice);
        self.slices.push(slice);
        if self.slices.len() >= SLICES {
            self.halve();
        }
    }

    fn halve(&mut self) {
        let mut halved = Vec::with_capacity(SLICES / 2);
        for pair in self.slices.chunks(2) {
            let mut sum = Slice::new();
            for slice in pair {
                add(&mut sum, slice);
            }
            halved.push(sum);
        }
        self.slices = halved;
    }

    /// Slices that were seen, whatever became of them.
    pub(super) fn seen(&self) -> u64 {
        self.seen
    }

    pub(super) fn elapsed_ms(&self) -> u64 {
        self.last_ms.saturating_sub(self.first_ms)
    }

    /// The services that have canaries.
    pub(super) fn services(&self) -> Vec<&str> {
        self.services.iter().map(String::as_str).collect()
    }

    /// What a cohort of a service did since the first look.
    pub(super) fn total(&self, service: &str, cohort: Cohort) -> &Counts {
        of(&self.total, service, cohort)
    }

    /// What it did before the first look, as far back as is known.
    pub(super) fn before(&self, service: &str, cohort: Cohort) -> &Counts {
        of(&self.before, service, cohort)
    }

    /// The slices in which two cohorts of a service both did something.
    pub(super) fn pairs<'a>(
        &'a self,
        service: &'a str,
        control: Cohort,
    ) -> impl Iterator<Item = (&'a Counts, &'a Counts)> {
        self.slices.iter().filter_map(move |slice| {
            let canary = of(slice, service, Cohort::Canary);
            let control = of(slice, service, control);
            (canary.requests > 0 && control.requests > 0).then_some((canary, control))
        })
    }

    /// What the canary of a service did in each slice.
    pub(super) fn canary<'a>(&'a self, service: &'a str) -> impl Iterator<Item = &'a Counts> {
        let slices = self.slices.iter();
        slices.map(move |slice| of(slice, service, Cohort::Canary))
    }
}

fn place(cohort: Cohort) -> usize {
    match cohort {
        Cohort::Stable => 0,
        Cohort::Fresh => 1,
        Cohort::Canary => 2,
    }
}

fn of<'a>(slice: &'a Slice, service: &str, cohort: Cohort) -> &'a Counts {
    let cohorts = slice.get(service);
    cohorts.map_or(&NOTHING, |cohorts| &cohorts[place(cohort)])
}

fn add(sum: &mut Slice, slice: &Slice) {
    for (service, cohorts) in slice {
        let sums = sum.entry(service.clone()).or_default();
        for (sum, counts) in sums.iter_mut().zip(cohorts) {
            sum.add(counts);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(id: &str, requests: u64, failed: u64, latency: &[(u64, u64)]) -> Sample {
        Sample {
            service: "api".into(),
            id: id.into(),
            cohort: Cohort::Canary,
            requests,
            failed,
            latency: latency.to_vec(),
        }
    }

    #[test]
    fn counting_begins_at_the_first_look_and_with_the_first_sight_of_a_late_one() {
        let mut series = Series::default();
        series.see(1000, &[sample("a", 10, 1, &[(100, 9)])]);
        series.see(
            2000,
            &[
                sample("a", 15, 1, &[(100, 12), (200, 2)]),
                sample("b", 3, 3, &[]),
            ],
        );
        let total = series.total("api", Cohort::Canary);
        assert_eq!((total.requests, total.failed), (8, 3));
        assert_eq!(total.latency, BTreeMap::from([(100, 3), (200, 2)]));
        assert_eq!(series.before("api", Cohort::Canary).requests, 10);
        assert_eq!(series.elapsed_ms(), 1000);
    }

    #[test]
    fn a_gateway_that_was_started_anew_is_no_flood_and_no_panic() {
        let mut series = Series::default();
        series.see(0, &[sample("a", 1000, 5, &[(100, 995)])]);
        series.see(1000, &[sample("a", 7, 0, &[(100, 7)])]);
        series.see(2000, &[sample("a", 9, 1, &[(100, 8)])]);
        let total = series.total("api", Cohort::Canary);
        assert_eq!((total.requests, total.failed, total.answers()), (2, 1, 1));
    }

    #[test]
    fn a_long_hold_keeps_its_counts_in_a_bounded_number_of_slices() {
        let mut series = Series::default();
        for second in 0..5000 {
            series.see(second * 1000, &[sample("a", second, 0, &[(100, second)])]);
        }
        assert!(series.slices.len() < SLICES, "{}", series.slices.len());
        assert_eq!(
            series.canary("api").map(|one| one.requests).sum::<u64>(),
            4999
        );
    }

    #[test]
    fn percentiles_are_those_of_the_buckets() {
        let counts = Counts {
            latency: BTreeMap::from([(100, 98), (200, 1), (300, 1)]),
            ..Counts::default()
        };
        assert_eq!(
            [500, 980, 990, 1000].map(|p| counts.percentile_us(p)),
            [100, 100, 200, 300]
        );
        assert_eq!(Counts::default().percentile_us(990), 0);
        assert_eq!(
            [99, 100, 200, 300].map(|bound| counts.slower_than(bound)),
            [100, 2, 1, 0]
        );
    }
}
