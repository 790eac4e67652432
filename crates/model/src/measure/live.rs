//! What can be asked of a running app at any moment, by alerts and panels.

use super::{Measure, measure};
use crate::units::Dimension::{Number, Rate, Share, Time, Truth};

// One line per measure, so that the table reads as a table.
#[rustfmt::skip]
pub(super) const MEASURES: &[Measure] = &[
    measure("http.rate", Rate, &["route", "app"], "Requests.").live(),
    measure("http.error_rate", Share, &["route", "app"], "Requests answered 5xx or not at all.").live(),
    measure("http.p50", Time, &["route", "app"], "Median latency.").live(),
    measure("http.p95", Time, &["route", "app"], "95th percentile of latency.").live(),
    measure("http.p99", Time, &["route", "app"], "99th percentile of latency.").live(),
    measure("service.cpu", Share, &["service"], "CPU used over CPU requested.").live(),
    measure("service.memory", Share, &["service"], "Memory used over the limit, of the fullest replica.").live(),
    measure("service.ready", Number, &["service"], "Replicas that have traffic.").live(),
    measure("service.unready", Number, &["service"], "Replicas that should have traffic and have none.").live(),
    measure("service.restarts", Number, &["service"], "Restarts in the last quarter of an hour.").live(),
    measure("service.saturated", Truth, &["service"], "Whether the most replicas run.").live(),
    measure("service.disk", Share, &["service"], "Disk used of its fullest volume.").live(),
    measure("service.disk_io", Rate, &["service"], "Disk operations.").live(),
    measure("service.network_io", Rate, &["service"], "Bytes in and out.").live(),
    measure("resource.down", Truth, &["resource"], "Whether services cannot reach it.").live(),
    measure("resource.connections", Share, &["resource"], "Connections in use over those it accepts.").live(),
    measure("resource.disk", Share, &["resource"], "Disk used.").live(),
    measure("resource.memory", Share, &["resource"], "Memory used.").live(),
    measure("resource.hit_ratio", Share, &["resource"], "Hits over hits and misses.").live(),
    measure("resource.evictions", Rate, &["resource"], "Entries thrown out for want of memory.").live(),
    measure("resource.operations", Rate, &["resource"], "Operations.").live(),
    measure("resource.query_time", Time, &["resource"], "95th percentile of a statement's time.").live(),
    measure("resource.slow_queries", Rate, &["resource"], "Statements above the bound of the slow-query log.").live(),
    measure("resource.lock_waits", Number, &["resource"], "Sessions that wait for a lock.").live(),
    measure("resource.quota", Share, &["resource"], "Used of the quota that an outside service grants.").live(),
    measure("resource.replica_lag", Time, &["resource"], "How far the slowest copy is behind.").live(),
    measure("slo.budget_left", Share, &["slo"], "What is left of the error budget in its window.").live(),
    measure("slo.burn_rate", Number, &["slo"], "How many times faster than allowed the budget burns, over the last hour.").live(),
    measure("slo.availability", Share, &["slo"], "Share of the window in which the objective was met. Without a whole window there is no evidence.").live(),
    measure("backup.age", Time, &["backup"], "Age of the newest backup that was verified.").live(),
    measure("job.failed", Truth, &["job"], "Whether the last run failed.").live(),
    measure("cost.budget_used", Share, &["app"], "Used of the month's budget.").live(),
    measure("edge.certificate_left", Time, &["edge"], "Time until the certificate ends.").live(),
];
