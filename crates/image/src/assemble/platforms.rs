//! One name for images of several machines.

use super::{BuiltImage, ImageError};
use crate::oci::{Descriptor, Index, Layout, media};

/// Names an index of `images`, each built for a machine of its own, `name`. Registries and engines then pick the
/// image of their machine.
pub fn join(name: &str, images: &[BuiltImage], layout: &Layout) -> Result<Descriptor, ImageError> {
    let mut manifests: Vec<Descriptor> = images
        .iter()
        .map(|image| image.descriptor.clone())
        .collect();
    manifests.sort_by(|a, b| a.platform.cmp(&b.platform));
    for one in &mut manifests {
        one.annotations.clear();
    }
    let index = layout.put_json(media::INDEX, &Index::new(manifests))?;
    layout.tag(name, &index)?;
    Ok(index)
}
