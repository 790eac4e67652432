//! What is remembered of the last image: from which inputs it came. Nothing is lost with it.

use std::path::Path;

use plimsoll_bundle::Digest;
use plimsoll_image::oci::Descriptor;
use plimsoll_stdx::fs::{FsError, read_bounded, write_atomic};
use serde::{Deserialize, Serialize};

const FORMAT: &str = "plimsoll.image-cache";
const VERSION: u32 = 1;
/// One descriptor and two digests.
const MAX: u64 = 64 << 10;

/// The last image of one name.
#[derive(Debug, Serialize, Deserialize)]
struct Remembered {
    format: String,
    version: u32,
    inputs: Digest,
    image: Descriptor,
}

/// The image that came from `inputs` the last time, if they were the last ones.
pub(super) fn image_of(inputs: &Digest, file: &Path) -> Option<Descriptor> {
    let bytes = read_bounded(file, MAX).ok()?;
    let remembered: Remembered = serde_json::from_slice(&bytes).ok()?;
    let is_it = remembered.format == FORMAT
        && remembered.version == VERSION
        && remembered.inputs == *inputs;
    is_it.then_some(remembered.image)
}

/// Remembers that `image` came from `inputs`.
pub(super) fn keep(inputs: &Digest, image: &Descriptor, file: &Path) -> Result<(), FsError> {
    let remembered = Remembered {
        format: FORMAT.to_owned(),
        version: VERSION,
        inputs: inputs.clone(),
        image: image.clone(),
    };
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder).map_err(plimsoll_stdx::fs::at("create", folder))?;
    }
    let text = serde_json::to_vec(&remembered).unwrap_or_default();
    write_atomic(file, &text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_inputs_are_recalled_and_no_others() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("images/api.json");
        let (one, other) = (Digest::of(b"1"), Digest::of(b"2"));
        assert_eq!(image_of(&one, &file), None);
        let image = Descriptor::of("type", b"image");
        keep(&one, &image, &file).unwrap();
        assert_eq!(image_of(&one, &file), Some(image.clone()));
        keep(&other, &image, &file).unwrap();
        assert_eq!(image_of(&one, &file), None);
        write_atomic(&file, b"{").unwrap();
        assert_eq!(image_of(&other, &file), None);
    }
}
