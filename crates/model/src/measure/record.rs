//! What the records say: `claims.`, `review.`, `approval.`, `dashboard.`.

use super::{Measure, measure};
use crate::units::Dimension::{Number, Share, Time, Truth};

// One line per measure, so that the table reads as a table.
#[rustfmt::skip]
pub(super) const MEASURES: &[Measure] = &[
    measure("claims.proven", Share, &["app"], "Claims with these ids, letters counted together, that are proven.").with("ids, separated by blanks"),
    measure("review.current", Truth, &["app"], "Whether the day of the next review has not passed."),
    measure("approval.signed", Number, &["app"], "Required sign-offs that are signed and in force."),
    measure("dashboard.answered", Share, &["app"], "Panels whose query a real Prometheus answers with data.").maybe("dashboards, separated by blanks; all unless given"),
    measure("dashboard.fresh", Time, &["app"], "Time from an event to the panel that shows it, less one scrape."),
];
