//! What changed between two images: by file, in what a replica sees, and by package.
//!
//! Reading order: [`files`] (the effective tree of an image), [`packages`] (what an image says it is made of).

pub mod files;
pub mod packages;

use std::collections::BTreeMap;

use plimsoll_bundle::Digest;
use serde::Serialize;

use crate::assemble::ImageError;
use crate::oci::{Descriptor, Layout};
use crate::package::Ecosystem;
pub use files::{File, Kind};

/// What changed from one image to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diff {
    /// The first image.
    pub from: Digest,
    /// The second one.
    pub to: Digest,
    /// Files that differ, by path.
    pub files: BTreeMap<String, Change<File>>,
    /// Packages that differ, by ecosystem and name; a package can be there in several versions.
    pub packages: BTreeMap<String, Change<Vec<String>>>,
}

/// What happened to one thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase", tag = "change")]
pub enum Change<T> {
    /// Only the second image has it.
    Added {
        /// There.
        to: T,
    },
    /// Only the first image has it.
    Removed {
        /// There.
        from: T,
    },
    /// Both have it, and not the same.
    Changed {
        /// In the first image.
        from: T,
        /// In the second one.
        to: T,
    },
}

/// What changed from the image `from` to the image `to`, each a manifest in a layout.
pub fn diff(from: (&Layout, &Descriptor), to: (&Layout, &Descriptor)) -> Result<Diff, ImageError> {
    let files =
        |(layout, image): (&Layout, &Descriptor)| files::of_image(layout, &layout.manifest(image)?);
    let (files_from, files_to) = (files(from)?, files(to)?);
    let (packages_from, packages_to) = (versions(from)?, versions(to)?);
    Ok(Diff {
        from: from.1.digest.clone(),
        to: to.1.digest.clone(),
        files: changes(files_from, files_to),
        packages: changes(packages_from, packages_to),
    })
}

fn versions(
    (layout, image): (&Layout, &Descriptor),
) -> Result<BTreeMap<String, Vec<String>>, ImageError> {
    let mut versions: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for package in packages::of_image(layout, image)? {
        let ecosystem = match package.ecosystem {
            Ecosystem::Cargo => "cargo",
            Ecosystem::Npm => "npm",
            Ecosystem::Pypi => "pypi",
            Ecosystem::Deb => "deb",
        };
        let name = format!("{ecosystem}:{}", package.name);
        versions.entry(name).or_default().push(package.version);
    }
    for list in versions.values_mut() {
        list.sort();
        list.dedup();
    }
    Ok(versions)
}

fn changes<T: PartialEq>(
    from: BTreeMap<String, T>,
    mut to: BTreeMap<String, T>,
) -> BTreeMap<String, Change<T>> {
    let mut changes = BTreeMap::new();
    for (name, old) in from {
        match to.remove(&name) {
            None => changes.insert(name, Change::Removed { from: old }),
            Some(new) if new == old => None,
            Some(new) => changes.insert(name, Change::Changed { from: old, to: new }),
        };
    }
    let added = to
        .into_iter()
        .map(|(name, new)| (name, Change::Added { to: new }));
    changes.extend(added);
    changes
}

#[cfg(test)]
mod tests;
