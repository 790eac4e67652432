//! Where a service's files come from.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::units::ImageRef;

/// How a service is built, or which image is taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Build {
    /// A binary of a Cargo workspace, linked statically.
    Cargo(CargoBuild),
    /// Commands that leave files in a folder.
    Command(CommandBuild),
    /// A folder of files for browsers.
    Static(StaticBuild),
    /// A Dockerfile that the app already has.
    Docker(DockerBuild),
    /// An image that somebody else built.
    Image(ImageBuild),
}

/// A binary of a Cargo workspace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CargoBuild {
    /// The package's name.
    pub cargo: String,
    /// The binary's name; the package's unless given.
    pub bin: String,
    /// The folder of the workspace, relative to the file.
    pub dir: String,
    /// Cargo features that are switched on.
    pub features: Vec<String>,
    /// The profile.
    pub profile: String,
    /// More files for the image: path in the image to path in the project.
    pub files: BTreeMap<String, String>,
    /// More names under which the binary is found in the image: path to arguments put first.
    pub alias: BTreeMap<String, Vec<String>>,
}

/// Commands that leave files in a folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommandBuild {
    /// Commands, one after the other, each a program and its arguments; no shell.
    pub command: Vec<Vec<String>>,
    /// The folder whose content becomes `/app`.
    pub out: String,
    /// Where the commands run, relative to the file.
    pub dir: String,
    /// The image that the result stands on; without one it runs alone, or with the machine's own programs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<ImageRef>,
}

/// A folder of files for browsers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StaticBuild {
    /// The folder of the source, relative to the file.
    #[serde(rename = "static")]
    pub dir: String,
    /// Commands, one after the other, each a program and its arguments; no shell. Empty: nothing to build.
    pub run: Vec<Vec<String>>,
    /// The folder with the result, relative to `static`.
    pub out: String,
    /// The page for paths that no file answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spa: Option<String>,
}

/// A Dockerfile that the app already has; targets with a container runtime only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DockerBuild {
    /// The Dockerfile, relative to the file.
    pub dockerfile: String,
    /// The folder of the context, relative to the file.
    pub context: String,
    /// Build arguments.
    pub args: BTreeMap<String, String>,
}

/// An image that somebody else built.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageBuild {
    /// The image by digest.
    pub image: ImageRef,
}
