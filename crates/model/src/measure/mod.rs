//! The closed registry of what can be measured: for claims, alerts, objectives and dashboards.
//!
//! A measure of the app's own is `metric.NAME`, by the Prometheus name that a service exports: a plain number;
//! `metric.NAME.increase` what it grew by during the alert's `for`; `metric.NAME.p50`, `.p95`, `.p99` a time, of a
//! histogram in seconds.

// A measure a line, as in the grammar's tables.
#[rustfmt::skip]
mod table;

use crate::suggest;
use crate::units::Dimension;

pub use table::MEASURES;

/// Something that an experiment, a rendered document or a running app can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measure {
    /// Its name.
    pub name: &'static str,
    /// What its values count in.
    pub dimension: Dimension,
    /// What it can be measured of: kinds of subjects.
    pub of: &'static [&'static str],
    /// Where it can stand.
    pub stands: Stands,
    /// What it says, in one sentence.
    pub doc: &'static str,
}

/// Where a measure can stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stands {
    /// In claims: an experiment decides it.
    Claim,
    /// In claims, and only `under` a load scenario.
    Load,
    /// In claims, alerts and panels: it can be read at any moment.
    Live,
}

/// The measure of this name, the app's own included.
pub fn find(name: &str) -> Option<Measure> {
    if let Some(own) = name.strip_prefix("metric.") {
        return own_metric(own);
    }
    MEASURES.iter().find(|measure| measure.name == name).copied()
}

/// The name that `name` is most likely a slip of.
pub(crate) fn closest(name: &str) -> Option<&'static str> {
    suggest::closest(name, MEASURES.iter().map(|measure| measure.name))
}

fn own_metric(own: &str) -> Option<Measure> {
    let (metric, part) = own.split_once('.').unwrap_or((own, ""));
    let is_name = !metric.is_empty()
        && !metric.starts_with(|c: char| c.is_ascii_digit())
        && metric.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b':');
    let dimension = match part {
        "" | "increase" => Dimension::Number,
        "p50" | "p95" | "p99" => Dimension::Time,
        _ => return None,
    };
    is_name.then_some(Measure {
        name: "metric",
        dimension,
        of: &["app", "service"],
        stands: Stands::Live,
        doc: "A metric that a service exports itself.",
    })
}
