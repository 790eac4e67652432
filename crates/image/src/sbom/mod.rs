//! Bills of materials and provenance: what an image is made of and how it was made, attached to it as artefacts.
//!
//! All are made from the same packages, without times and random numbers, so that equal images have equal papers.
//!
//! Reading order: [`cyclonedx`], [`spdx`], [`provenance`], `license` (what authors write and what SPDX reads).

pub mod cyclonedx;
mod license;
pub mod provenance;
pub mod spdx;

pub use provenance::Provenance;

use crate::assemble::{ImageError, ImagePlan};
use crate::oci::{Descriptor, Layout, Manifest};
use crate::package::Package;

/// The kind of a CycloneDX bill.
pub const CYCLONEDX: &str = "application/vnd.cyclonedx+json";
/// The kind of an SPDX bill.
pub const SPDX: &str = "application/spdx+json";
/// The kind of an in-toto statement.
pub const IN_TOTO: &str = "application/vnd.in-toto+json";

/// What a paper speaks about.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The image's name.
    pub name: &'a str,
    /// Its manifest.
    pub image: &'a Descriptor,
    /// What it is made of.
    pub packages: &'a [Package],
    /// Its time, in seconds since 1970.
    pub epoch: u64,
}

/// Writes the papers of the plan's image, made of `packages`, into the layout and attaches them to it. Without
/// packages there are no bills, without provenance no statement.
pub(crate) fn attach(
    plan: &ImagePlan,
    packages: &[Package],
    image: &Descriptor,
    layout: &Layout,
) -> Result<(), ImageError> {
    let image = image.bare();
    let subject = Subject {
        name: &plan.name,
        image: &image,
        packages,
        epoch: plan.epoch,
    };
    let mut documents = Vec::new();
    if !packages.is_empty() {
        documents.push((CYCLONEDX, cyclonedx::document(&subject)));
        documents.push((SPDX, spdx::document(&subject)));
    }
    if let Some(provenance) = &plan.provenance {
        documents.push((IN_TOTO, provenance::statement(&subject, provenance)));
    }
    let mut artefacts = Vec::new();
    for (kind, document) in documents {
        let blob = layout.put_json(kind, &document)?;
        artefacts.push(Manifest::artefact(kind, blob, image.clone()));
    }
    if !artefacts.is_empty() {
        layout.attach_all(&image.digest, &artefacts)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
