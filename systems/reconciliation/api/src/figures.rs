//! The figures of this system: those that a replica counts, and those that all replicas share and read from the
//! dashboard.

use std::time::Duration;

use prometheus::{
    Gauge, GaugeVec, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec,
    Opts,
};
use serde_json::Value;
use systems_kit::metrics::Metrics;
use systems_kit::serve::Stop;

use crate::app::App;
use crate::handlers::dashboard;

/// Well under the interval at which metrics are asked for (15 s).
const REFRESH: Duration = Duration::from_secs(5);

/// The figures of this system.
#[derive(Debug)]
pub struct Figures {
    /// Rows by outcome.
    pub rows_ingested: IntCounterVec,
    /// Bytes of uploads.
    pub ingest_bytes: IntCounter,
    /// Matches by kind and status.
    pub matches: IntCounterVec,
    /// Time of each part of a run.
    pub run_seconds: HistogramVec,
    /// Runs whose rows did not add up. Must stay 0.
    pub conservation_violations: IntCounter,
    /// Speed of the last run.
    pub run_rows_per_second: IntGauge,
    /// Open WebSockets.
    pub ws_clients: IntGauge,
    /// Of the last run that counts, over all replicas.
    match_rate: Gauge,
    exceptions_open: IntGaugeVec,
    value_matched: GaugeVec,
    unreconciled: GaugeVec,
}

impl Figures {
    pub(crate) fn try_new(metrics: &Metrics) -> Result<Self, prometheus::Error> {
        let counters =
            |name, help, labels: &[&str]| IntCounterVec::new(Opts::new(name, help), labels);
        let figures = Self {
            rows_ingested: counters(
                "recon_rows_ingested_total",
                "Rows of uploads.",
                &["format", "outcome"],
            )?,
            ingest_bytes: IntCounter::new("recon_ingest_bytes_total", "Bytes of uploads.")?,
            matches: counters(
                "recon_matches_total",
                "Matches of runs.",
                &["kind", "status"],
            )?,
            run_seconds: HistogramVec::new(
                HistogramOpts::new("recon_run_part_seconds", "Time of the parts of a run.")
                    .buckets(vec![0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0]),
                &["part"],
            )?,
            conservation_violations: IntCounter::new(
                "recon_conservation_violations_total",
                "Runs whose rows did not add up.",
            )?,
            run_rows_per_second: IntGauge::new(
                "recon_run_rows_per_second",
                "Rows per second of the last run.",
            )?,
            ws_clients: IntGauge::new("ws_clients", "Open WebSockets.")?,
            match_rate: Gauge::new("recon_match_rate", "Matched rows of all rows, last run.")?,
            exceptions_open: IntGaugeVec::new(
                Opts::new("recon_exceptions_open", "Exceptions by age in days."),
                &["age"],
            )?,
            value_matched: value("recon_value_matched_minor", "Matched amounts, last run.")?,
            unreconciled: value("recon_unreconciled_minor", "Other amounts, last run.")?,
        };
        figures.register(metrics)?;
        Ok(figures)
    }

    fn register(&self, metrics: &Metrics) -> Result<(), prometheus::Error> {
        metrics.register(self.rows_ingested.clone())?;
        metrics.register(self.ingest_bytes.clone())?;
        metrics.register(self.matches.clone())?;
        metrics.register(self.run_seconds.clone())?;
        metrics.register(self.conservation_violations.clone())?;
        metrics.register(self.run_rows_per_second.clone())?;
        metrics.register(self.ws_clients.clone())?;
        metrics.register(self.match_rate.clone())?;
        metrics.register(self.exceptions_open.clone())?;
        metrics.register(self.value_matched.clone())?;
        metrics.register(self.unreconciled.clone())
    }

    /// Takes over what the dashboard shows.
    fn follow(&self, dashboard: &Value) {
        if let Some(rate) = dashboard["match_rate"].as_f64() {
            self.match_rate.set(rate);
        }
        for bucket in members(&dashboard["ageing"]) {
            if let (Some(age), Some(count)) = (bucket["bucket"].as_str(), bucket["count"].as_i64())
            {
                self.exceptions_open.with_label_values(&[age]).set(count);
            }
        }
        for value in members(&dashboard["value"]) {
            let Some(ccy) = value["ccy"].as_str() else {
                continue;
            };
            for (gauge, member) in [
                (&self.value_matched, "matched_minor"),
                (&self.unreconciled, "unreconciled_minor"),
            ] {
                // Exact up to 2^53 minor units, which is 90 trillion; beyond that a gauge may round.
                let minor = value[member].as_str().and_then(|text| text.parse().ok());
                gauge.with_label_values(&[ccy]).set(minor.unwrap_or(0.0));
            }
        }
    }
}

fn members(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn value(name: &str, help: &str) -> Result<GaugeVec, prometheus::Error> {
    GaugeVec::new(Opts::new(name, help), &["ccy"])
}

/// Keeps the figures that all replicas share as fresh as [`REFRESH`]. Most times this is one question to Redis.
pub async fn keep(app: App, mut stop: Stop) {
    if app.settings().platform.metrics.is_none() {
        return;
    }
    while !stop.is_set() {
        match dashboard::document(&app).await {
            Ok(text) => match serde_json::from_str(&text) {
                Ok(document) => app.figures().follow(&document),
                Err(error) => tracing::warn!(%error, "the dashboard is not JSON"),
            },
            // Before the first migration and while the database is away; the probes say so.
            Err(error) => tracing::debug!(%error, "no dashboard"),
        }
        let _over = tokio::time::timeout(REFRESH, stop.wait()).await;
    }
}
