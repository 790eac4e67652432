//! What shall be in an image: a value that can be looked at before anything is written.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::ImageError;
use crate::layer::{Compression, Content, Layer};
use crate::oci::Platform;
use crate::package::Package;
use crate::sbom::Provenance;

/// Who runs in an image where nothing else is said: no user of the machine, and not root.
pub const USER: &str = "1001:1001";
/// Where programs are looked for where nothing else is said.
pub const PATH: &str = "/app:/usr/local/bin:/usr/bin:/bin";

/// What shall be in an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImagePlan {
    /// Its name in the layout.
    pub name: String,
    /// What it is for.
    pub platform: Platform,
    /// What lies under its layers.
    pub base: Base,
    /// From the lowest to the uppermost; empty ones are left out.
    pub layers: Vec<Layer>,
    /// How it starts.
    pub settings: Settings,
    /// What our layers are made of, for the bills of materials; a base image adds its own. Where there is nothing to
    /// say, no bill is written.
    pub packages: Vec<Package>,
    /// How it was made.
    pub provenance: Option<Provenance>,
    /// How layers are compressed.
    pub compression: Compression,
    /// The time of every file and of the image, in seconds since 1970. (`SOURCE_DATE_EPOCH`; 0 unless somebody
    /// wants to see a date, and then the same one for the same source.)
    pub epoch: u64,
}

/// What lies under an image's layers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Base {
    /// Nothing: the image is a package of files.
    Nothing,
    /// Our own base layer (certificates, user names, mount points), for static programs.
    Own,
    /// The same without certificates, for static programs that call nobody.
    Bare,
    /// An image that somebody else built: its layers are taken over as they are.
    Image {
        /// The folder of an OCI layout.
        layout: PathBuf,
        /// A name or digest in it.
        reference: String,
    },
}

/// How an image starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Numeric `uid:gid`.
    pub user: String,
    /// The program with its arguments; empty: the base image's.
    pub run: Vec<String>,
    /// Where it starts.
    pub working_dir: String,
    /// More environment. Settings of one deployment have no place here: the image is the same for all.
    pub env: BTreeMap<String, String>,
    /// TCP ports on which it listens.
    pub ports: BTreeSet<u16>,
    /// What asks the program to end.
    pub stop_signal: String,
    /// `org.opencontainers.image.*` and others.
    pub labels: BTreeMap<String, String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            user: USER.to_owned(),
            run: Vec::new(),
            working_dir: "/app".to_owned(),
            env: BTreeMap::new(),
            ports: BTreeSet::new(),
            stop_signal: "SIGTERM".to_owned(),
            labels: BTreeMap::new(),
        }
    }
}

impl ImagePlan {
    /// An image of nothing yet.
    pub fn new(name: impl Into<String>, platform: Platform, base: Base) -> Self {
        Self {
            name: name.into(),
            platform,
            base,
            layers: Vec::new(),
            settings: Settings::default(),
            packages: Vec::new(),
            provenance: None,
            compression: Compression::default(),
            epoch: 0,
        }
    }

    /// Where there is no image below, the program must be in our layers, under the very path that is run.
    pub(super) fn ensure_program(&self) -> Result<(), ImageError> {
        let Some(program) = self.settings.run.first() else {
            return Ok(());
        };
        let no_program = |why| ImageError::NoProgram {
            program: program.clone(),
            why,
        };
        if matches!(self.base, Base::Image { .. }) {
            // It may be the base's, found by its PATH.
            return Ok(());
        }
        let inside = program
            .strip_prefix('/')
            .ok_or_else(|| no_program("that is no full path"))?;
        let found = self
            .layers
            .iter()
            .rev()
            .find_map(|layer| layer.entries().get(inside).copied());
        match found {
            Some(Content::Program(_) | Content::Link(_)) => Ok(()),
            Some(Content::File(_)) => Err(no_program("that file may not be executed")),
            Some(Content::Folder | Content::Shared) => Err(no_program("that is a folder")),
            None => Err(no_program("none of its layers has that file")),
        }
    }
}
