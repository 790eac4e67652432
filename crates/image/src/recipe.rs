//! How a service is built from its source.

use std::path::{Path, PathBuf};

/// How a service is built from its source. Folders are absolute; `out` is relative to `dir`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recipe {
    /// A binary of a Cargo workspace. The artefact holds it under its own name, beside `files`.
    Cargo(CargoRecipe),
    /// Commands that leave a file or a folder behind.
    Folder(FolderRecipe),
}

/// A binary of a Cargo workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CargoRecipe {
    /// The workspace's folder.
    pub dir: PathBuf,
    /// The package.
    pub package: String,
    /// The binary target.
    pub bin: String,
    /// Features that are switched on.
    pub features: Vec<String>,
    /// The profile.
    pub profile: String,
    /// More files: path in the artefact to absolute path.
    pub files: Vec<(PathBuf, PathBuf)>,
}

/// Commands that leave a file or a folder behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderRecipe {
    /// Where the commands run.
    pub dir: PathBuf,
    /// Programs with their arguments, one after the other; no shell is involved. None where the source is the
    /// result.
    pub run: Vec<Vec<String>>,
    /// What they leave behind.
    pub out: PathBuf,
    /// Whether browsers load the files, so that compressed siblings pay.
    pub is_static: bool,
}

impl CargoRecipe {
    /// Whether there is a lock file that the build shall keep to.
    pub(crate) fn is_locked(&self) -> bool {
        self.dir
            .ancestors()
            .any(|folder| folder.join("Cargo.lock").is_file())
    }
}

impl Recipe {
    /// The folder that holds the source.
    pub fn dir(&self) -> &Path {
        match self {
            Self::Cargo(recipe) => &recipe.dir,
            Self::Folder(recipe) => &recipe.dir,
        }
    }
}
