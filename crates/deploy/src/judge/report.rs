//! What a judgement says: for people, and as JSON.

use plimsoll_bundle::endpoints::Cohort;
use serde::{Deserialize, Serialize};

use super::compare::{millis, share};
use super::series::{Counts, Series};

/// Whether a canary may have more, with the figures behind it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "kebab-case")]
pub enum Verdict {
    /// Nothing says that it is worse, and there were enough requests to see it.
    Good {
        /// What was counted.
        services: Vec<ServiceReport>,
    },
    /// It is worse.
    Bad {
        /// Why, each a phrase with numbers.
        reasons: Vec<String>,
        /// What was counted.
        services: Vec<ServiceReport>,
    },
    /// It cannot be said. Never a pass.
    NotEnough {
        /// What is missing, each a phrase with numbers.
        missing: Vec<String>,
        /// What was counted.
        services: Vec<ServiceReport>,
    },
}

/// What was counted of one service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceReport {
    /// The service.
    pub service: String,
    /// The new release.
    pub canary: Figures,
    /// The release before, started together with it.
    pub fresh: Figures,
    /// The release before.
    pub stable: Figures,
}

/// What was counted of one cohort.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figures {
    /// Requests that ended.
    pub requests: u64,
    /// Those of them that failed.
    pub failed: u64,
    /// The 99th percentile of latency, in microseconds.
    pub p99_us: u64,
}

impl Verdict {
    /// The services, with what was counted.
    pub fn services(&self) -> &[ServiceReport] {
        match self {
            Self::Good { services }
            | Self::Bad { services, .. }
            | Self::NotEnough { services, .. } => services,
        }
    }

    /// One line for people, without a full stop: why, or what was counted.
    pub fn describe(&self) -> String {
        match self {
            Self::Good { services } => {
                let lines: Vec<String> = services.iter().map(ServiceReport::describe).collect();
                format!("no worse: {}", lines.join("; "))
            }
            Self::Bad { reasons, .. } => format!("worse: {}", reasons.join("; ")),
            Self::NotEnough { missing, .. } => missing.join("; "),
        }
    }
}

impl ServiceReport {
    pub(super) fn of(series: &Series, service: &str) -> Self {
        let figures = |cohort| Figures::of(series.total(service, cohort));
        Self {
            service: service.to_owned(),
            canary: figures(Cohort::Canary),
            fresh: figures(Cohort::Fresh),
            stable: figures(Cohort::Stable),
        }
    }

    fn describe(&self) -> String {
        let cohorts = [
            (Cohort::Canary, self.canary),
            (Cohort::Fresh, self.fresh),
            (Cohort::Stable, self.stable),
        ];
        let seen = cohorts.iter().filter(|(_, figures)| figures.requests > 0);
        let parts: Vec<String> = seen
            .map(|(cohort, figures)| format!("{} {}", name(*cohort), figures.describe()))
            .collect();
        format!("{}: {}", self.service, parts.join(", "))
    }
}

impl Figures {
    fn of(counts: &Counts) -> Self {
        Self {
            requests: counts.requests,
            failed: counts.failed,
            p99_us: counts.percentile_us(990),
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "for people, in three digits")]
    fn describe(self) -> String {
        let failed = self.failed as f64 / self.requests.max(1) as f64;
        let p99 = millis(self.p99_us as f64);
        format!(
            "{} requests, {} failed, p99 {p99}",
            self.requests,
            share(failed)
        )
    }
}

/// A cohort in words.
pub(super) fn name(cohort: Cohort) -> &'static str {
    match cohort {
        Cohort::Stable => "stable",
        Cohort::Fresh => "fresh",
        Cohort::Canary => "canary",
    }
}
