//! What is wrong with an image, a layout or the disk under it.

use std::io;
use std::path::PathBuf;

use plimsoll_bundle::Digest;

/// What is wrong with an image, a layout or the disk under it.
#[derive(Debug, thiserror::Error)]
pub enum OciError {
    /// The file system refused: full, read-only, not allowed.
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
    /// A durable write failed.
    #[error(transparent)]
    Write(#[from] plimsoll_stdx::fs::FsError),
    /// The folder is no image layout.
    #[error("`{}` is no OCI image layout: {why}", path.display())]
    NotALayout {
        /// The folder.
        path: PathBuf,
        /// What is missing or wrong.
        why: String,
    },
    /// A document that cannot be understood.
    #[error("{what} at {place} cannot be understood")]
    Malformed {
        /// What it should be.
        what: &'static str,
        /// Where it came from.
        place: String,
        /// Why not.
        #[source]
        source: serde_json::Error,
    },
    /// A document of another kind than the one wanted.
    #[error("expected {expected} at {place}, found {found}")]
    WrongKind {
        /// What was wanted.
        expected: &'static str,
        /// What is there.
        found: String,
        /// Where it came from.
        place: String,
    },
    /// More bytes than we read.
    #[error("{what} has {size} bytes, and the limit is {limit}")]
    TooLarge {
        /// Of what.
        what: String,
        /// Its bytes.
        size: u64,
        /// The bound.
        limit: u64,
    },
    /// More entries than we read.
    #[error("more than {limit} {what} at {place}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// Where.
        place: String,
        /// The bound.
        limit: usize,
    },
    /// A blob that is named and not there.
    #[error("the blob {digest} is not in the layout `{}`", layout.display())]
    NoBlob {
        /// Which blob.
        digest: Digest,
        /// Which layout.
        layout: PathBuf,
    },
    /// Bytes that are not those that their name says.
    #[error("{what} should be {expected} and is {found}: it is damaged, or not what was asked for")]
    Mismatch {
        /// What was read or received.
        what: String,
        /// Its digest or size by name.
        expected: String,
        /// What it really is.
        found: String,
    },
    /// No image has this name.
    #[error("the layout `{}` has no image `{name}`", layout.display())]
    UnknownName {
        /// What was asked for.
        name: String,
        /// Which layout.
        layout: PathBuf,
        /// What it has.
        known: Vec<String>,
    },
    /// A name that no tool would find again.
    #[error(
        "`{0}` is no image name: letters, digits and `-._:@/+`, beginning and ending with a letter or digit"
    )]
    BadName(String),
    /// The index has no image for the machine.
    #[error("the image is not made for {wanted}; it has: {}", offered.join(", "))]
    NoPlatform {
        /// The machine.
        wanted: String,
        /// What the index offers.
        offered: Vec<String>,
    },
    /// Another process has been changing the layout for longer than any change takes.
    #[error("the layout `{}` is being changed by another process; try again when it has ended", .0.display())]
    Busy(PathBuf),
}

impl OciError {
    /// Whether the image or the user's words are at fault; else the machine is (its disk, another process).
    pub fn is_users_fault(&self) -> bool {
        match self {
            Self::NotALayout { .. }
            | Self::Malformed { .. }
            | Self::WrongKind { .. }
            | Self::TooLarge { .. }
            | Self::TooMany { .. }
            | Self::NoBlob { .. }
            | Self::Mismatch { .. }
            | Self::UnknownName { .. }
            | Self::BadName(_)
            | Self::NoPlatform { .. } => true,
            Self::Io { .. } | Self::Write(_) | Self::Busy(_) => false,
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
