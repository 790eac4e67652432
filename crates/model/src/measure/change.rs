//! What changes and faults do: `deploy.`, `fault.`, `alert.`.

use super::{Measure, claim};
use crate::units::Dimension::{Number, Time, Truth};

// Laid out by hand, so that the table reads as a table.
#[rustfmt::skip]
pub(super) const MEASURES: &[Measure] = &[
    claim("deploy.time", Time, &["app"], "Wall time of a whole deploy, from plan to the last step."),
    claim("deploy.rollback_time", Time, &["app"], "Time from the command to the old release serving alone."),
    claim("deploy.failed_requests", Number, &["app"],
        "Failed requests and broken connections that a prober counts through a change.")
        .maybe("`migration`: a change that migrates"),
    claim("deploy.canary_rejected", Truth, &["app"],
        "Whether a release that is worse by a little is judged so at its first weights and taken back."),
    claim("deploy.second_run_changes", Number, &["app"], "Changes that a second deploy of the same release plans."),
    claim("deploy.dry_run", Truth, &["app"],
        "Whether each verb plans, shows and ends well without changing anything.")
        .maybe("verbs, separated by blanks, each perhaps with `:target`"),
    claim("deploy.order", Truth, &["app"],
        "Whether the plan does things in this order.").with("steps, separated by blanks"),
    claim("deploy.cleanup_safe", Truth, &["app"], "Whether `cleanup` removes only what no kept release needs."),
    claim("deploy.placeholder_refused", Truth, &["app"], "Whether a secret that is a placeholder stops the deploy."),
    claim("deploy.unsigned_refused", Truth, &["app"], "Whether a missing sign-off stops the deploy."),
    claim("deploy.scale_by_hand", Truth, &["service"],
        "Whether a count set by hand is reached within the bounds and held until the autoscaler decides.")
        .with("the count"),
    claim("fault.bad_release_undone", Time, &["app"],
        "Time from the start of a release that cannot work to the old one serving alone."),
    claim("fault.drain_clean", Truth, &["service"],
        "Whether SIGTERM under load loses nothing and ends with status 0 within the grace."),
    claim("fault.restart_time", Time, &["service"], "Time from SIGKILL of a replica to ready again."),
    claim("fault.failed_requests", Number, &["resource", "service"],
        "Failed requests that may be repeated, when it is killed under load."),
    claim("fault.failover_time", Time, &["resource"],
        "Time from SIGKILL of the primary to the first write on the one that took over."),
    claim("alert.fires", Truth, &["alert"],
        "Whether it fires on a made-up series just past its condition and stays silent just before."),
    claim("alert.time", Time, &["alert"], "Time from the real fault to the alert."),
    claim("alert.routes", Truth, &["alert"],
        "Whether it reaches each of these, and no other.").with("names of `notify`, separated by blanks"),
    claim("alert.escalates", Truth, &["alert"],
        "Whether nobody's answer calls the next one at these times.").with("times, separated by blanks"),
    claim("alert.delivered", Truth, &["notify"], "Whether a test alert arrives at a sink on loopback by each way."),
    claim("deploy.broken_sockets", Number, &["app"], "Connections that a change broke without a proper close."),
    claim("deploy.rollback_complete", Truth, &["app"],
        "Whether images, configuration and secret versions are all those of before."),
    claim("deploy.rollback_refused", Truth, &["app"],
        "Whether a rollback past the schema range is refused, with the reason."),
    claim("fault.gateway_back", Time, &["edge"], "Time from SIGKILL of the gateway to answers again."),
    claim("fault.database_back", Time, &["resource"], "Time from SIGKILL of the database to the app ready again."),
    claim("fault.lost_writes", Number, &["resource"], "Acknowledged writes that are gone after it."),
    claim("fault.disk_full", Truth, &["resource", "service"],
        "Whether a full disk is refused in words, and nothing is damaged."),
    claim("fault.provider_down", Truth, &["service"],
        "Whether the app answers from its fallback without a provider, and says so.").with("the need"),
];
