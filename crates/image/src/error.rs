//! Why there is no artefact.

use std::io;
use std::path::PathBuf;

/// Why there is no artefact. [`BuildError::is_users_fault`] tells whose fault it is.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The source folder is not there.
    #[error("the source folder `{}` is not there", .0.display())]
    NoSource(PathBuf),
    /// A build tool is not installed.
    #[error("`{program}` is not installed or not on PATH; {advice}")]
    NoTool {
        /// The program's name.
        program: String,
        /// What to do.
        advice: &'static str,
    },
    /// A build tool ran and failed.
    #[error("`{command}` failed in `{}` ({status})", dir.display())]
    ToolFailed {
        /// Program and arguments.
        command: String,
        /// Where it ran.
        dir: PathBuf,
        /// How it ended.
        status: String,
        /// Its last lines of output.
        tail: Vec<String>,
    },
    /// Whoever wanted the build has said stop.
    #[error("the build was stopped")]
    Stopped,
    /// The build ran and left nothing where the app's file says.
    #[error("the build of `{}` left nothing at `{}`", dir.display(), out.display())]
    NoOutput {
        /// The source folder.
        dir: PathBuf,
        /// What was expected.
        out: PathBuf,
    },
    /// The output holds what an artefact cannot.
    #[error("`{}` is {what}, which an artefact cannot hold", path.display())]
    Unsupported {
        /// The entry.
        path: PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// The output is larger than an artefact may be.
    #[error("the output holds more than {limit} {unit}")]
    TooLarge {
        /// The bound.
        limit: u64,
        /// Of what.
        unit: &'static str,
    },
    /// This machine cannot compile for the one that is wanted.
    #[error("cannot compile for {arch}: {advice}")]
    NoTarget {
        /// The machine.
        arch: String,
        /// What to install.
        advice: &'static str,
    },
    /// What Cargo or npm say about packages cannot be understood.
    #[error("the list of packages in `{}` cannot be understood", dir.display())]
    Metadata {
        /// Where it was asked for.
        dir: PathBuf,
        /// Why not.
        #[source]
        source: serde_json::Error,
    },
    /// A kept artefact differs from its digest.
    #[error("the kept artefact {digest} is damaged at `{}`; remove its folder and build again", path.display())]
    Damaged {
        /// The artefact.
        digest: plimsoll_bundle::Digest,
        /// The first entry that differs.
        path: PathBuf,
    },
    /// A durable write failed.
    #[error(transparent)]
    Write(#[from] plimsoll_stdx::fs::FsError),
    /// The file system refused.
    #[error("cannot {action} `{}`", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

impl BuildError {
    /// Whether the user can mend it (source, tools); else the machine or Plimsoll is at fault.
    pub fn is_users_fault(&self) -> bool {
        match self {
            Self::NoSource(_)
            | Self::NoTool { .. }
            | Self::ToolFailed { .. }
            | Self::Stopped
            | Self::NoOutput { .. }
            | Self::Unsupported { .. }
            | Self::NoTarget { .. }
            | Self::Metadata { .. }
            | Self::TooLarge { .. } => true,
            Self::Damaged { .. } | Self::Write(_) | Self::Io { .. } => false,
        }
    }

    pub(crate) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }
}
