//! Metrics, traces, logs, dashboards.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::units::{DurationMs, HostPort, Percent};

/// What is observed, and where it goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Observability {
    /// Metrics.
    pub metrics: Metrics,
    /// Traces.
    pub tracing: Tracing,
    /// Logs of all services together.
    pub logs: LogStore,
    /// Alert routing.
    pub alerting: Alerting,
    /// Dashboards.
    pub dashboard: BTreeMap<String, Dashboard>,
    /// Reports of exceptions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errors: Option<Errors>,
}

/// Metrics.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metrics {
    /// Time between two scrapes.
    pub every: DurationMs,
    /// How long they are kept.
    pub keep: DurationMs,
}

/// Traces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tracing {
    /// An OTLP collector; absent: trace ids are carried on and exported nowhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub otlp: Option<HostPort>,
    /// Share of requests that is exported.
    pub sample: Percent,
}

/// Logs of all services together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogStore {
    /// How long they are kept.
    pub keep: DurationMs,
    /// A collector that they are sent on to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forward: Option<HostPort>,
}

/// Alert routing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alerting {
    /// How long alerts of one kind are gathered before the first notice.
    pub group: DurationMs,
    /// How long until a notice of a standing alert is repeated.
    pub repeat: DurationMs,
    /// Names of `notify`, by severity.
    pub route: BTreeMap<String, Vec<String>>,
    /// Names of `escalation`, in order of their delay, that a page goes through.
    pub escalation: Vec<String>,
}

/// A dashboard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dashboard {
    /// The title.
    pub title: String,
    /// Panels by name.
    pub panel: BTreeMap<String, Panel>,
}

/// A panel of a dashboard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Panel {
    /// The title; the panel's name unless given.
    pub title: String,
    /// What it shows: a name of the closed registry of measures, or a metric of the app in `metric`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub measure: Option<String>,
    /// A metric that the app exports itself, by its Prometheus name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metric: Option<String>,
    /// Whose: as in claims.
    pub of: String,
}

/// Reports of exceptions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Errors {
    /// The secret with the address (DSN).
    pub secret: String,
    /// The variable that services read it from.
    #[serde(rename = "as")]
    pub variable: String,
    /// Whether personal data is scrubbed.
    pub scrub: bool,
}
