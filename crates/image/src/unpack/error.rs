//! Why an image was not unpacked.

use std::fmt;
use std::io;
use std::path::PathBuf;

use plimsoll_bundle::Digest;

use super::tar::TarError;
use crate::assemble::error::is_full;
use crate::oci::OciError;

/// Why an image was not unpacked. Nothing is left behind, and the next run starts afresh.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// The image's documents or the layout.
    #[error(transparent)]
    Oci(#[from] OciError),
    /// The configuration and the manifest tell different stories.
    #[error("the image {image} has {layers} layers, and its configuration names {diff_ids}")]
    LayerCount {
        /// The image's manifest.
        image: Digest,
        /// In the manifest.
        layers: usize,
        /// In the configuration.
        diff_ids: usize,
    },
    /// A layer of a kind that cannot be read.
    #[error(
        "{layer} is of type `{media_type}`, which cannot be unpacked (tar, tar+gzip and tar+zstd can)"
    )]
    MediaType {
        /// Which layer.
        layer: LayerName,
        /// What it says it is.
        media_type: String,
    },
    /// The kept bytes of a layer are not those that the manifest names.
    #[error("{layer} is damaged in the layout: pull or build the image again")]
    Damaged {
        /// Which layer.
        layer: LayerName,
        /// Expected and found.
        #[source]
        source: io::Error,
    },
    /// A layer's content is not what the configuration names.
    #[error(
        "{layer} unpacks to {found}, and the configuration names {expected}: the image is inconsistent"
    )]
    DiffId {
        /// Which layer.
        layer: LayerName,
        /// In the configuration.
        expected: Digest,
        /// Of the uncompressed bytes.
        found: Digest,
    },
    /// A layer that is no archive, or does not decompress.
    #[error("{layer} cannot be read")]
    Archive {
        /// Which layer.
        layer: LayerName,
        /// Where it breaks.
        #[source]
        source: TarError,
    },
    /// An entry that is refused.
    #[error("{layer} has an entry `{path}` that cannot be unpacked")]
    Entry {
        /// Which layer.
        layer: LayerName,
        /// The entry's path as it stands in the archive.
        path: String,
        /// Why not.
        #[source]
        source: EntryError,
    },
    /// The folder cannot take the mount points that every replica needs.
    #[error("the image cannot have its mount point `{0}`")]
    Stub(&'static str, #[source] EntryError),
    /// An OCI archive that cannot be read.
    #[error("`{}` cannot be read as an OCI archive: {why}", path.display())]
    NotAnArchive {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and what to do.
        why: String,
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

/// Why one entry was refused.
#[derive(Debug, thiserror::Error)]
pub enum EntryError {
    /// A name that no file can have.
    #[error("{0}")]
    BadName(&'static str),
    /// A component of the path is there and is no folder.
    #[error("a part of its path is a file, not a folder")]
    UnderFile,
    /// Symbolic links that lead to one another.
    #[error("its path leads through more than {0} symbolic links")]
    TooManyLinks(usize),
    /// A hard link to what is not there.
    #[error("it is a hard link to `{0}`, which is not in the image")]
    NoTarget(String),
    /// A hard link to a folder.
    #[error("it is a hard link to the folder `{0}`")]
    LinkToFolder(String),
    /// More than the limits allow.
    #[error("with it the image holds more than {limit} {unit}")]
    TooLarge {
        /// The bound.
        limit: u64,
        /// Of what.
        unit: &'static str,
    },
    /// Its content cannot be read from the archive.
    #[error("its content cannot be read")]
    Body(#[source] io::Error),
    /// The kernel cannot look up paths beneath a folder.
    #[error(
        "this kernel has no `openat2` (Linux 5.6 and newer have), without which an image cannot be unpacked safely"
    )]
    OldKernel,
    /// The file system refused.
    #[error("the file system refuses it")]
    Io(#[from] io::Error),
}

/// A layer, for people: its place from the bottom and its digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerName {
    /// From 1, the lowest.
    pub number: usize,
    /// How many there are.
    pub of: usize,
    /// Of the compressed bytes.
    pub digest: Digest,
}

impl fmt::Display for LayerName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "layer {} of {} ({})",
            self.number, self.of, self.digest
        )
    }
}

impl UnpackError {
    /// Whether the image is at fault; else the machine is (a full disk, an old kernel).
    pub fn is_images_fault(&self) -> bool {
        match self {
            Self::Oci(error) => error.is_users_fault(),
            Self::LayerCount { .. }
            | Self::MediaType { .. }
            | Self::Damaged { .. }
            | Self::DiffId { .. }
            | Self::Archive { .. }
            | Self::NotAnArchive { .. } => true,
            Self::Entry { source, .. } | Self::Stub(_, source) => source.is_images_fault(),
            Self::Write(_) | Self::Io { .. } => false,
        }
    }

    /// Whether the kept bytes are not those that were kept: made or pulled again they will do.
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Damaged { .. } => true,
            Self::Oci(error) => {
                matches!(error, OciError::Mismatch { .. } | OciError::NoBlob { .. })
            }
            Self::LayerCount { .. }
            | Self::MediaType { .. }
            | Self::DiffId { .. }
            | Self::Archive { .. }
            | Self::Entry { .. }
            | Self::Stub(..)
            | Self::NotAnArchive { .. }
            | Self::Write(_)
            | Self::Io { .. } => false,
        }
    }

    /// Whether the disk has no room for it.
    pub fn is_full(&self) -> bool {
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(self);
        while let Some(error) = cause {
            if error.downcast_ref::<io::Error>().is_some_and(is_full) {
                return true;
            }
            cause = error.source();
        }
        false
    }

    pub(super) fn io(
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

impl EntryError {
    /// Whether the image is at fault; else the machine is.
    pub fn is_images_fault(&self) -> bool {
        match self {
            Self::BadName(_)
            | Self::UnderFile
            | Self::TooManyLinks(_)
            | Self::NoTarget(_)
            | Self::LinkToFolder(_)
            | Self::TooLarge { .. }
            | Self::Body(_) => true,
            Self::OldKernel | Self::Io(_) => false,
        }
    }
}

impl From<rustix::io::Errno> for EntryError {
    fn from(errno: rustix::io::Errno) -> Self {
        match errno {
            rustix::io::Errno::NOSYS => Self::OldKernel,
            rustix::io::Errno::NAMETOOLONG => {
                Self::BadName("a part of its path is longer than 255 bytes")
            }
            rustix::io::Errno::NOTDIR => Self::UnderFile,
            errno => Self::Io(errno.into()),
        }
    }
}
