//! Writing a layer: tar, its digest, compression, the blob's digest and both sizes in one pass.

use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use plimsoll_bundle::Digest;
use plimsoll_bundle::digest::Hasher;
use serde::Serialize;
use tar::{Builder, EntryType, Header};

use super::pack::Packer;
use super::{Compression, Content, Layer, Source};
use crate::assemble::ImageError;
use crate::oci::{Descriptor, Layout};

/// Plain bytes of one layer, at the most: what a build leaves behind may not be larger either.
const MAX_UNPACKED: u64 = 4 << 30;

/// Read from a source at once: what copies into the tar asks for 8 KiB, a system call each.
const READ: usize = 256 << 10;

/// A layer that is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BuiltLayer {
    /// The compressed blob.
    pub digest: Digest,
    /// The plain tar: what stays the same whatever the compression.
    pub diff_id: Digest,
    /// Bytes of the blob.
    pub size: u64,
    /// Bytes of the plain tar.
    pub unpacked: u64,
    /// What it is: `base`, `dependencies`, `app`, or where it comes from.
    pub what: String,
    /// How the blob is compressed.
    #[serde(skip)]
    pub media_type: String,
}

impl BuiltLayer {
    /// How a manifest names it.
    pub fn descriptor(&self) -> Descriptor {
        Descriptor::new(self.media_type.clone(), self.digest.clone(), self.size)
    }
}

/// Writes `layer` as a blob of `layout`; every entry gets the time `epoch` (seconds since 1970).
///
/// A failure, or a kill, leaves nothing in the layout that anybody sees.
pub fn write(
    layer: &Layer,
    layout: &Layout,
    compression: Compression,
    epoch: u64,
) -> Result<BuiltLayer, ImageError> {
    let failed = |source: io::Error| blame(source, layout.root());
    let packer = Packer::new(compression, layout.writer()?).map_err(failed)?;
    let mut tar = Builder::new(Plain {
        packer,
        hasher: Hasher::new(),
        size: 0,
    });
    for (path, content) in layer.entries() {
        append(&mut tar, path, content, epoch).map_err(failed)?;
    }
    let plain = tar.into_inner().map_err(failed)?;
    let (diff_id, unpacked) = (plain.hasher.finish(), plain.size);
    let (digest, size) = plain.packer.finish().map_err(failed)?.finish(None)?;
    Ok(BuiltLayer {
        digest,
        diff_id,
        size,
        unpacked,
        what: layer.what.clone(),
        media_type: compression.media_type().to_owned(),
    })
}

fn append<W: Write>(
    tar: &mut Builder<W>,
    path: &str,
    content: &Content,
    epoch: u64,
) -> io::Result<()> {
    let mut header = Header::new_gnu();
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(epoch);
    header.set_size(0);
    match content {
        Content::Folder | Content::Shared => {
            header.set_entry_type(EntryType::Directory);
            header.set_mode(if *content == Content::Shared {
                0o1777
            } else {
                0o755
            });
            tar.append_data(&mut header, format!("{path}/"), io::empty())
        }
        Content::Link(target) => {
            header.set_entry_type(EntryType::Symlink);
            header.set_mode(0o777);
            tar.append_link(&mut header, path, target)
        }
        Content::File(source) => append_file(tar, (path, 0o444), header, source),
        Content::Program(source) => append_file(tar, (path, 0o555), header, source),
    }
}

fn append_file<W: Write>(
    tar: &mut Builder<W>,
    (path, mode): (&str, u32),
    mut header: Header,
    source: &Source,
) -> io::Result<()> {
    header.set_entry_type(EntryType::Regular);
    header.set_mode(mode);
    match source {
        Source::Bytes(bytes) => {
            header.set_size(bytes.len() as u64);
            tar.append_data(&mut header, path, &bytes[..])
        }
        Source::Path(from) => {
            let file = SourceFile::open(from)?;
            header.set_size(file.left);
            tar.append_data(&mut header, path, BufReader::with_capacity(READ, file))
        }
    }
}

/// A source file of the size that its header says: one that grows or shrinks under the reader is an error, else the
/// tar after it would be noise.
struct SourceFile<'a> {
    file: File,
    left: u64,
    path: &'a Path,
}

impl<'a> SourceFile<'a> {
    fn open(path: &'a Path) -> io::Result<Self> {
        let at = |source| unreadable(path, source);
        let file = File::open(path).map_err(at)?;
        let metadata = file.metadata().map_err(at)?;
        if !metadata.is_file() {
            return Err(at(io::Error::other("it is no regular file")));
        }
        let left = metadata.len();
        Ok(Self { file, left, path })
    }
}

impl Read for SourceFile<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self
            .file
            .read(buffer)
            .map_err(|source| unreadable(self.path, source))?;
        let changed = (count == 0 && self.left > 0) || count as u64 > self.left;
        if changed && !buffer.is_empty() {
            return Err(unreadable(
                self.path,
                io::Error::other("it changed while it was read"),
            ));
        }
        self.left -= count as u64;
        Ok(count)
    }
}

/// A source that failed, on its way through the writers.
#[derive(Debug, thiserror::Error)]
#[error("cannot read `{}`", path.display())]
struct Unreadable {
    path: PathBuf,
    source: io::Error,
}

fn unreadable(path: &Path, source: io::Error) -> io::Error {
    io::Error::other(Unreadable {
        path: path.to_owned(),
        source,
    })
}

/// Whose fault it is: a source's, or the layout's disk.
fn blame(error: io::Error, layout: &Path) -> ImageError {
    match error.downcast::<Unreadable>() {
        Ok(Unreadable { path, source }) => ImageError::Source { path, source },
        Err(source) => ImageError::Disk {
            layout: layout.to_owned(),
            source,
        },
    }
}

/// The plain tar on its way into the encoder.
struct Plain {
    packer: Packer,
    hasher: Hasher,
    size: u64,
}

impl Write for Plain {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.packer.write(bytes)?;
        self.hasher.update(&bytes[..count]);
        self.size += count as u64;
        if self.size > MAX_UNPACKED {
            return Err(io::Error::other("the layer holds more than 4 GiB"));
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.packer.flush()
    }
}
