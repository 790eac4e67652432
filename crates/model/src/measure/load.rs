//! What a load scenario shows: `load.`. `under` names the scenario.

use super::{Measure, load};
use crate::units::Dimension::{Bytes, Number, Rate, Share, Time};

// Laid out by hand, so that the table reads as a table.
#[rustfmt::skip]
pub(super) const MEASURES: &[Measure] = &[
    load("load.users", Number, &["route", "app"], "Clients that were served at once."),
    load("load.sockets", Number, &["route"], "Connections that stayed open and answered for the whole scenario."),
    load("load.rate", Rate, &["route", "app"], "Requests that were answered."),
    load("load.error_rate", Share, &["route", "app"],
        "Requests that failed: 5xx, broken, or later than the scenario's time-out."),
    load("load.mean", Time, &["route"], "Mean latency, from when the request was due."),
    load("load.p50", Time, &["route"], "Median latency, from when the request was due."),
    load("load.p95", Time, &["route"], "95th percentile of latency."),
    load("load.p99", Time, &["route"], "99th percentile of latency."),
    load("load.max", Time, &["route"], "Greatest latency."),
    load("load.p99_drift", Share, &["route"], "Growth of the 99th percentile from the first fifth to the last."),
    load("load.memory_peak", Bytes, &["service", "resource"], "Most memory of any replica."),
    load("load.memory_growth", Share, &["service"], "Growth of memory from the first fifth to the last."),
    load("load.memory_saved", Share, &["app", "service"],
        "How much less memory than the plainly built service uses at the same load."),
    load("load.cpu_saved", Share, &["app", "service"],
        "How much less CPU than the plainly built service uses at the same load."),
    load("load.throttled", Share, &["service"], "Periods in which a replica was held back by its CPU limit."),
    load("load.restarts", Number, &["service"], "Restarts of replicas."),
    load("load.hit_ratio", Share, &["resource"], "Hits over hits and misses."),
    load("load.sequential_scans", Number, &["resource"], "Sequential scans of tables above a thousand rows."),
    load("load.refused", Share, &["route", "app"], "Requests answered 429."),
    load("load.balance", Share, &["service"], "Largest deviation of a replica's share of requests from an equal one."),
    load("load.rows", Rate, &["service"], "Rows that the app works through."),
];
