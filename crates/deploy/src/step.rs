//! The verbs that change a target, each with its way back.
//!
//! Each step says where it ends, not how far it goes: applied twice it does what it does once. That is what lets a
//! run that was killed in the middle of a step do that step again.

use plimsoll_bundle::Digest;
use plimsoll_bundle::endpoints::Cohort;
use serde::{Deserialize, Serialize};

use crate::ReleaseId;
use crate::strategy::WHOLE;

/// One change of a target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "kebab-case")]
pub enum Step {
    /// A resource runs by the document of `to` and answers; `None` stops it. Its data stays either way.
    Resource {
        /// The resource.
        name: String,
        /// The release whose document it runs by before.
        from: Option<ReleaseId>,
        /// The release whose document it runs by after.
        to: Option<ReleaseId>,
    },
    /// The edge listens where `to` says; `None` closes it.
    Listen {
        /// The release before.
        from: Option<ReleaseId>,
        /// The release after.
        to: Option<ReleaseId>,
    },
    /// The migration of a service ran on a copy of the schema, and nothing is left of the copy. Touches nothing else.
    /// Without a way back; what is left of a copy after a crash is dropped when this is taken back.
    Rehearse {
        /// The release.
        release: ReleaseId,
        /// The service.
        service: String,
    },
    /// The migration of a service ran to its end, once per release. Without a way back: the schema stays as it is, and
    /// whether an older release runs on it is what schema ranges decide.
    Migrate {
        /// The release.
        release: ReleaseId,
        /// The service.
        service: String,
    },
    /// The seed data of a service is there. Without a way back: data is never deleted by an undo.
    Seed {
        /// The release.
        release: ReleaseId,
        /// The service.
        service: String,
    },
    /// A revision of a service has `to` replicas in a cohort: when it rises all of them are ready, when it falls the
    /// others were drained and are gone.
    Scale {
        /// The service.
        service: String,
        /// The revision.
        revision: Digest,
        /// The release that brought the revision.
        release: ReleaseId,
        /// Their part in the change.
        #[serde(default, skip_serializing_if = "Cohort::is_stable")]
        cohort: Cohort,
        /// Replicas before.
        from: u32,
        /// Replicas after.
        to: u32,
    },
    /// The edge routes by the table of `to`; `None` routes nothing.
    Route {
        /// The release before.
        from: Option<ReleaseId>,
        /// The release after.
        to: Option<ReleaseId>,
    },
    /// The canary replicas of all services get `to` of the new requests, in one move. With `table`, the edge routes by
    /// another table from that move on, so that what is served is of one release.
    Shift {
        /// The release of the canaries.
        to_release: ReleaseId,
        /// Its share before, in permille.
        from: u32,
        /// Its share after, in permille.
        to: u32,
        /// The table that goes with it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        table: Option<Swap>,
    },
    /// The canary replicas were watched for a while, and are not worse than those beside them. Changes nothing, so
    /// there is nothing to take back; fails with the numbers.
    Judge {
        /// The release of the canaries.
        release: ReleaseId,
        /// For how long at least, in milliseconds.
        hold_ms: u64,
        /// Their share of the requests meanwhile, in permille.
        share: u32,
    },
    /// The replicas of `release` in these services go from one cohort to another. To the stable one ends a shift that
    /// has moved everything; away from it is its way back.
    Promote {
        /// The release.
        release: ReleaseId,
        /// The services in which its replicas are in `from`.
        services: Vec<String>,
        /// The cohort before.
        from: Cohort,
        /// The cohort after.
        to: Cohort,
    },
    /// What an earlier change kept ready beside `release` is ended, and its replicas are the stable ones. Without a way
    /// back and without need of one: nothing that is ended had any requests.
    Cool {
        /// The release that has all requests.
        release: ReleaseId,
    },
    /// `to` is the release in force. The last step: before it the way back is open, after it the change is done.
    Commit {
        /// The release before.
        from: Option<ReleaseId>,
        /// The release after.
        to: Option<ReleaseId>,
        /// How long replicas that were left without requests are kept ready, in milliseconds; somebody ends them then.
        #[serde(default, skip_serializing_if = "is_nothing")]
        warm_ms: u64,
    },
}

/// One table in the place of another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Swap {
    /// The release whose table is in force before.
    pub from: Option<ReleaseId>,
    /// The release whose table is in force after.
    pub to: Option<ReleaseId>,
}

impl Step {
    /// The step that takes this one back, or nothing where there is no way back and none is needed.
    pub fn inverse(&self) -> Option<Self> {
        let mut step = self.clone();
        match &mut step {
            Self::Resource { from, to, .. }
            | Self::Listen { from, to }
            | Self::Route { from, to } => std::mem::swap(from, to),
            Self::Commit { from, to, warm_ms } => {
                std::mem::swap(from, to);
                *warm_ms = 0;
            }
            Self::Scale { from, to, .. } => std::mem::swap(from, to),
            Self::Promote { from, to, .. } => std::mem::swap(from, to),
            Self::Shift {
                from, to, table, ..
            } => {
                std::mem::swap(from, to);
                if let Some(table) = table {
                    std::mem::swap(&mut table.from, &mut table.to);
                }
            }
            Self::Rehearse { .. }
            | Self::Migrate { .. }
            | Self::Seed { .. }
            | Self::Judge { .. }
            | Self::Cool { .. } => return None,
        }
        Some(step)
    }

    /// Whether it changes nothing that was asked before, and only waits until it is so: after a crash.
    pub fn is_wait(&self) -> bool {
        match self {
            Self::Resource { from, to, .. }
            | Self::Listen { from, to }
            | Self::Route { from, to }
            | Self::Commit { from, to, .. } => from == to,
            Self::Scale { from, to, .. } => from == to,
            Self::Rehearse { .. }
            | Self::Migrate { .. }
            | Self::Seed { .. }
            | Self::Shift { .. }
            | Self::Judge { .. }
            | Self::Promote { .. }
            | Self::Cool { .. } => false,
        }
    }

    /// Whether requests go elsewhere by it, or what serves them is no longer what it was. A share that falls to nothing
    /// goes back to where all others are.
    pub fn moves_requests(&self) -> bool {
        match self {
            Self::Resource { to, .. } | Self::Listen { to, .. } => to.is_none(),
            Self::Rehearse { .. }
            | Self::Migrate { .. }
            | Self::Seed { .. }
            | Self::Judge { .. }
            | Self::Cool { .. } => false,
            Self::Scale {
                cohort, from, to, ..
            } => cohort.is_stable() && from != to,
            Self::Shift {
                from, to, table, ..
            } => *to > 0 || *from == WHOLE || table.is_some(),
            Self::Route { .. } | Self::Promote { .. } | Self::Commit { .. } => true,
        }
    }

    /// One line for people, without a full stop.
    pub fn describe(&self) -> String {
        match self {
            Self::Resource {
                name, to: Some(_), ..
            } => format!("have {name} ready"),
            Self::Resource { name, to: None, .. } => format!("stop {name}"),
            Self::Listen { to: Some(_), .. } => "open the edge".into(),
            Self::Listen { to: None, .. } => "close the edge".into(),
            Self::Rehearse { service, .. } => {
                format!("try the migration of {service} on a copy of the schema")
            }
            Self::Migrate { service, .. } => format!("migrate the schema of {service}"),
            Self::Seed { service, .. } => format!("fill {service} with development data"),
            Self::Scale {
                service,
                release,
                cohort,
                from,
                to,
                ..
            } => {
                let kind = match cohort {
                    Cohort::Stable => "",
                    Cohort::Fresh => "fresh ",
                    Cohort::Canary => "canary ",
                };
                let replicas = if *to == 1 { "replica" } else { "replicas" };
                format!("{service} of {release}: {from} to {to} {kind}{replicas}")
            }
            Self::Route { to: Some(to), .. } => format!("route by {to}"),
            Self::Route { to: None, .. } => "route nothing".into(),
            Self::Shift { to_release, to, .. } => match *to {
                0 => format!("send no new requests to {to_release}"),
                WHOLE => format!("send all new requests to {to_release}"),
                share => format!("send {} of new requests to {to_release}", percent(share)),
            },
            Self::Judge {
                release,
                hold_ms,
                share,
            } => {
                let seconds = hold_ms.div_ceil(1000);
                format!("judge {release} at {} for {seconds} s", percent(*share))
            }
            Self::Promote {
                release,
                to: Cohort::Stable,
                ..
            } => format!("{release} is the stable release"),
            Self::Promote { release, to, .. } => format!("{release} is in cohort {to:?} again"),
            Self::Cool { release } => format!("end what was kept ready beside {release}"),
            Self::Commit { to: Some(to), .. } => format!("{to} is in force"),
            Self::Commit { to: None, .. } => "nothing is in force".into(),
        }
    }
}

/// A share in words: `5%`, `0.5%`.
pub(crate) fn percent(share: u32) -> String {
    match (share / 10, share % 10) {
        (whole, 0) => format!("{whole}%"),
        (whole, tenths) => format!("{whole}.{tenths}%"),
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature that serde asks for"
)]
fn is_nothing(value: &u64) -> bool {
    *value == 0
}
