//! One layer as a stream: the blob verified, unpacked and hashed while it is read.

use std::fs::File;
use std::io::{self, BufReader, Read};

use flate2::read::MultiGzDecoder;
use plimsoll_bundle::Digest;
use plimsoll_bundle::digest::Hasher;

use super::image::Layer;
use super::tar::{Entry, Reader, TarError};
use super::{EntryError, UnpackError};
use crate::oci::media::Packing;
use crate::oci::{BlobReader, Layout};

const BUFFER: usize = 64 << 10;
/// The largest window of a zstd frame that is unpacked, as a power of two: 128 MiB, which is what `zstd` itself takes
/// without being asked for more.
const ZSTD_WINDOW_LOG: u32 = 27;

/// Counts and hashes what is read; fails after `left` bytes.
struct Measured<R> {
    source: R,
    hasher: Hasher,
    left: u64,
}

impl<R: Read> Read for Measured<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(buffer)?;
        self.left = self.left.checked_sub(count as u64).ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::FileTooLarge,
                "it unpacks to more than the image may hold",
            )
        })?;
        self.hasher.update(&buffer[..count]);
        Ok(count)
    }
}

/// Calls `each` for every entry of the layer, then verifies the whole of it. `limit` bounds its uncompressed bytes.
///
/// What `each` did may not be believed before this returned.
pub(super) fn for_each(
    layout: &Layout,
    layer: &Layer<'_>,
    limit: u64,
    each: impl FnMut(&Entry, &mut dyn Read) -> Result<(), EntryError>,
) -> Result<(), UnpackError> {
    let blob = layout.reader(layer.blob)?;
    match read(blob, layer, limit, each) {
        Ok(found) if found == *layer.diff_id => Ok(()),
        outcome => Err(explain(layout, layer, outcome)),
    }
}

enum Failure {
    Stream(TarError),
    Entry(String, EntryError),
}

impl From<TarError> for Failure {
    fn from(error: TarError) -> Self {
        Self::Stream(error)
    }
}

/// Returns the digest of the uncompressed bytes.
fn read(
    blob: BlobReader<File>,
    layer: &Layer<'_>,
    limit: u64,
    mut each: impl FnMut(&Entry, &mut dyn Read) -> Result<(), EntryError>,
) -> Result<Digest, Failure> {
    let unpacked = unpack(blob, layer.packing).map_err(TarError::Io)?;
    let measured = Measured {
        source: unpacked,
        hasher: Hasher::new(),
        left: limit,
    };
    let mut archive = Reader::new(BufReader::with_capacity(BUFFER, measured));
    while let Some(entry) = archive.next_entry()? {
        each(&entry, &mut archive.body()).map_err(|error| {
            Failure::Entry(String::from_utf8_lossy(&entry.path).into_owned(), error)
        })?;
    }
    // What follows the end of the archive is part of both digests.
    let mut rest = archive.into_inner();
    io::copy(&mut rest, &mut io::sink()).map_err(TarError::Io)?;
    Ok(rest.into_inner().hasher.finish())
}

fn unpack(blob: BlobReader<File>, packing: Packing) -> io::Result<Box<dyn Read>> {
    let buffered = BufReader::with_capacity(BUFFER, blob);
    Ok(match packing {
        Packing::Plain => Box::new(buffered),
        Packing::Gzip => Box::new(MultiGzDecoder::new(buffered)),
        Packing::Zstd => {
            let mut decoder = zstd::Decoder::with_buffer(buffered)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG)?;
            Box::new(decoder)
        }
    })
}

/// A damaged blob shows itself as anything: a bad checksum, a strange name, a wrong digest. Which of the two is at
/// fault, the layout or the image, is found by reading the blob again for its digest alone.
fn explain(layout: &Layout, layer: &Layer<'_>, outcome: Result<Digest, Failure>) -> UnpackError {
    let name = layer.name.clone();
    let reread = layout.reader(layer.blob).map_err(UnpackError::Oci);
    let verdict = reread.map(|mut blob| io::copy(&mut blob, &mut io::sink()));
    match (verdict, outcome) {
        (Err(error), _) => error,
        (Ok(Err(source)), _) => UnpackError::Damaged {
            layer: name,
            source,
        },
        (Ok(Ok(_)), Ok(found)) => UnpackError::DiffId {
            layer: name,
            expected: layer.diff_id.clone(),
            found,
        },
        (Ok(Ok(_)), Err(Failure::Stream(source))) => UnpackError::Archive {
            layer: name,
            source,
        },
        (Ok(Ok(_)), Err(Failure::Entry(path, source))) => UnpackError::Entry {
            layer: name,
            path,
            source,
        },
    }
}
