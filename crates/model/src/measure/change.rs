//! What changes and faults do: `deploy.`, `fault.`, `alert.`.

use super::{Measure, measure};
use crate::units::Dimension::{Number, Time, Truth};

// One line per measure, so that the table reads as a table.
#[rustfmt::skip]
pub(super) const MEASURES: &[Measure] = &[
    measure("deploy.time", Time, &["app"], "Wall time of a whole deploy, from plan to the last step."),
    measure("deploy.rollback_time", Time, &["app"], "Time from the command to the old release serving alone."),
    measure("deploy.failed_requests", Number, &["app"], "Failed requests and broken connections that a prober counts through a change.").maybe("`migration`: a change that migrates"),
    measure("deploy.canary_rejected", Truth, &["app"], "Whether a release that is worse by a little is judged so at its first weights and taken back."),
    measure("deploy.second_run_changes", Number, &["app"], "Changes that a second deploy of the same release plans."),
    measure("deploy.dry_run", Truth, &["app"], "Whether each verb plans, shows and ends well without changing anything.").maybe("verbs, separated by blanks, each perhaps with `:target`"),
    measure("deploy.order", Truth, &["app"], "Whether the plan does things in this order.").with("steps, separated by blanks"),
    measure("deploy.cleanup_safe", Truth, &["app"], "Whether `cleanup` removes only what no kept release needs."),
    measure("deploy.placeholder_refused", Truth, &["app"], "Whether a secret that is a placeholder stops the deploy."),
    measure("deploy.unsigned_refused", Truth, &["app"], "Whether a missing sign-off stops the deploy."),
    measure("deploy.scale_by_hand", Truth, &["service"], "Whether a count set by hand is reached within the bounds and held until the autoscaler decides.").with("the count"),
    measure("fault.bad_release_undone", Time, &["app"], "Time from the start of a release that cannot work to the old one serving alone."),
    measure("fault.drain_clean", Truth, &["service"], "Whether SIGTERM under load loses nothing and ends with status 0 within the grace."),
    measure("fault.restart_time", Time, &["service"], "Time from SIGKILL of a replica to ready again."),
    measure("fault.failed_requests", Number, &["resource", "service"], "Failed requests that may be repeated, when it is killed under load."),
    measure("fault.failover_time", Time, &["resource"], "Time from SIGKILL of the primary to the first write on the one that took over."),
    measure("alert.fires", Truth, &["alert"], "Whether it fires on a made-up series just past its condition and stays silent just before."),
    measure("alert.time", Time, &["alert"], "Time from the real fault to the alert."),
    measure("alert.routes", Truth, &["alert"], "Whether it reaches each of these, and no other.").with("names of `notify`, separated by blanks"),
    measure("alert.escalates", Truth, &["alert"], "Whether nobody's answer calls the next one at these times.").with("times, separated by blanks"),
    measure("alert.delivered", Truth, &["notify"], "Whether a test alert arrives at a sink on loopback by each way."),
];
