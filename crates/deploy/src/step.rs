//! The verbs that change a target, each with its way back.
//!
//! Each step says where it ends, not how far it goes: applied twice it does what it does once. That is what lets a
//! run that was killed in the middle of a step do that step again.

use plimsoll_bundle::Digest;
use serde::{Deserialize, Serialize};

use crate::ReleaseId;

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
    /// A revision of a service has `to` replicas: when it rises all of them are ready, when it falls the others were
    /// drained and are gone.
    Scale {
        /// The service.
        service: String,
        /// The revision.
        revision: Digest,
        /// The release that brought the revision.
        release: ReleaseId,
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
    /// `to` is the release in force. The last step: before it the way back is open, after it the change is done.
    Commit {
        /// The release before.
        from: Option<ReleaseId>,
        /// The release after.
        to: Option<ReleaseId>,
    },
}

impl Step {
    /// The step that takes this one back, or nothing where there is no way back and none is needed.
    pub fn inverse(&self) -> Option<Self> {
        let step = self.clone();
        match step {
            Self::Resource { name, from, to } => Some(Self::Resource {
                name,
                from: to,
                to: from,
            }),
            Self::Listen { from, to } => Some(Self::Listen { from: to, to: from }),
            Self::Migrate { .. } | Self::Seed { .. } => None,
            Self::Scale {
                service,
                revision,
                release,
                from,
                to,
            } => Some(Self::Scale {
                service,
                revision,
                release,
                from: to,
                to: from,
            }),
            Self::Route { from, to } => Some(Self::Route { from: to, to: from }),
            Self::Commit { from, to } => Some(Self::Commit { from: to, to: from }),
        }
    }

    /// Whether it changes nothing that was asked before, and only waits until it is so: after a crash.
    pub fn is_wait(&self) -> bool {
        match self {
            Self::Resource { from, to, .. }
            | Self::Listen { from, to }
            | Self::Route { from, to }
            | Self::Commit { from, to } => from == to,
            Self::Scale { from, to, .. } => from == to,
            Self::Migrate { .. } | Self::Seed { .. } => false,
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
            Self::Migrate { service, .. } => format!("migrate the schema of {service}"),
            Self::Seed { service, .. } => format!("fill {service} with development data"),
            Self::Scale {
                service,
                release,
                from,
                to,
                ..
            } => {
                format!("{service} of {release}: {from} to {to} {}", replicas(*to))
            }
            Self::Route { to: Some(to), .. } => format!("route by {to}"),
            Self::Route { to: None, .. } => "route nothing".into(),
            Self::Commit { to: Some(to), .. } => format!("{to} is in force"),
            Self::Commit { to: None, .. } => "nothing is in force".into(),
        }
    }
}

fn replicas(count: u32) -> &'static str {
    if count == 1 { "replica" } else { "replicas" }
}
