//! Finding out which blobs of an image are damaged, so that the next build or pull writes them again.

use std::fs;
use std::io;

use super::{Descriptor, Layout, MAX_DOCUMENT, Manifest, OciError};

impl Layout {
    /// Whether the manifest `image` and all that it names is here, byte for byte. Blobs that are not what they should
    /// be are removed: whoever looks for them next makes or fetches them again.
    ///
    /// Reads every byte: a millisecond per megabyte.
    pub fn mend(&self, image: &Descriptor) -> Result<bool, OciError> {
        if !self.mend_blob(image)? || image.size > MAX_DOCUMENT {
            return Ok(false);
        }
        let bytes = self.read(image, MAX_DOCUMENT)?;
        let manifest = Manifest::parse(&bytes, image.digest.as_str())?;
        let mut is_whole = true;
        for blob in manifest.blobs() {
            is_whole &= self.mend_blob(blob)?;
        }
        Ok(is_whole)
    }

    /// Whether the blob is here, byte for byte; one that is not what it should be is removed.
    pub(crate) fn mend_blob(&self, blob: &Descriptor) -> Result<bool, OciError> {
        let mut reader = match self.reader(blob) {
            Err(OciError::NoBlob { .. }) => return Ok(false),
            opened => opened?,
        };
        let path = self.blob_path(&blob.digest);
        match io::copy(&mut reader, &mut io::sink()) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                fs::remove_file(&path).map_err(OciError::io("remove", &path))?;
                Ok(false)
            }
            Err(error) => Err(OciError::io("read", path)(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use plimsoll_stdx::fs::write_atomic;

    use super::*;
    use crate::oci::media;

    fn image(layout: &Layout) -> (Descriptor, Manifest) {
        let config = layout.put(media::CONFIG, b"{}").unwrap();
        let layer = layout.put(media::LAYER_TAR, b"layer").unwrap();
        let manifest = Manifest::image(config, vec![layer]);
        (
            layout.put_json(media::MANIFEST, &manifest).unwrap(),
            manifest,
        )
    }

    #[test]
    fn a_damaged_layer_is_removed_even_with_its_old_length_and_the_rest_stays() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::create(folder.path().join("images")).unwrap();
        let (image, manifest) = image(&layout);
        assert!(layout.mend(&image).unwrap());
        let layer = &manifest.layers[0];
        write_atomic(&layout.blob_path(&layer.digest), b"LAYER").unwrap();
        assert!(!layout.mend(&image).unwrap());
        assert!(!layout.has(layer) && layout.has(&manifest.config) && layout.has(&image));
        layout.put(media::LAYER_TAR, b"layer").unwrap();
        assert!(layout.mend(&image).unwrap());
    }

    #[test]
    fn a_damaged_or_absent_manifest_is_no_image() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::create(folder.path().join("images")).unwrap();
        let (image, _) = image(&layout);
        write_atomic(&layout.blob_path(&image.digest), b"{}").unwrap();
        assert!(!layout.mend(&image).unwrap());
        assert!(!layout.has(&image));
        assert!(!layout.mend(&image).unwrap());
    }
}
