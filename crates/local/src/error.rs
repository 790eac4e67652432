//! What can go wrong on this machine, whose fault it is, and what to do about it.

use std::path::{Path, PathBuf};

use plimsoll_bundle::canonical::CanonicalError;
use plimsoll_bundle::local::HeaderError;
use plimsoll_deploy::schema::SchemaGap;
use plimsoll_deploy::{ExecuteError, Fault, PlanError, StepError};
use plimsoll_gateway::authority::AuthorityError;
use plimsoll_gateway::control::ControlError;
use plimsoll_image::oci::OciError;
use plimsoll_image::unpack::UnpackError;
use plimsoll_stdx::fs::FsError;
use plimsoll_stdx::lock::LockError;
use plimsoll_stdx::net::frame::FrameError;
use plimsoll_store::StateError;
use plimsoll_supervisor::SuperviseError;
use plimsoll_supervisor::runtimes::RuntimeError;

use crate::secrets::SecretError;

/// Why the local target could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// A file or directory.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// A state file.
    #[error(transparent)]
    State(#[from] StateError),
    /// A document of another kind or version.
    #[error("{} cannot be used", path.display())]
    Document {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: HeaderError,
    },
    /// A document that does not fit its own digest.
    #[error("{} was changed after it was written", path.display())]
    Edited {
        /// The file.
        path: PathBuf,
    },
    /// The state directory is of a newer tool.
    #[error("{} has layout {found}, and this tool knows up to {newest}", path.display())]
    Layout {
        /// The state directory.
        path: PathBuf,
        /// Its layout.
        found: String,
        /// What this tool knows.
        newest: u32,
    },
    /// Somebody else changes the same environment.
    #[error("another plimsoll is changing this environment")]
    Busy(#[source] LockError),
    /// A lock file cannot be used.
    #[error("the environment cannot be locked")]
    Lock(#[source] LockError),
    /// Secrets.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// A value without canonical encoding.
    #[error("the release cannot be named")]
    Canonical(#[from] CanonicalError),
    /// There is no plan.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A change has no known end.
    #[error("the change has no known end")]
    Execute(#[from] ExecuteError),
    /// A step failed.
    #[error(transparent)]
    Step(#[from] StepError),
    /// The supervisor could not be started.
    #[error("the supervisor did not start")]
    Start {
        /// What it wrote before it ended.
        log: String,
    },
    /// The supervisor went away.
    #[error("the connection to the supervisor was lost")]
    Lost(#[source] FrameError),
    /// The supervisor's socket cannot be reached.
    #[error("the supervisor does not answer")]
    Connect(#[source] std::io::Error),
    /// It answered something else than what was asked, or is of another version.
    #[error("the supervisor speaks another protocol than this tool ({0})")]
    Protocol(String),
    /// The supervisor refused.
    #[error("{}", .0.message)]
    Refused(Refusal),
    /// The supervisor's loop.
    #[error(transparent)]
    Supervise(#[from] SuperviseError),
    /// The gateway's control socket.
    #[error(transparent)]
    Gateway(#[from] ControlError),
    /// Certificates of this machine.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// An image cannot be unpacked, or what it was unpacked to cannot be removed.
    #[error("the image of {service} cannot be used")]
    Image {
        /// The service.
        service: String,
        /// Why not.
        #[source]
        source: UnpackError,
    },
    /// Unpacked images cannot be looked through.
    #[error("the unpacked images cannot be looked through")]
    Images(#[source] UnpackError),
    /// Kept images cannot be looked through.
    #[error("the images cannot be looked through")]
    Layouts(#[source] OciError),
    /// A migration took away what an earlier release needs.
    #[error("{release} cannot come back: the schema of {service} has moved on")]
    Schema {
        /// The release.
        release: String,
        /// Whose schema.
        service: String,
        /// The newest kept release that still runs on it, if there is one.
        instead: Option<String>,
        /// How far it has moved.
        #[source]
        source: Box<SchemaGap>,
    },
    /// What a service runs is not in its image.
    #[error("the image of {service} has no program `{program}`")]
    NoProgram {
        /// The service.
        service: String,
        /// What it runs.
        program: String,
    },
    /// A service that is given as an image, where nothing can be contained.
    #[error("{service} is given as an image, and {why}")]
    Uncontained {
        /// The service.
        service: String,
        /// Why it cannot be contained.
        why: &'static str,
    },
    /// A service, resource or release that is not there.
    #[error("there is no {what} `{name}`")]
    Unknown {
        /// What was looked for.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// The OCI runtime that was chosen.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// What runs is contained by another than the one that was chosen.
    #[error("what runs here is contained by {}, and something else was chosen", container(running.as_deref()))]
    OtherRuntime {
        /// By this runtime; by us, where there is none.
        running: Option<PathBuf>,
    },
    /// The caller asked to stop.
    #[error("interrupted")]
    Interrupted,
}

/// A failure as it travels over the control socket.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Refusal {
    /// What happened, with its causes, as a phrase.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// Whose fault it is.
    pub fault: Fault,
}

impl LocalError {
    /// Whose fault it is; decides the exit code.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Refused(refusal) => refusal.fault,
            Self::Step(step) => step.fault,
            Self::Plan(_) | Self::NoProgram { .. } | Self::Schema { .. } => Fault::App,
            Self::Image { source, .. } | Self::Images(source) => {
                if source.is_images_fault() {
                    Fault::App
                } else {
                    Fault::Ours
                }
            }
            Self::Layouts(source) if source.is_users_fault() => Fault::App,
            Self::Layout { .. }
            | Self::Busy(_)
            | Self::Unknown { .. }
            | Self::Uncontained { .. }
            | Self::Runtime(_)
            | Self::OtherRuntime { .. }
            | Self::Interrupted => Fault::Usage,
            Self::Secret(error) => match error {
                SecretError::Name(_)
                | SecretError::Missing { .. }
                | SecretError::Length { .. }
                | SecretError::KeyOpen { .. } => Fault::Usage,
                SecretError::Tampered { .. }
                | SecretError::Unreadable { .. }
                | SecretError::Header { .. }
                | SecretError::KeyUnreadable { .. }
                | SecretError::Fs(_) => Fault::Ours,
            },
            Self::Execute(ExecuteError::Undo { source, .. }) => source.fault,
            Self::Fs(_)
            | Self::State(_)
            | Self::Document { .. }
            | Self::Edited { .. }
            | Self::Lock(_)
            | Self::Canonical(_)
            | Self::Execute(_)
            | Self::Start { .. }
            | Self::Lost(_)
            | Self::Connect(_)
            | Self::Supervise(_)
            | Self::Gateway(_)
            | Self::Layouts(_)
            | Self::Protocol(_) => Fault::Ours,
            Self::Authority(error) => match error {
                AuthorityError::NotLocal(_) | AuthorityError::NoName => Fault::App,
                AuthorityError::Files(_)
                | AuthorityError::Damaged { .. }
                | AuthorityError::Make(_) => Fault::Ours,
            },
        }
    }

    /// What the user can do about it, where there is something.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Refused(refusal) => refusal.hint.clone(),
            Self::Step(step) => step.hint.clone(),
            Self::Execute(ExecuteError::Undo { source, .. }) => source.hint.clone(),
            Self::Busy(_) => Some("wait for it, or end it".into()),
            Self::Layout { .. } => Some("use the plimsoll that wrote it, or a later one".into()),
            Self::Secret(SecretError::Missing { name }) => {
                Some(format!("say it: plimsoll secret set {name} < file"))
            }
            Self::Secret(SecretError::KeyOpen { path, .. }) => Some(format!(
                "chmod 600 {}, and rotate the secrets if others may have read it",
                path.display()
            )),
            Self::Image { source, .. } => hint_of_image(source),
            Self::Schema { instead, .. } => Some(match instead {
                Some(release) => format!(
                    "{release} still runs on it: plimsoll rollback {release}; otherwise the way is forward, by a new release"
                ),
                None => "the way is forward: a new release that knows this schema, or a backup from before".to_owned(),
            }),
            Self::NoProgram { .. } => Some(
                "name a program of the image in `run`: a full path, or a name that its PATH leads to".into(),
            ),
            Self::Uncontained { .. } => Some(
                "run as root on a kernel with namespaces (`plimsoll doctor` says what is missing), or build the service from source".into(),
            ),
            Self::Runtime(_) => Some("PLIMSOLL_RUNTIME chooses it; without, Plimsoll contains replicas itself".into()),
            Self::OtherRuntime { .. } => {
                Some("set PLIMSOLL_RUNTIME as it was, or run `plimsoll down` first".into())
            }
            Self::Start { log } if !log.is_empty() => Some(format!("its last words: {log}")),
            Self::Protocol(_) => {
                Some("run `plimsoll down` with the version that started it, then `up` again".into())
            }
            Self::Fs(_)
            | Self::State(_)
            | Self::Document { .. }
            | Self::Edited { .. }
            | Self::Lock(_)
            | Self::Secret(_)
            | Self::Canonical(_)
            | Self::Plan(_)
            | Self::Execute(_)
            | Self::Start { .. }
            | Self::Lost(_)
            | Self::Connect(_)
            | Self::Supervise(_)
            | Self::Gateway(_)
            | Self::Authority(_)
            | Self::Images(_)
            | Self::Layouts(_)
            | Self::Unknown { .. }
            | Self::Interrupted => None,
        }
    }
}

fn container(runtime: Option<&Path>) -> String {
    runtime.map_or_else(
        || "Plimsoll itself".to_owned(),
        |path| path.display().to_string(),
    )
}

fn hint_of_image(error: &UnpackError) -> Option<String> {
    if error.is_full() {
        return Some(
            "free some space and run the command again: nothing half-written stays".into(),
        );
    }
    error
        .is_damage()
        .then(|| "run the command again: what is damaged is made anew".into())
}

/// A message with all its causes, each behind a colon.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.ends_with(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        cause = error.source();
    }
    text
}

impl From<&LocalError> for Refusal {
    fn from(error: &LocalError) -> Self {
        Self {
            message: chain(error),
            hint: error.hint(),
            fault: error.fault(),
        }
    }
}

impl From<LocalError> for StepError {
    fn from(error: LocalError) -> Self {
        Self {
            message: chain(&error),
            hint: error.hint(),
            fault: error.fault(),
        }
    }
}
