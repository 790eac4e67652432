//! When which question is due, and how many answers in a row were bad.

use std::time::Duration;

use plimsoll_bundle::local::{HealthSpec, Probe};

use super::Question;

/// The first startup questions come faster than the file says, doubling from here up to the file's interval: most
/// programs listen within tens of milliseconds, and a person waits for `up`.
const FIRST_STARTUP: Duration = Duration::from_millis(25);

#[derive(Debug, Clone, Default)]
pub(super) struct Asking {
    /// Whether warm-up is still to come.
    pub(super) cold: bool,
    startup_at: Duration,
    startup_step: Duration,
    readiness: Line,
    liveness: Line,
    startup_open: bool,
}

/// One repeated question.
#[derive(Debug, Clone, Copy, Default)]
struct Line {
    at: Duration,
    open: bool,
    failures: u32,
}

impl Line {
    fn due(self) -> Option<Duration> {
        (!self.open).then_some(self.at)
    }

    /// Counts an answer and schedules the next question. Whether the failures in a row count now.
    fn count(&mut self, now: Duration, probe: &Probe, well: bool) -> bool {
        self.at = now + interval(probe);
        self.failures = if well {
            0
        } else {
            self.failures.saturating_add(1)
        };
        self.failures >= probe.failures.max(1)
    }
}

/// Time between two questions, at least 10 ms, so that a zero in the orders is no busy loop.
fn interval(probe: &Probe) -> Duration {
    Duration::from_millis(probe.every_ms.max(10))
}

impl Asking {
    pub(super) fn begin(now: Duration, cold: bool) -> Self {
        Self {
            cold,
            startup_at: now,
            startup_step: FIRST_STARTUP,
            ..Self::default()
        }
    }

    pub(super) fn schedule_startup(&mut self, now: Duration, health: &HealthSpec) {
        self.startup_at = now + self.startup_step.min(interval(&health.startup));
        self.startup_step *= 2;
    }

    pub(super) fn schedule_both(&mut self, now: Duration, health: &HealthSpec) {
        self.readiness.at = now + interval(&health.readiness);
        self.liveness.at = now + interval(&health.liveness);
    }

    pub(super) fn readiness(&mut self, now: Duration, probe: &Probe, well: bool) -> bool {
        self.readiness.count(now, probe, well)
    }

    pub(super) fn liveness(&mut self, now: Duration, probe: &Probe, well: bool) -> bool {
        self.liveness.count(now, probe, well)
    }

    pub(super) fn startup_due(&self, _health: &HealthSpec) -> Option<Duration> {
        (!self.startup_open).then_some(self.startup_at)
    }

    pub(super) fn liveness_due(&self) -> Option<Duration> {
        self.liveness.due()
    }

    pub(super) fn both_due(&self) -> Option<Duration> {
        match (self.readiness.due(), self.liveness.due()) {
            (Some(readiness), Some(liveness)) => Some(readiness.min(liveness)),
            (readiness, liveness) => readiness.or(liveness),
        }
    }

    /// The question that is due first.
    pub(super) fn which_due(&self, liveness_only: bool) -> Question {
        match (self.readiness.due(), self.liveness.due()) {
            (Some(readiness), liveness)
                if !liveness_only && liveness.is_none_or(|liveness| readiness <= liveness) =>
            {
                Question::Readiness
            }
            (Some(_) | None, _) => Question::Liveness,
        }
    }

    pub(super) fn opened(&mut self, question: Question) {
        self.set_open(question, true);
    }

    pub(super) fn closed(&mut self, question: Question) {
        self.set_open(question, false);
    }

    fn set_open(&mut self, question: Question, open: bool) {
        match question {
            Question::Startup => self.startup_open = open,
            Question::Readiness => self.readiness.open = open,
            Question::Liveness => self.liveness.open = open,
            Question::WarmUp => {}
        }
    }
}
