//! Images that somebody else made: a service as it is, or what a service stands on.

use std::path::PathBuf;

use plimsoll_bundle::{Digest, canonical};
use plimsoll_image::assemble::Base;
use plimsoll_image::oci::{Descriptor, Layout};
use plimsoll_image::{BuiltImage, ImageError, adopt};
use plimsoll_model::units::ImageRef;

use super::{Workshop, failure, recall};
use crate::exit::{Failure, Result};
use crate::progress::Progress;
use crate::registry::{self, Access};

impl Workshop {
    /// The image of service `name`, as it is.
    pub(super) fn take(
        &self,
        name: &str,
        reference: &ImageRef,
        (access, progress): (&Access, &mut Progress),
    ) -> Result<BuiltImage> {
        let take = |from: &Layout, digest: &str| {
            adopt(name, (from, digest), (&self.layout, name), &self.platform)
        };
        if let Some(folder) = self.folder(reference) {
            let from = Layout::open(folder).map_err(ImageError::from);
            let taken = from.and_then(|from| take(&from, &reference.digest));
            return taken.map_err(failure);
        }
        let image = self.fetch(name, reference, (access, progress))?;
        take(&self.layout, image.digest.as_str()).map_err(failure)
    }

    /// What service `name` stands on.
    pub(super) fn base(
        &self,
        name: &str,
        reference: &ImageRef,
        with: (&Access, &mut Progress),
    ) -> Result<Base> {
        if let Some(layout) = self.folder(reference) {
            return Ok(Base::Image {
                layout,
                reference: reference.digest.clone(),
            });
        }
        // A service's name has no dot.
        let label = format!("{name}.base");
        let image = self.fetch(&label, reference, with)?;
        // With a name it stays when what has none is removed.
        let named = self.layout.tag(&label, &image).map_err(ImageError::from);
        named.map_err(failure)?;
        Ok(Base::Image {
            layout: self.layout.root().to_owned(),
            reference: image.digest.to_string(),
        })
    }

    fn folder(&self, reference: &ImageRef) -> Option<PathBuf> {
        Some(self.project.join(reference.folder()?))
    }

    /// Has the image of a registry in the layout, whole. One that is here already is not asked for again: its digest
    /// says all that a registry could.
    fn fetch(
        &self,
        label: &str,
        reference: &ImageRef,
        (access, progress): (&Access, &mut Progress),
    ) -> Result<Descriptor> {
        let inputs = canonical::digest(&(reference, self.platform.to_string()));
        let inputs: Digest = inputs.map_err(Failure::internal)?;
        let file = self.cache.join("pulled").join(format!("{label}.json"));
        if let Some(image) = recall::image_of(&inputs, &file)
            && self.is_whole(&image)?
        {
            return Ok(image);
        }
        let reference = reference.to_string();
        let mut pull =
            || registry::pull(&self.layout, &reference, &self.platform, access, progress);
        let mut image = pull()?;
        if !self.is_whole(&image)? {
            // Parts that were here before were damaged, and are gone now.
            image = pull()?;
        }
        recall::keep(&inputs, &image, &file).map_err(Failure::internal)?;
        Ok(image)
    }

    /// Whether the image is here, byte for byte; what is damaged is removed.
    pub(super) fn is_whole(&self, image: &Descriptor) -> Result<bool> {
        let whole = self.layout.mend(image).map_err(ImageError::from);
        whole.map_err(failure)
    }
}
