//! What a load scenario shows: `load.`. `under` names the scenario.

use super::{Measure, measure};
use crate::units::Dimension::{Bytes, Number, Rate, Share, Time};

// One line per measure, so that the table reads as a table.
#[rustfmt::skip]
pub(super) const MEASURES: &[Measure] = &[
    measure("load.users", Number, &["route", "app"], "Clients that were served at once."),
    measure("load.sockets", Number, &["route"], "Connections that stayed open and answered for the whole scenario."),
    measure("load.rate", Rate, &["route", "app"], "Requests that were answered."),
    measure("load.error_rate", Share, &["route", "app"], "Requests that failed: 5xx, broken, or later than the scenario's time-out."),
    measure("load.mean", Time, &["route"], "Mean latency, from when the request was due."),
    measure("load.p50", Time, &["route"], "Median latency, from when the request was due."),
    measure("load.p95", Time, &["route"], "95th percentile of latency."),
    measure("load.p99", Time, &["route"], "99th percentile of latency."),
    measure("load.max", Time, &["route"], "Greatest latency."),
    measure("load.p99_drift", Share, &["route"], "Growth of the 99th percentile from the first fifth to the last."),
    measure("load.memory_peak", Bytes, &["service", "resource"], "Most memory of any replica."),
    measure("load.memory_growth", Share, &["service"], "Growth of memory from the first fifth to the last."),
    measure("load.memory_saved", Share, &["app", "service"], "How much less memory than the plainly built service uses at the same load."),
    measure("load.cpu_saved", Share, &["app", "service"], "How much less CPU than the plainly built service uses at the same load."),
    measure("load.throttled", Share, &["service"], "Periods in which a replica was held back by its CPU limit."),
    measure("load.restarts", Number, &["service"], "Restarts of replicas."),
    measure("load.hit_ratio", Share, &["resource"], "Hits over hits and misses."),
    measure("load.sequential_scans", Number, &["resource"], "Sequential scans of tables above a thousand rows."),
];
