//! Why there is no image.

use std::io;
use std::path::PathBuf;

use plimsoll_bundle::Digest;

use crate::oci::OciError;

/// Why there is no image. [`ImageError::is_users_fault`] tells whose fault it is, [`ImageError::advice`] what to do.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// A layout or a document of an image.
    #[error(transparent)]
    Oci(#[from] OciError),
    /// A file that shall go into the image cannot be read.
    #[error("cannot read `{}` for the image", path.display())]
    Source {
        /// Which file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The layout's disk did not take a layer.
    #[error("cannot write a layer into `{}`", layout.display())]
    Disk {
        /// Which layout.
        layout: PathBuf,
        /// Why not: full, for example.
        #[source]
        source: io::Error,
    },
    /// A layer that cannot be unpacked.
    #[error("the layer {digest} cannot be read")]
    Layer {
        /// Which layer.
        digest: Digest,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A path that an image cannot hold.
    #[error("the path `{path}` {why}, and an image cannot hold it")]
    BadPath {
        /// Which path.
        path: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The program to run is not in the image.
    #[error("the image runs `{program}`, and {why}")]
    NoProgram {
        /// What is run.
        program: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Base image and app are for different machines.
    #[error("the base image `{base}` is for {found}, and the app for {wanted}")]
    OtherPlatform {
        /// The base.
        base: String,
        /// What it is for.
        found: String,
        /// What the app is for.
        wanted: String,
    },
    /// A base image whose configuration does not fit its layers.
    #[error("the base image `{base}` is inconsistent: {why}")]
    BadBase {
        /// The base.
        base: String,
        /// What does not fit.
        why: String,
    },
    /// More layers than machines can mount.
    #[error("the image would have {count} layers, and {limit} can be mounted on one another")]
    TooManyLayers {
        /// How many.
        count: usize,
        /// The bound.
        limit: usize,
    },
    /// An image is not built from a Dockerfile.
    #[error("service `{service}` is a Dockerfile (`{}`), and images are built here without Docker", file.display())]
    Dockerfile {
        /// The service.
        service: String,
        /// The file.
        file: PathBuf,
    },
    /// A value that has no JSON form.
    #[error("cannot write {what} as JSON")]
    Encode {
        /// Of what.
        what: &'static str,
        /// Why not.
        #[source]
        source: serde_json::Error,
    },
}

impl ImageError {
    /// Whether the user can mend it (source, base image); else the machine is at fault.
    pub fn is_users_fault(&self) -> bool {
        match self {
            Self::Oci(error) => error.is_users_fault(),
            Self::Source { .. }
            | Self::Layer { .. }
            | Self::BadPath { .. }
            | Self::NoProgram { .. }
            | Self::OtherPlatform { .. }
            | Self::BadBase { .. }
            | Self::TooManyLayers { .. }
            | Self::Dockerfile { .. } => true,
            Self::Disk { .. } | Self::Encode { .. } => false,
        }
    }

    /// What to do, where there is more to say than the message does.
    pub fn advice(&self) -> Option<String> {
        match self {
            Self::Disk { source, .. } if is_full(source) => Some(
                "free some space and run the command again: nothing half-written was left behind".to_owned(),
            ),
            Self::NoProgram { .. } => Some(
                "name a program with its full path in `run`; what a build leaves behind lies in `/app`, and what else it \
                 needs comes with a base image: `build = { command = …, out = …, base = \"REPOSITORY@sha256:…\" }`"
                    .to_owned(),
            ),
            Self::OtherPlatform { wanted, .. } => {
                Some(format!("name a base image that has a manifest for {wanted}"))
            }
            Self::Dockerfile { .. } => Some(
                "build the service with `cargo`, with a `command` (and a base image) or as `static` files; or build \
                 the Dockerfile where Docker is, push the result, and name it: `build = { image = \"repo@sha256:…\" }`"
                    .to_owned(),
            ),
            Self::Oci(OciError::UnknownName { known, .. }) if !known.is_empty() => {
                Some(format!("it has: {}", known.join(", ")))
            }
            _ => None,
        }
    }
}

/// No space, no quota, or a file larger than the file system allows.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
    )
}
