//! Compression of a layer on its way to the disk.

use std::io::{self, Write};

use flate2::write::GzEncoder;

use crate::oci::{BlobWriter, media};

/// How layers are compressed. One thread and one level each, so that equal input gives equal bytes with one version
/// of the encoder; across versions the digests of the plain tars are what stays.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Compression {
    /// Zstandard, level 2: of a linked program 5 % more than level 3 leaves, for three fifths of its CPU.
    #[default]
    Fast,
    /// Zstandard, level 19: 15-25 % smaller at 70 times the CPU, for images that are pulled often.
    Small,
    /// gzip, level 6: for Docker Engine before version 23, which cannot unpack Zstandard.
    Compatible,
}

impl Compression {
    /// The media type of a layer so compressed.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Fast | Self::Small => media::LAYER_ZSTD,
            Self::Compatible => media::LAYER_GZIP,
        }
    }
}

/// The encoder between the tar and the blob.
pub(super) enum Packer {
    Gzip(GzEncoder<BlobWriter>),
    Zstd(zstd::Encoder<'static, BlobWriter>),
}

impl Packer {
    pub(super) fn new(compression: Compression, blob: BlobWriter) -> io::Result<Self> {
        let zstd = |level: i32, blob| zstd::Encoder::new(blob, level).map(Self::Zstd);
        match compression {
            Compression::Fast => zstd(2, blob),
            Compression::Small => zstd(19, blob),
            // flate2 writes no name and no time into the header.
            Compression::Compatible => Ok(Self::Gzip(GzEncoder::new(
                blob,
                flate2::Compression::new(6),
            ))),
        }
    }

    /// Ends the stream and gives the blob back.
    pub(super) fn finish(self) -> io::Result<BlobWriter> {
        match self {
            Self::Gzip(encoder) => encoder.finish(),
            Self::Zstd(encoder) => encoder.finish(),
        }
    }
}

impl Write for Packer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Gzip(encoder) => encoder.write(bytes),
            Self::Zstd(encoder) => encoder.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Gzip(encoder) => encoder.flush(),
            Self::Zstd(encoder) => encoder.flush(),
        }
    }
}
