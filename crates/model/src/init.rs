//! `plimsoll init`: from what a folder holds to a commented `plimsoll.toml` that passes.
//!
//! The files are read by whoever calls; here is only what they say.

mod detect;
mod write;

use std::collections::BTreeMap;

pub use detect::{Facts, Program, Site, detect};

/// What a folder holds: paths relative to it, with `/` between parts, and the text of the few files that say what an
/// app is made of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// The folder's own name.
    pub name: String,
    /// Every file, without build output and dependencies.
    pub files: Vec<String>,
    /// Texts of `Cargo.toml`, `package.json`, `Dockerfile` and compose files, by path.
    pub texts: BTreeMap<String, String>,
}

/// The text of a new `plimsoll.toml`. It parses without an error.
pub fn init(listing: &Listing) -> String {
    write::write(&detect(listing))
}
