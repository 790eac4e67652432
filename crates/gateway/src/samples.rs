//! The counts of every replica, kept for a while after it left: a replica that crashed is what a judge must see.

use std::collections::BTreeMap;
use std::sync::Arc;

use plimsoll_bundle::endpoints::{Cohort, Endpoints};

use crate::control::Sample;
use crate::edge::tally::Tally;

/// Replicas that left and are still answered for: a change of 20 replicas that each crash three times. 12 KiB each on
/// two cores.
const MAX_DEPARTED: usize = 64;
/// Samples of one answer, in bytes as JSON: half of what one message may have.
const PAGE: usize = 512 * 1024;
/// A bucket in JSON: two numbers of nine digits, brackets and commas.
const BUCKET: usize = 24;
/// A sample without its buckets: four names of 64 bytes, eleven numbers, the keys.
const SAMPLE: usize = 768;

/// The counts by the replica's id.
#[derive(Debug)]
pub(crate) struct Samples {
    cores: usize,
    entries: BTreeMap<String, Entry>,
    /// Rises with every document, so that the first to leave is the first to be forgotten.
    round: u64,
}

#[derive(Debug)]
struct Entry {
    service: String,
    release: String,
    cohort: Cohort,
    tally: Arc<Tally>,
    /// The last round in which it was listed.
    round: u64,
}

impl Samples {
    /// No replica yet.
    pub(crate) fn new(cores: usize) -> Self {
        Self {
            cores,
            entries: BTreeMap::new(),
            round: 0,
        }
    }

    /// Follows a document: new replicas start at zero, known ones go on, and those that left are kept for a while.
    pub(crate) fn follow(&mut self, document: &Endpoints) {
        self.round += 1;
        for (service, endpoints) in &document.services {
            for endpoint in endpoints {
                let entry = self
                    .entries
                    .entry(endpoint.id.clone())
                    .or_insert_with(|| Entry {
                        service: service.clone(),
                        release: endpoint.release.clone(),
                        cohort: endpoint.cohort,
                        tally: Arc::new(Tally::new(self.cores)),
                        round: 0,
                    });
                entry.cohort = endpoint.cohort;
                entry.round = self.round;
            }
        }
        let departed = |entry: &Entry| entry.round != self.round;
        while self.entries.values().filter(|e| departed(e)).count() > MAX_DEPARTED {
            let oldest = self
                .entries
                .iter()
                .filter(|(_, entry)| departed(entry))
                .min_by_key(|(_, entry)| entry.round)
                .map(|(id, _)| id.clone());
            let Some(oldest) = oldest else { return };
            self.entries.remove(&oldest);
        }
    }

    /// The counts of a replica of the last document.
    pub(crate) fn of(&self, id: &str) -> Arc<Tally> {
        match self.entries.get(id) {
            Some(entry) => Arc::clone(&entry.tally),
            None => Arc::new(Tally::new(self.cores)),
        }
    }

    /// As many as fit into an answer, those with an id above `after`, and whether there are more.
    pub(crate) fn page(&self, after: &str) -> (Vec<Sample>, bool) {
        let mut size = 0;
        let mut page = Vec::new();
        for (id, entry) in &self.entries {
            if id.as_str() <= after {
                continue;
            }
            let sum = entry.tally.sum();
            size += SAMPLE + sum.latency.len() * BUCKET;
            if size > PAGE && !page.is_empty() {
                return (page, true);
            }
            page.push(Sample {
                service: entry.service.clone(),
                id: id.clone(),
                release: entry.release.clone(),
                cohort: entry.cohort,
                requests: sum.requests,
                classes: sum.classes,
                failed: sum.failed,
                first_ms: sum.first_ms,
                last_ms: sum.last_ms,
                latency: sum.latency,
            });
        }
        (page, false)
    }
}

#[cfg(test)]
mod tests {
    use plimsoll_bundle::endpoints::{Endpoint, Traffic};

    use super::*;

    fn document(ids: &[String], cohort: Cohort) -> Endpoints {
        let endpoint = |id: &String| Endpoint {
            id: id.clone(),
            release: "r1".into(),
            ports: BTreeMap::new(),
            weight: 1,
            traffic: Traffic::Admitted,
            cohort,
        };
        let mut document = Endpoints::empty();
        let endpoints = ids.iter().map(endpoint).collect();
        document.services.insert("api".into(), endpoints);
        document
    }

    fn ids(range: std::ops::Range<usize>) -> Vec<String> {
        range.map(|number| format!("api-{number:03}")).collect()
    }

    #[test]
    fn counts_go_on_over_documents_and_outlive_the_replica() {
        let mut samples = Samples::new(1);
        let one = ids(0..1);
        samples.follow(&document(&one, Cohort::Canary));
        samples.of(&one[0]).sent(0, 5);
        samples.follow(&document(&one, Cohort::Stable));
        samples.of(&one[0]).sent(0, 6);
        samples.follow(&document(&[], Cohort::Stable));
        let (page, more) = samples.page("");
        assert!(!more);
        assert_eq!((page[0].requests, page[0].cohort), (2, Cohort::Stable));
        assert_eq!((page[0].first_ms, page[0].last_ms), (Some(5), Some(6)));
    }

    #[test]
    fn those_that_left_first_are_forgotten_first() {
        let mut samples = Samples::new(1);
        samples.follow(&document(&ids(0..1), Cohort::Stable));
        samples.follow(&document(&ids(1..1 + MAX_DEPARTED), Cohort::Stable));
        samples.follow(&document(&[], Cohort::Stable));
        let (page, _) = samples.page("");
        assert_eq!(page.len(), MAX_DEPARTED);
        assert_eq!(page[0].id, "api-001");
    }

    #[test]
    fn what_does_not_fit_into_one_answer_comes_in_the_next() {
        let mut samples = Samples::new(1);
        let ids = ids(0..60);
        samples.follow(&document(&ids, Cohort::Stable));
        for id in &ids {
            for micros in (0..120_000).map(|milli| milli * 1000) {
                samples.of(id).answered(0, 200, micros);
            }
        }
        let (mut seen, mut after) = (Vec::new(), String::new());
        loop {
            let (page, more) = samples.page(&after);
            let text = serde_json::to_string(&page).unwrap();
            assert!(text.len() <= PAGE, "{}", text.len());
            seen.extend(page.into_iter().map(|sample| sample.id));
            after.clone_from(seen.last().unwrap());
            if !more {
                break;
            }
        }
        assert_eq!(seen, ids);
    }
}
