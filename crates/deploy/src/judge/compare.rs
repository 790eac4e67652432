//! The comparisons, each a sum over slices of time and a bound on how likely it is by chance.

use plimsoll_bundle::endpoints::Cohort;

use super::report;
use super::series::{Counts, Series};

/// Events of one slice that count at most. A hiccup of one replica makes many in a second or two; what is wrong with a
/// release goes on. With the usual budget of a comparison an alarm needs events from five slices or more.
pub(super) const PER_SLICE: u64 = 3;
/// How much more of its requests a canary has to fail, absolutely: half a percent. Less is not seen in the time of a
/// canary, and does not matter enough to undo a change.
const LEAST_FAILURES: f64 = 0.005;
/// How much longer its 99th percentile has to be: buckets are 3 % wide, and a tenth more is what a neighbour's load
/// does.
const LEAST_FACTOR: f64 = 1.3;
/// And by how much at least, in microseconds: below, no client notices.
const LEAST_DELAY_US: u64 = 1000;
/// Slices in which a limit of the file has to be broken before it counts: a database that stands still for a moment is
/// not the release's fault.
const LEAST_SLICES: usize = 5;
/// Answers of a block of slices in which slow ones are told from others: the slowest hundredth of it are five.
const BLOCK: u64 = 500;
/// Answers of each cohort in it: below, there is no 99th percentile of it.
const BLOCK_EACH: u64 = 100;
/// Slow ones of a block that count at most: those of a block of the usual size.
const PER_BLOCK: u64 = BLOCK / 100;

/// The canary beside one control.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Control {
    service: String,
    kind: Kind,
    beside: String,
    /// The canary's figure and the control's: a share of failed requests, or a latency in microseconds.
    figures: (f64, f64),
    /// The canary's requests and the control's.
    requests: (u64, u64),
    matters: bool,
    /// The logarithm of the bound on the probability that chance did it.
    chance: f64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Failures,
    Slow,
}

/// Failed requests beside a cohort.
pub(super) fn failures(series: &Series, service: &str, cohort: Cohort) -> Option<Control> {
    let events = series.pairs(service, cohort).map(|(canary, control)| {
        let events = (canary.failed, control.failed);
        (events, (canary.requests, control.requests))
    });
    let chance = excess(events, PER_SLICE);
    let canary = series.total(service, Cohort::Canary);
    let control = series.total(service, cohort);
    let beside = format!("the {} replicas", report::name(cohort));
    control_of_failures((service, beside), canary, control, chance)
}

/// Failed requests beside those that the release before had until then: there is nothing else at a share of all.
pub(super) fn with_before(
    series: &Series,
    service: &str,
    samples: u32,
) -> std::option::IntoIter<Control> {
    let canary = series.total(service, Cohort::Canary);
    let before = series.before(service, Cohort::Stable);
    if before.requests < u64::from(samples) {
        return None.into_iter();
    }
    let capped: u64 = series
        .canary(service)
        .map(|counts| counts.failed.min(PER_SLICE))
        .sum();
    let events = capped + before.failed;
    let part = real(canary.requests) / real(canary.requests + before.requests);
    let chance = chernoff(real(capped), real(events), part);
    let beside = "the release before".to_owned();
    control_of_failures((service, beside), canary, before, chance).into_iter()
}

fn control_of_failures(
    (service, beside): (&str, String),
    canary: &Counts,
    control: &Counts,
    chance: f64,
) -> Option<Control> {
    if canary.requests == 0 || control.requests == 0 {
        return None;
    }
    let rate = |counts: &Counts| real(counts.failed) / real(counts.requests);
    let figures = (rate(canary), rate(control));
    Some(Control {
        service: service.to_owned(),
        kind: Kind::Failures,
        beside,
        figures,
        requests: (canary.requests, control.requests),
        matters: figures.0 - figures.1 >= LEAST_FAILURES,
        chance,
    })
}

/// Slow requests beside a cohort: those above the 99th percentile of both together, which treats both alike. Of a
/// block of time each, long enough to have slow ones and short enough that what was slow for all, while caches were
/// cold, does not hide what is slow for one.
pub(super) fn slow_ones(series: &Series, service: &str, cohort: Cohort) -> Option<Control> {
    let canary = series.total(service, Cohort::Canary);
    let control = series.total(service, cohort);
    if canary.answers() == 0 || control.answers() == 0 {
        return None;
    }
    let blocks = blocks(series, service, cohort);
    let events = blocks.iter().map(|(canary, control)| {
        let mut both = canary.clone();
        both.add(control);
        let bound = both.percentile_us(990);
        let events = (canary.slower_than(bound), control.slower_than(bound));
        (events, (canary.answers(), control.answers()))
    });
    let chance = excess(events, PER_BLOCK);
    // Of the usual block: in one total, what was slow for all is most of the slowest hundredth.
    let long = median(blocks.iter().map(|(canary, _)| canary.percentile_us(990)));
    let short = median(blocks.iter().map(|(_, control)| control.percentile_us(990)));
    let figures = (real(long), real(short));
    Some(Control {
        service: service.to_owned(),
        kind: Kind::Slow,
        beside: format!("the {} replicas", report::name(cohort)),
        figures,
        requests: (canary.answers(), control.answers()),
        matters: figures.0 >= figures.1 * LEAST_FACTOR && long >= short + LEAST_DELAY_US,
        chance,
    })
}

/// Consecutive slices together, so that a block has enough of both; the last one may lack some.
fn blocks(series: &Series, service: &str, cohort: Cohort) -> Vec<(Counts, Counts)> {
    let mut blocks: Vec<(Counts, Counts)> = Vec::new();
    let is_full = |(canary, control): &(Counts, Counts)| {
        let (canary, control) = (canary.answers(), control.answers());
        canary + control >= BLOCK && canary.min(control) >= BLOCK_EACH
    };
    for (canary, control) in series.pairs(service, cohort) {
        match blocks.last_mut().filter(|block| !is_full(block)) {
            Some((mine, others)) => {
                mine.add(canary);
                others.add(control);
            }
            None => blocks.push((canary.clone(), control.clone())),
        }
    }
    blocks
}

fn median(values: impl Iterator<Item = u64>) -> u64 {
    let mut values: Vec<u64> = values.collect();
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or(0)
}

impl Control {
    /// Whether the canary is worse: by more than what does not matter, and less likely by chance than `budget`.
    pub(super) fn is_worse(&self, budget: f64) -> bool {
        self.matters && self.chance <= budget
    }

    pub(super) fn is_about_failures(&self) -> bool {
        self.kind == Kind::Failures
    }

    pub(super) fn describe(&self) -> String {
        let (canary, control) = match self.kind {
            Kind::Failures => (share(self.figures.0), share(self.figures.1)),
            Kind::Slow => (millis(self.figures.0), millis(self.figures.1)),
        };
        let what = match self.kind {
            Kind::Failures => "failed requests",
            Kind::Slow => "p99",
        };
        let (service, beside) = (&self.service, &self.beside);
        let (ours, theirs) = self.requests;
        format!(
            "{what} of {service}: {canary} ({ours} requests of the canary) against {control} ({theirs} of {beside})"
        )
    }
}

/// A bound of the file, for the canary alone.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Limit {
    what: &'static str,
    found: String,
    bound: String,
    requests: u64,
    exceeded: bool,
    slices: usize,
    chance: f64,
}

/// At most so many failed requests.
pub(super) fn errors_limit(series: &Series, service: &str, most_ppm: u32) -> Limit {
    let total = series.total(service, Cohort::Canary);
    let most = f64::from(most_ppm) / 1e6;
    let found = real(total.failed) / real(total.requests.max(1));
    Limit {
        what: "failed requests",
        found: share(found),
        bound: share(most),
        requests: total.requests,
        exceeded: found > most,
        slices: series.canary(service).filter(|one| one.failed > 0).count(),
        chance: chernoff(real(total.failed), real(total.requests), most),
    }
}

/// At most so long for 95 of 100 requests.
pub(super) fn p95_limit(series: &Series, service: &str, longest_us: u64) -> Limit {
    let total = series.total(service, Cohort::Canary);
    // A bucket's name is its longest latency, and it is at most 3 % wide: only what is certainly longer counts.
    let bound = longest_us + longest_us.div_ceil(32);
    let slow = total.slower_than(bound);
    let found = total.percentile_us(950);
    Limit {
        what: "p95",
        found: millis(real(found)),
        bound: millis(real(longest_us)),
        requests: total.answers(),
        exceeded: found > bound,
        slices: series
            .canary(service)
            .filter(|one| one.slower_than(bound) > 0)
            .count(),
        chance: chernoff(real(slow), real(total.answers()), 0.05),
    }
}

impl Limit {
    pub(super) fn is_broken(&self, budget: f64) -> bool {
        self.exceeded && self.slices >= LEAST_SLICES && self.chance <= budget
    }

    /// What speaks against passing although it is not certain.
    pub(super) fn doubt(&self, service: &str) -> Option<String> {
        self.exceeded
            .then(|| format!("too few to tell: {}", self.describe(service)))
    }

    pub(super) fn describe(&self, service: &str) -> String {
        let Self {
            what,
            found,
            bound,
            requests,
            ..
        } = self;
        format!(
            "{what} of {service}: {found} ({requests} requests of the canary), and the file allows {bound}"
        )
    }
}

/// The logarithm of a bound on the probability that a canary that is no worse has so many of the events, over slices
/// of (its events, the control's) and (its requests, the control's), of which at most so many events count each.
fn excess(slices: impl Iterator<Item = ((u64, u64), (u64, u64))>, most: u64) -> f64 {
    let (mut all, mut ours, mut expected) = (0.0, 0.0, 0.0);
    for ((mine, other), (requests, others)) in slices {
        let events = mine + other;
        if events == 0 || requests == 0 || others == 0 {
            continue;
        }
        // Of more events a random few stand for all; their mean varies less than they do, so the bound holds.
        let counted = real(events.min(most));
        all += counted;
        ours += counted * real(mine) / real(events);
        expected += counted * real(requests) / real(requests + others);
    }
    if all == 0.0 {
        return 0.0;
    }
    // The logarithm of the generating function is concave in the canary's part, so that slices of different parts are
    // bounded by as many of the mean part.
    chernoff(ours, all, expected / all)
}

/// The logarithm of Chernoff's bound for at least `found` of `all` with probability `part` each: relative entropy. A
/// hypergeometric count has no heavier tail (Hoeffding 1963).
fn chernoff(found: f64, all: f64, part: f64) -> f64 {
    if all <= 0.0 || part >= 1.0 {
        return 0.0;
    }
    let share = (found / all).min(1.0);
    if share <= part {
        return 0.0;
    }
    if part <= 0.0 {
        return f64::NEG_INFINITY;
    }
    let rest = 1.0 - share;
    let tail = if rest > 0.0 {
        rest * (rest / (1.0 - part)).ln()
    } else {
        0.0
    };
    -all * (share * (share / part).ln() + tail)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of requests and microseconds stay far below 2^52"
)]
fn real(count: u64) -> f64 {
    count as f64
}

/// A part in percent, with two digits where it is small.
pub(super) fn share(part: f64) -> String {
    let percent = part * 100.0;
    if percent > 0.0 && percent < 10.0 {
        format!("{percent:.2} %")
    } else {
        format!("{percent:.0} %")
    }
}

pub(super) fn millis(us: f64) -> String {
    let ms = us / 1000.0;
    if ms < 10.0 {
        format!("{ms:.1} ms")
    } else {
        format!("{ms:.0} ms")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_is_the_exact_probability_where_all_of_them_are_the_canarys() {
        assert!((chernoff(10.0, 10.0, 0.5) - 0.5f64.powi(10).ln()).abs() < 1e-9);
        assert!((chernoff(3.0, 3.0, 0.05) - 0.05f64.powi(3).ln()).abs() < 1e-9);
    }

    /// Against the binomial distribution, summed.
    #[test]
    fn the_bound_is_never_below_the_probability() {
        for part in [0.01, 0.05, 0.3, 0.5, 0.9] {
            for all in 1..40_i32 {
                let mut tail = 0.0;
                for found in (0..=all).rev() {
                    let ways = (0..found).fold(1.0, |ways, index| {
                        ways * f64::from(all - index) / f64::from(found - index)
                    });
                    tail += ways * f64::powi(part, found) * f64::powi(1.0 - part, all - found);
                    let bound = chernoff(f64::from(found), f64::from(all), part).exp();
                    assert!(bound >= tail * (1.0 - 1e-9), "{found} of {all} at {part}");
                }
            }
        }
    }

    #[test]
    fn what_hits_all_alike_is_no_excess_however_much_it_is() {
        let storm = (0..60).map(|_| ((50, 950), (50, 950)));
        assert!(excess(storm, PER_SLICE).abs() < f64::EPSILON);
    }

    #[test]
    fn one_second_of_one_replica_is_not_enough_and_six_are() {
        let budget = (0.01_f64 / 88.0).ln();
        let hiccup = |seconds: usize| {
            let slices = (0..60).map(move |second| {
                let mine = if second < seconds { 25 } else { 0 };
                ((mine, 0), (25, 25))
            });
            excess(slices, PER_SLICE)
        };
        assert!(hiccup(4) > budget, "{}", hiccup(4));
        assert!(hiccup(6) < budget, "{}", hiccup(6));
    }
}
