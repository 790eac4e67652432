//! What a service is made of, as its build left it.

use std::collections::BTreeMap;

use plimsoll_bundle::Digest;
use plimsoll_bundle::local::ImageSpec;

/// What a service is made of: an artefact, an image, or an artefact and the image that was made of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Source {
    /// The folder that its build left behind; a service that is given as an image has none.
    pub artefact: Option<Digest>,
    /// Its image. A program that needs this machine's own programs has none.
    pub image: Option<Image>,
}

/// An image, as its configuration describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Its manifest's digest.
    pub digest: Digest,
    /// The image under the app's own layers, where it stands on one.
    pub base: Option<Digest>,
    /// What it starts where the file says nothing: entry point and arguments.
    pub command: Vec<String>,
    /// Its environment.
    pub env: BTreeMap<String, String>,
    /// Where its programs start; empty is `/`.
    pub workdir: String,
    /// Whom it wants to be; empty is root.
    pub user: String,
    /// What asks its programs to end.
    pub stop_signal: String,
}

impl Image {
    /// The document; `user` is the file's word, which wins.
    pub(super) fn spec(&self, user: Option<u32>, group: Option<u32>) -> ImageSpec {
        let user = match (user, group) {
            (Some(user), group) => format!("{user}:{}", group.unwrap_or(user)),
            (None, _) => self.user.clone(),
        };
        ImageSpec {
            digest: self.digest.clone(),
            base: self.base.clone(),
            env: self.env.clone(),
            workdir: self.workdir.clone(),
            user,
            stop_signal: self.stop_signal.clone(),
        }
    }
}
