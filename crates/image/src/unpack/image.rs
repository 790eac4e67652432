//! An image in a layout: its manifest and its configuration, read and checked once.

use plimsoll_bundle::Digest;

use super::UnpackError;
use super::error::LayerName;
use crate::oci::media::{self, Packing};
use crate::oci::{Descriptor, ImageConfig, Index, Layout, MAX_DOCUMENT, Manifest, Platform};

/// An image in a layout.
#[derive(Debug, Clone)]
pub struct Image {
    /// Its manifest's name; [`Descriptor::digest`] names the unpacked folder too.
    pub descriptor: Descriptor,
    /// What it is made of.
    pub manifest: Manifest,
    /// What it starts, as whom, with which environment.
    pub config: ImageConfig,
}

/// A layer as both documents describe it.
#[derive(Debug)]
pub(super) struct Layer<'a> {
    pub(super) name: LayerName,
    pub(super) blob: &'a Descriptor,
    pub(super) packing: Packing,
    pub(super) diff_id: &'a Digest,
}

impl Image {
    /// Reads the image that `named` names in `layout`: a manifest, or an index that has one for `machine`. Digests
    /// and sizes of both documents are verified, the layers are not read.
    pub fn open(
        layout: &Layout,
        named: &Descriptor,
        machine: &Platform,
    ) -> Result<Self, UnpackError> {
        let descriptor = if media::is_index(&named.media_type) {
            let bytes = layout.read(named, MAX_DOCUMENT)?;
            Index::parse(&bytes, named.digest.as_str())?
                .select(machine)?
                .bare()
        } else {
            named.bare()
        };
        let manifest = layout.manifest(&descriptor)?;
        let bytes = layout.read(&manifest.config, MAX_DOCUMENT)?;
        let config = ImageConfig::parse(&bytes, manifest.config.digest.as_str())?;
        let image = Self {
            descriptor,
            manifest,
            config,
        };
        image.layers()?;
        Ok(image)
    }

    /// The layers from the lowest, or why they cannot be unpacked.
    pub(super) fn layers(&self) -> Result<Vec<Layer<'_>>, UnpackError> {
        let (blobs, diff_ids) = (&self.manifest.layers, &self.config.rootfs.diff_ids);
        if blobs.len() != diff_ids.len() {
            return Err(UnpackError::LayerCount {
                image: self.descriptor.digest.clone(),
                layers: blobs.len(),
                diff_ids: diff_ids.len(),
            });
        }
        let describe = |(index, (blob, diff_id))| {
            let blob: &Descriptor = blob;
            let name = LayerName {
                number: index + 1,
                of: blobs.len(),
                digest: blob.digest.clone(),
            };
            match media::packing(&blob.media_type) {
                Some(packing) => Ok(Layer {
                    name,
                    blob,
                    packing,
                    diff_id,
                }),
                None => Err(UnpackError::MediaType {
                    layer: name,
                    media_type: blob.media_type.clone(),
                }),
            }
        };
        blobs
            .iter()
            .zip(diff_ids)
            .enumerate()
            .map(describe)
            .collect()
    }
}
