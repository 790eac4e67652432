//! What travels over the control socket.

use plimsoll_bundle::Digest;
use plimsoll_bundle::endpoints::Cohort;
use plimsoll_deploy::judge::Sample;
use plimsoll_deploy::{Observed, ReleaseId, Swap};
use plimsoll_supervisor::record::ExitRecord;
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
    /// The caller's lease; only checked for what changes something.
    #[serde(default)]
    pub(crate) token: u64,
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
    /// [`Samples`], for the judge.
    Samples,
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
    /// [`plimsoll_deploy::Step::Rehearse`].
    Rehearse {
        /// Whose program.
        release: ReleaseId,
        /// The service.
        service: String,
    },
    /// Nothing is left of a copy that a migration was tried on.
    ForgetRehearsal {
        /// Whose program.
        release: ReleaseId,
        /// The service.
        service: String,
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
        /// Their part in the change.
        cohort: Cohort,
        /// Replicas.
        to: u32,
    },
    /// [`plimsoll_deploy::Step::Shift`].
    Shift {
        /// The release of the canaries.
        release: ReleaseId,
        /// Its share in permille.
        share: u32,
        /// The table that goes with it.
        table: Option<Swap>,
    },
    /// [`plimsoll_deploy::Step::Promote`].
    Promote {
        /// The release.
        release: ReleaseId,
        /// The services.
        services: Vec<String>,
        /// The cohort before.
        from: Cohort,
        /// The cohort after.
        to: Cohort,
    },
    /// [`plimsoll_deploy::Step::Cool`].
    Cool,
    /// [`plimsoll_deploy::Step::Route`].
    Route {
        /// Whose table; `None` routes nothing.
        release: Option<ReleaseId>,
    },
    /// [`plimsoll_deploy::Step::Commit`].
    Commit {
        /// The release in force.
        release: Option<ReleaseId>,
        /// How long replicas that were left without requests are kept, in milliseconds.
        warm_ms: u64,
    },
    /// Changes nothing: what was asked before under an older lease is over when this is answered, and nothing more of
    /// it is carried out.
    Fence,
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
            Self::Status | Self::Observe | Self::Samples | Self::Follow | Self::Logs { .. } => {
                false
            }
            Self::Resource { .. }
            | Self::Listen { .. }
            | Self::Rehearse { .. }
            | Self::ForgetRehearsal { .. }
            | Self::Job { .. }
            | Self::Scale { .. }
            | Self::Shift { .. }
            | Self::Promote { .. }
            | Self::Cool
            | Self::Route { .. }
            | Self::Commit { .. }
            | Self::Fence
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
    /// To [`Verb::Samples`].
    Samples {
        /// All of it.
        samples: Box<Samples>,
    },
}

/// What there is to judge.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Samples {
    /// What every replica has counted, of services that have canaries.
    pub(crate) samples: Vec<Sample>,
    /// How the canaries live.
    pub(crate) canaries: Vec<CanaryLife>,
}

/// How one canary replica lives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CanaryLife {
    /// Its id.
    pub(crate) id: String,
    /// The service.
    pub(crate) service: String,
    /// Whether something runs.
    pub(crate) runs: bool,
    /// Starts after the first.
    pub(crate) restarts: u64,
    /// When what runs was started, in milliseconds since the Unix epoch.
    pub(crate) since_ms: Option<u64>,
    /// How it ended the last time.
    pub(crate) exit: Option<ExitRecord>,
    /// What it wrote last, when it ended.
    pub(crate) words: Option<String>,
}
