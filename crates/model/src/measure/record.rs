//! What the records say: `claims.`, `review.`, `approval.`, `dashboard.`.

use super::{Measure, claim};
use crate::units::Dimension::{Number, Share, Text, Time, Truth};

// Laid out by hand, so that the table reads as a table.
#[rustfmt::skip]
pub(super) const MEASURES: &[Measure] = &[
    claim("claims.proven", Share, &["app"],
        "Claims with these ids, letters counted together, that are proven.").with("ids, separated by blanks"),
    claim("review.current", Truth, &["app"], "Whether the day of the next review has not passed."),
    claim("approval.signed", Number, &["app"], "Required sign-offs that are signed and in force."),
    claim("dashboard.answered", Share, &["app"],
        "Panels whose query a real Prometheus answers with data.")
        .maybe("dashboards, separated by blanks; all unless given"),
    claim("dashboard.fresh", Time, &["app"], "Time from an event to the panel that shows it, less one scrape."),
    claim("certificate.grade", Text, &["app"], "Grade of a dimension, computed from verdicts.").with("the dimension"),
    claim("certificate.valid_for", Time, &["app"], "Validity of the certificate."),
    claim("docs.fresh", Truth, &["app"], "Whether documents are made from the file and the last evidence."),
];
