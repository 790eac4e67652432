//! A service given as an image: it is taken as it is, byte for byte, for one machine.

use std::time::Instant;

use super::{BuiltImage, ImageError, base, result};
use crate::diff;
use crate::oci::{Layout, Platform};

/// Takes the image `reference` of the layout `from` for `platform` into `to` under `name`: its manifest and
/// configuration keep their digests. The layers are verified; what packages the image says it has is read from it.
pub fn adopt(
    service: &str,
    (from, reference): (&Layout, &str),
    (to, name): (&Layout, &str),
    platform: &Platform,
) -> Result<BuiltImage, ImageError> {
    let started = Instant::now();
    let found = base::find(from, reference, platform)?;
    let ground = base::take(&found, to)?;
    base::copy(from, to, &found.manifest.config)?;
    base::copy(from, to, &found.descriptor)?;
    let mut descriptor = found.descriptor.bare();
    descriptor.platform = Some(found.config.platform());
    let packages = diff::packages::of_image(to, &descriptor)?;
    to.tag(name, &descriptor)?;
    Ok(BuiltImage {
        service: service.to_owned(),
        digest: descriptor.digest.clone(),
        unpacked_bytes: ground.layers.iter().map(|layer| layer.unpacked).sum(),
        pulled_bytes: descriptor.size + found.manifest.blobs().map(|blob| blob.size).sum::<u64>(),
        seconds: result::seconds(started),
        layers: ground.layers,
        packages,
        descriptor,
    })
}
