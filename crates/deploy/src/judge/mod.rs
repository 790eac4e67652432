//! Whether a canary is worse than what it replaces: a pure judgement over what the gateway counted.
//!
//! The canary is compared with the stable replicas and with the fresh ones: replicas of the stable release that were
//! started together with it. Only who is worse than both is worse: being slow beside the stable ones alone is what
//! cold caches look like. Two things are compared, failed requests and the 99th percentile of latency; bounds of the
//! file are judged besides, absolutely.
//!
//! **The test.** Requests of one second share their luck, so nothing is compared across time: each slice of time is a
//! stratum of its own ([`compare`]). Given how many requests failed in a slice, a canary that is no worse has each of
//! them with the probability of its part of the requests; whatever hits all replicas at once falls out. The excess of
//! the canary over all slices has at most the probability of Chernoff's bound, which needs no normal distribution and
//! holds for three requests as for three million. A slow request is one above the 99th percentile of both cohorts
//! together, in blocks of some hundred requests, and is counted in the same way. A slice, or block, counts for at
//! most [`compare::PER_SLICE`] events: a replica that stood still for two seconds is no regression.
//!
//! **How often it is wrong.** [`FALSE_ALARMS`] bounds the probability that a change to an equal release is undone by
//! comparisons: it is spent in equal parts on every look ([`LOOKS`] at most, each after 1.4 times as many slices as
//! the one before), both things compared, every service, and every judgement of the change. That both controls have
//! to agree is not counted, and makes it rarer. At a share of all requests there is nothing beside the canary: failed
//! requests are compared with those of the release before, as far back as the gateway knows, and latency only with
//! the file's bound.

mod compare;
mod report;
mod series;
#[cfg(test)]
mod simulation;

use plimsoll_bundle::endpoints::Cohort;
use serde::{Deserialize, Serialize};

pub use report::{Figures, ServiceReport, Verdict};
pub use series::Sample;

use crate::strategy::{WHOLE, fresh_share};
use compare::{Control, Limit};
use series::Series;

/// Probability that the comparisons of one whole change raise a false alarm, at most.
pub const FALSE_ALARMS: f64 = 0.01;
/// How often a judgement looks at most: from five slices on, each time 1.4 times as many, 44 looks reach ten times the
/// longest hold that the file allows, seven days.
pub const LOOKS: u32 = 44;
/// A judgement that lacks requests goes on for this many times its hold, and then ends without having passed.
pub const PATIENCE: u64 = 10;

/// Slices before the first look: below, one hiccup is most of what was seen.
const FIRST_LOOK: u64 = 5;

/// What the file says about judging.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    /// Requests that each cohort has to have had.
    pub samples: u32,
    /// The most failed requests of the canary, in parts per million.
    pub errors_ppm: Option<u32>,
    /// The longest 95th percentile of the canary's latency, in microseconds.
    pub p95_us: Option<u64>,
    /// How many judgements the change has: they share the false alarms.
    pub judgements: u32,
}

impl Default for Rules {
    /// The file's own defaults.
    fn default() -> Self {
        Self {
            samples: 100,
            errors_ppm: None,
            p95_us: None,
            judgements: 1,
        }
    }
}

/// What is to be done now.
#[derive(Debug, Clone, PartialEq)]
pub enum Decision {
    /// Look again later; this is how it stands.
    Hold(Verdict),
    /// The canary may have more.
    Pass(Verdict),
    /// The change is to be taken back.
    Undo(Verdict),
}

/// One judgement: a canary at one share.
#[derive(Debug, Clone)]
pub struct Judge {
    rules: Rules,
    share: u32,
    hold_ms: u64,
    series: Series,
    looks: u32,
    next_look: u64,
    looked_at_end: bool,
    alarm: Option<Vec<String>>,
}

impl Judge {
    /// Begins a judgement of at least `hold_ms` at `share` permille.
    pub fn new(rules: Rules, share: u32, hold_ms: u64) -> Self {
        Self {
            rules,
            share,
            hold_ms,
            series: Series::default(),
            looks: 0,
            next_look: FIRST_LOOK,
            looked_at_end: false,
            alarm: None,
        }
    }

    /// Takes what every replica has counted so far, at `at_ms` of any clock that only rises. The first call is where
    /// counting begins. To be called about once a second.
    pub fn see(&mut self, at_ms: u64, samples: &[Sample]) {
        self.series.see(at_ms, samples);
        let scheduled = self.series.seen() >= self.next_look;
        let at_end = !self.looked_at_end && self.is_held() && self.missing().is_empty();
        if !(scheduled || at_end) || self.looks >= LOOKS || self.alarm.is_some() {
            return;
        }
        self.looks += 1;
        self.looked_at_end |= at_end;
        while self.next_look <= self.series.seen() {
            self.next_look = self.next_look * 7 / 5;
        }
        let reasons = self.reasons();
        if !reasons.is_empty() {
            self.alarm = Some(reasons);
        }
    }

    /// What is to be done now.
    pub fn decide(&self) -> Decision {
        let services = self.reports();
        if let Some(reasons) = self.alarm.clone() {
            return Decision::Undo(Verdict::Bad { reasons, services });
        }
        let missing = self.missing();
        let elapsed = self.series.elapsed_ms();
        if missing.is_empty() {
            let verdict = Verdict::Good { services };
            return if self.is_held() {
                Decision::Pass(verdict)
            } else {
                Decision::Hold(verdict)
            };
        }
        let verdict = Verdict::NotEnough { missing, services };
        if elapsed >= self.hold_ms.saturating_mul(PATIENCE) {
            Decision::Undo(verdict)
        } else {
            Decision::Hold(verdict)
        }
    }

    fn is_held(&self) -> bool {
        self.series.elapsed_ms() >= self.hold_ms
    }

    /// The cohorts that stand beside the canary at this share.
    fn controls(&self) -> Vec<Cohort> {
        let mut controls = Vec::new();
        if self.share < WHOLE {
            controls.push(Cohort::Stable);
        }
        if fresh_share(self.share) > 0 {
            controls.push(Cohort::Fresh);
        }
        controls
    }

    /// What one comparison may spend of the false alarms, as a logarithm.
    fn budget(&self) -> f64 {
        let services = u32::try_from(self.series.services().len()).unwrap_or(u32::MAX);
        let kinds = 2.0;
        let tests = f64::from(LOOKS)
            * kinds
            * f64::from(services.max(1))
            * f64::from(self.rules.judgements.max(1));
        (FALSE_ALARMS / tests).ln()
    }

    /// What is still missing before the canary may pass, in words.
    fn missing(&self) -> Vec<String> {
        let needed = u64::from(self.rules.samples);
        let mut missing = Vec::new();
        let mut judged = 0;
        for service in self.series.services() {
            let count = |cohort| self.series.total(service, cohort).requests;
            let cohorts = [Cohort::Stable, Cohort::Fresh, Cohort::Canary];
            if cohorts.iter().all(|cohort| count(*cohort) == 0) {
                // Nobody asks it anything through the gateway.
                continue;
            }
            judged += 1;
            for cohort in self.controls().into_iter().chain([Cohort::Canary]) {
                let there = count(cohort);
                if there < needed {
                    let who = report::name(cohort);
                    missing.push(format!(
                        "not enough requests: {there} of {needed} ({who} replicas of {service})"
                    ));
                }
            }
            missing.extend(
                self.limits(service)
                    .filter_map(|limit| limit.doubt(service)),
            );
        }
        if judged == 0 {
            missing.push(format!("not enough requests: 0 of {needed}"));
        }
        missing
    }

    /// Why the canary is worse, in words; empty when nothing says so.
    fn reasons(&self) -> Vec<String> {
        let budget = self.budget();
        let mut reasons = Vec::new();
        for service in self.series.services() {
            let controls = self.controls();
            if controls.is_empty() {
                let before = compare::with_before(&self.series, service, self.rules.samples);
                reasons.extend(
                    before
                        .filter(|one| one.is_worse(budget))
                        .map(|one| one.describe()),
                );
            }
            for kind in [compare::failures, compare::slow_ones] {
                let found: Vec<Control> = controls
                    .iter()
                    .filter_map(|cohort| kind(&self.series, service, *cohort))
                    .collect();
                let all = found.len() == controls.len() && !found.is_empty();
                // Beside the stable replicas alone, cold caches look like a regression.
                let fair = controls.contains(&Cohort::Fresh)
                    || found.iter().all(Control::is_about_failures);
                if all && fair && found.iter().all(|one| one.is_worse(budget)) {
                    reasons.extend(found.iter().map(Control::describe));
                }
            }
            let broken = self.limits(service).filter(|limit| limit.is_broken(budget));
            reasons.extend(broken.map(|limit| limit.describe(service)));
        }
        reasons
    }

    fn limits(&self, service: &str) -> impl Iterator<Item = Limit> {
        let errors = self.rules.errors_ppm;
        let errors = errors.map(|most| compare::errors_limit(&self.series, service, most));
        let p95 = self.rules.p95_us;
        let p95 = p95.map(|longest| compare::p95_limit(&self.series, service, longest));
        errors.into_iter().chain(p95)
    }

    fn reports(&self) -> Vec<ServiceReport> {
        let services = self.series.services().into_iter();
        services
            .map(|service| ServiceReport::of(&self.series, service))
            .collect()
    }
}
