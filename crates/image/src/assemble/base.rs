//! What lies under a plan's layers, brought into the layout.

use std::io;

use plimsoll_bundle::Digest;

use super::{Base, ImageError, ImagePlan};
use crate::diff::packages;
use crate::layer::{self, BuiltLayer, Layer};
use crate::oci::{
    Descriptor, History, ImageConfig, Index, Layout, MAX_DOCUMENT, Manifest, OciError, Platform,
    RuntimeConfig, media,
};
use crate::package::Package;

/// What lies under a plan's layers.
#[derive(Debug, Default)]
pub(super) struct Ground {
    /// Its layers, in the layout.
    pub(super) layers: Vec<BuiltLayer>,
    /// How many of them have told their history.
    pub(super) history_of: usize,
    /// Their history.
    pub(super) history: Vec<History>,
    /// How it starts.
    pub(super) config: RuntimeConfig,
    /// Its manifest, where it is an image.
    pub(super) digest: Option<Digest>,
    /// What it is made of.
    pub(super) packages: Vec<Package>,
}

/// Brings the plan's base into `layout`.
pub(super) fn lay(plan: &ImagePlan, layout: &Layout) -> Result<Ground, ImageError> {
    match &plan.base {
        Base::Nothing => Ok(Ground::default()),
        Base::Own => {
            let env = format!("SSL_CERT_FILE={}", layer::base::CA_BUNDLE);
            own(&layer::base::layer()?, vec![env], plan, layout)
        }
        Base::Bare => own(&layer::base::bare()?, Vec::new(), plan, layout),
        Base::Image {
            layout: from,
            reference,
        } => {
            let found = find(&Layout::open(from)?, reference, &plan.platform)?;
            let mut ground = take(&found, layout)?;
            ground.packages = packages::of_image(&found.layout, &found.descriptor)?;
            Ok(ground)
        }
    }
}

fn own(
    base: &Layer,
    env: Vec<String>,
    plan: &ImagePlan,
    layout: &Layout,
) -> Result<Ground, ImageError> {
    Ok(Ground {
        layers: vec![layer::write(base, layout, plan.compression, plan.epoch)?],
        config: RuntimeConfig {
            env,
            ..RuntimeConfig::default()
        },
        ..Ground::default()
    })
}

/// An image in a layout, for one machine.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) layout: Layout,
    pub(super) descriptor: Descriptor,
    pub(super) manifest: Manifest,
    pub(super) config: ImageConfig,
    reference: String,
}

/// The image `reference` of `layout` for `platform`, through an index where it is one.
pub(super) fn find(
    layout: &Layout,
    reference: &str,
    platform: &Platform,
) -> Result<Found, ImageError> {
    let mut descriptor = layout.resolve(reference)?;
    if media::is_index(&descriptor.media_type) {
        let bytes = layout.read(&descriptor, MAX_DOCUMENT)?;
        let index = Index::parse(&bytes, descriptor.digest.as_str())?;
        descriptor = index.select(platform)?.clone();
    }
    let manifest = layout.manifest(&descriptor)?;
    let bytes = layout.read(&manifest.config, MAX_DOCUMENT)?;
    let config = ImageConfig::parse(&bytes, manifest.config.digest.as_str())?;
    if !config.platform().runs_on(platform) {
        return Err(ImageError::OtherPlatform {
            base: reference.to_owned(),
            found: config.platform().to_string(),
            wanted: platform.to_string(),
        });
    }
    if config.rootfs.diff_ids.len() != manifest.layers.len() {
        let (ids, layers) = (config.rootfs.diff_ids.len(), manifest.layers.len());
        return Err(ImageError::BadBase {
            base: reference.to_owned(),
            why: format!("its configuration names {ids} layers, and its manifest {layers}"),
        });
    }
    Ok(Found {
        layout: layout.clone(),
        descriptor,
        manifest,
        config,
        reference: reference.to_owned(),
    })
}

/// Takes the image's layers over, each verified against both its digests.
pub(super) fn take(found: &Found, layout: &Layout) -> Result<Ground, ImageError> {
    let mut layers = Vec::new();
    for (blob, diff_id) in found
        .manifest
        .layers
        .iter()
        .zip(&found.config.rootfs.diff_ids)
    {
        let (plain, unpacked) = layer::read::measure(&found.layout, blob)?;
        if plain != *diff_id {
            return Err(ImageError::BadBase {
                base: found.reference.clone(),
                why: format!(
                    "its layer {} unpacks to {plain} and not to {diff_id}",
                    blob.digest
                ),
            });
        }
        copy(&found.layout, layout, blob)?;
        layers.push(BuiltLayer {
            digest: blob.digest.clone(),
            diff_id: diff_id.clone(),
            size: blob.size,
            unpacked,
            what: format!("of {}", found.reference),
            media_type: oci_name(&blob.media_type).to_owned(),
        });
    }
    Ok(Ground {
        history_of: layers.len(),
        layers,
        history: found.config.history.clone(),
        config: found.config.config.clone(),
        digest: Some(found.descriptor.digest.clone()),
        packages: Vec::new(),
    })
}

/// Copies one blob, verified, unless it is there as it should be.
pub(super) fn copy(from: &Layout, to: &Layout, blob: &Descriptor) -> Result<(), ImageError> {
    let is_same = from.root() == to.root();
    if to.keep(blob) && (is_same || to.mend_blob(blob)?) {
        return Ok(());
    }
    let mut reader = from.reader(blob)?;
    let mut writer = to.writer()?;
    io::copy(&mut reader, &mut writer).map_err(|source| disk_or_blob(source, to))?;
    writer.finish(Some(&blob.digest))?;
    Ok(())
}

/// A damaged blob says so itself; what else fails here is the disk.
fn disk_or_blob(error: io::Error, layout: &Layout) -> ImageError {
    match error.downcast::<OciError>() {
        Ok(damaged) => damaged.into(),
        Err(source) => ImageError::Disk {
            layout: layout.root().to_owned(),
            source,
        },
    }
}

/// One manifest does not mix OCI's names with Docker's: containerd refuses it.
fn oci_name(media_type: &str) -> &str {
    match media_type {
        media::DOCKER_LAYER => media::LAYER_GZIP,
        media::DOCKER_LAYER_TAR => media::LAYER_TAR,
        other => other,
    }
}
