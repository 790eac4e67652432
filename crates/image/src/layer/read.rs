//! Reading a layer that may be anybody's: the plain tar behind its compression, verified.

use std::io::{self, BufReader, Read};

use flate2::bufread::MultiGzDecoder;
use plimsoll_bundle::Digest;

use crate::assemble::ImageError;
use crate::oci::media::{self, Packing};
use crate::oci::{Descriptor, Layout, OciError};
use crate::tree;

/// Plain bytes of one foreign layer, at the most: large models are shipped in layers, disks are not.
const MAX_PLAIN: u64 = 16 << 30;
/// Zstandard's window, at the most: 2^27 bytes is what its own tool accepts; more is a way to fill the memory.
const MAX_WINDOW_LOG: u32 = 27;

/// The plain tar of a layer. The read that would end it fails when the blob is damaged.
pub fn open(layout: &Layout, layer: &Descriptor) -> Result<Box<dyn Read>, ImageError> {
    let packing = media::packing(&layer.media_type).ok_or_else(|| OciError::WrongKind {
        expected: "a layer as tar, tar+gzip or tar+zstd",
        found: layer.media_type.clone(),
        place: layer.digest.to_string(),
    })?;
    let blob = BufReader::new(layout.reader(layer)?);
    let failed = |source| ImageError::Layer {
        digest: layer.digest.clone(),
        source,
    };
    let plain: Box<dyn Read> = match packing {
        Packing::Plain => Box::new(blob),
        Packing::Gzip => Box::new(MultiGzDecoder::new(blob)),
        Packing::Zstd => {
            let mut decoder = zstd::Decoder::with_buffer(blob).map_err(failed)?;
            decoder.window_log_max(MAX_WINDOW_LOG).map_err(failed)?;
            Box::new(decoder)
        }
    };
    Ok(Box::new(Bounded {
        plain,
        left: MAX_PLAIN,
    }))
}

/// Digest and length of the plain tar.
pub fn measure(layout: &Layout, layer: &Descriptor) -> Result<(Digest, u64), ImageError> {
    let mut plain = open(layout, layer)?;
    tree::digest_of(&mut plain).map_err(|source| ImageError::Layer {
        digest: layer.digest.clone(),
        source,
    })
}

/// An error instead of an end at the bound: half a layer must not pass for a whole one.
struct Bounded<R> {
    plain: R,
    left: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.plain.read(buffer)?;
        self.left = self.left.checked_sub(count as u64).ok_or_else(|| {
            io::Error::other(format!("it unpacks to more than {MAX_PLAIN} bytes"))
        })?;
        Ok(count)
    }
}
