//! What travels over the control socket.

use plimsoll_bundle::Digest;
use plimsoll_deploy::{Observed, ReleaseId};
use serde::{Deserialize, Serialize};

use crate::error::Refusal;
use crate::event::Event;
use crate::logs::LogFilter;
use crate::status::Status;

/// The protocol that this tool speaks.
pub(crate) const PROTO: u32 = 1;

/// The caller's first message.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Hello {
    /// The oldest and the newest protocol that the caller speaks.
    pub(crate) proto: [u32; 2],
    /// The caller's version.
    pub(crate) tool: String,
}

/// The daemon's answer to a hello.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Welcome {
    /// The protocol from here on.
    pub(crate) proto: u32,
    /// The daemon's version.
    pub(crate) tool: String,
    /// The instance, so that a caller knows that it reached its own.
    pub(crate) instance: String,
    /// Rises with every daemon; fences off callers of an earlier one.
    pub(crate) epoch: u64,
    /// The daemon's process.
    pub(crate) pid: u32,
    /// Processes of an earlier daemon that it found running and kept.
    pub(crate) adopted: u32,
}

/// A question.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Request {
    /// The epoch of the hello; only checked for what changes something.
    pub(crate) epoch: u64,
    /// What is asked.
    #[serde(flatten)]
    pub(crate) verb: Verb,
}

/// What can be asked. Each verb that changes something says where it ends, so that it may be asked again.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "kebab-case")]
pub(crate) enum Verb {
    /// [`Status`].
    Status,
    /// [`Observed`], for the planner.
    Observe,
    /// Events until the caller hangs up.
    Follow,
    /// Lines of output.
    Logs {
        /// Which.
        filter: LogFilter,
        /// Whether to go on with what comes.
        follow: bool,
    },
    /// [`plimsoll_deploy::Step::Resource`].
    Resource {
        /// Its name.
        name: String,
        /// Whose document; `None` stops it.
        release: Option<ReleaseId>,
    },
    /// [`plimsoll_deploy::Step::Listen`].
    Listen {
        /// Whose listeners; `None` closes them.
        release: Option<ReleaseId>,
    },
    /// A migration or a seed, to its end.
    Job {
        /// Whose program.
        release: ReleaseId,
        /// The service.
        service: String,
        /// Which.
        job: JobKind,
    },
    /// [`plimsoll_deploy::Step::Scale`].
    Scale {
        /// The service.
        service: String,
        /// The revision.
        revision: Digest,
        /// The release that brought it.
        release: ReleaseId,
        /// Replicas.
        to: u32,
    },
    /// [`plimsoll_deploy::Step::Route`].
    Route {
        /// Whose table; `None` routes nothing.
        release: Option<ReleaseId>,
    },
    /// [`plimsoll_deploy::Step::Commit`].
    Commit {
        /// The release in force.
        release: Option<ReleaseId>,
    },
    /// Ends everything in order, then the daemon.
    Shutdown,
    /// Ends the daemon alone, when no change is under way: what it runs goes on and is adopted by the next one.
    HandOver,
}

/// Which program that runs to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum JobKind {
    /// Brings the schema up to date.
    Migrate,
    /// Writes development data.
    Seed,
}

impl Verb {
    /// Whether it changes something: then the epoch has to fit.
    pub(crate) fn is_mutation(&self) -> bool {
        match self {
            Self::Status | Self::Observe | Self::Follow | Self::Logs { .. } => false,
            Self::Resource { .. }
            | Self::Listen { .. }
            | Self::Job { .. }
            | Self::Scale { .. }
            | Self::Route { .. }
            | Self::Commit { .. }
            | Self::Shutdown
            | Self::HandOver => true,
        }
    }
}

/// One message of the daemon.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "lowercase")]
pub(crate) enum Reply {
    /// Something happened meanwhile.
    Event {
        /// What.
        event: Event,
    },
    /// The end: it is as was asked.
    Done {
        /// The answer.
        answer: Answer,
    },
    /// The end: it is not.
    Refused {
        /// Why.
        refusal: Refusal,
    },
}

/// An answer.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "lowercase")]
pub(crate) enum Answer {
    /// Nothing to say.
    Nothing,
    /// To [`Verb::Status`].
    Status {
        /// All of it.
        status: Box<Status>,
    },
    /// To [`Verb::Observe`].
    Observed {
        /// All of it.
        observed: Box<Observed>,
    },
}
