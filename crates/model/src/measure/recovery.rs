//! What restores show: `drill.`.

use super::{Measure, claim};
use crate::units::Dimension::{Number, Time, Truth};

// Laid out by hand, so that the table reads as a table.
#[rustfmt::skip]
pub(super) const MEASURES: &[Measure] = &[
    claim("drill.rto", Time, &["app", "backup"], "Time from the loss of all state to ready, data compared."),
    claim("drill.rpo", Time, &["app", "backup"],
        "Age of the newest row that was lost, when everything is killed under a stream of writes."),
    claim("drill.restore_equal", Truth, &["backup"],
        "Whether a restore into an empty place has the same rows as the source had at the fenced point."),
    claim("drill.point_in_time", Truth, &["backup"],
        "Whether a restore to a moment has exactly the rows committed by then."),
    claim("drill.copy_equal", Truth, &["backup"],
        "Whether the copy somewhere else is the same, byte by byte, and encrypted."),
    claim("drill.files_equal", Truth, &["backup"],
        "Whether volumes, configuration and certificates come back the same."),
    claim("drill.locked_without_key", Truth, &["backup"],
        "Whether a restore without the key fails and shows nothing."),
    claim("drill.kept", Number, &["backup"],
        "Daily backups that are left after pruning over a hundred simulated days."),
    claim("drill.age", Time, &["app", "backup"], "Time since the last rehearsed restore that succeeded."),
];
