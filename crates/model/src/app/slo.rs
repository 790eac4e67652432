//! Objectives, alerts and where notices go.

use serde::{Deserialize, Serialize};

use crate::alert::Condition;
use crate::units::{Bound, DurationMs};

/// An objective over a window of time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slo {
    /// On what: `route.NAME` or `service.NAME`.
    pub on: String,
    /// Share of failed requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errors: Option<Bound>,
    /// Median latency.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p50: Option<Bound>,
    /// 95th percentile of latency.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p95: Option<Bound>,
    /// 99th percentile of latency.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p99: Option<Bound>,
    /// Share of time in which it answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub availability: Option<Bound>,
    /// The window.
    pub window: DurationMs,
    /// Names of `notify` that hear when the budget burns too fast.
    pub notify: Vec<String>,
}

/// An alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alert {
    /// The condition: `http.p95 of route.api > 1s for 5m`.
    pub when: Condition,
    /// How loud.
    pub severity: Severity,
    /// One line for whoever is woken.
    pub summary: String,
    /// What to do.
    pub action: String,
    /// Where the runbook is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runbook: Option<String>,
    /// Names of `notify`; empty: by severity, as `observability.alerting` says.
    pub notify: Vec<String>,
}

/// How loud an alert is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Shown.
    Info,
    /// Read by the next working day.
    Warn,
    /// Somebody is woken.
    Page,
}

/// Where notices go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notify {
    /// A Slack webhook.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slack: Option<Channel>,
    /// A paging service's webhook.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page: Option<Channel>,
    /// Any webhook.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook: Option<Channel>,
    /// Mail addresses.
    pub email: Vec<String>,
}

/// A webhook whose address is a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Channel {
    /// The secret with the address.
    pub secret: String,
    /// The channel or room, where the address does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
}
