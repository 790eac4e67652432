//! What restores show: `drill.`.

use super::{Measure, measure};
use crate::units::Dimension::{Number, Time, Truth};

// One line per measure, so that the table reads as a table.
#[rustfmt::skip]
pub(super) const MEASURES: &[Measure] = &[
    measure("drill.rto", Time, &["app", "backup"], "Time from the loss of all state to ready, data compared."),
    measure("drill.rpo", Time, &["app", "backup"], "Age of the newest row that was lost, when everything is killed under a stream of writes."),
    measure("drill.restore_equal", Truth, &["backup"], "Whether a restore into an empty place has the same rows as the source had at the fenced point."),
    measure("drill.point_in_time", Truth, &["backup"], "Whether a restore to a moment has exactly the rows committed by then."),
    measure("drill.copy_equal", Truth, &["backup"], "Whether the copy somewhere else is the same, byte by byte, and encrypted."),
    measure("drill.files_equal", Truth, &["backup"], "Whether volumes, configuration and certificates come back the same."),
    measure("drill.locked_without_key", Truth, &["backup"], "Whether a restore without the key fails and shows nothing."),
    measure("drill.kept", Number, &["backup"], "Daily backups that are left after pruning over a hundred simulated days."),
    measure("drill.age", Time, &["app", "backup"], "Time since the last rehearsed restore that succeeded."),
];
