//! Writing and reading one blob of a layout.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use plimsoll_bundle::Digest;
use plimsoll_bundle::digest::Hasher;
use plimsoll_stdx::random;
use rustix::fs::{FlockOperation, flock};

use super::{Descriptor, OciError};

/// Blobs are written once and read by other tools too.
const BLOB_MODE: u32 = 0o644;

/// A blob that is being written. Nobody sees it before [`BlobWriter::finish`]; dropped before, it leaves nothing.
///
/// Its temporary file is locked for as long as its maker lives, so that whoever opens the layout next knows
/// whether it is still wanted, across pid namespaces and boots.
#[derive(Debug)]
pub struct BlobWriter {
    file: File,
    temporary: PathBuf,
    blobs: PathBuf,
    hasher: Hasher,
    size: u64,
    is_done: bool,
}

impl BlobWriter {
    /// A new blob: written in the folder `partial`, kept in the folder `blobs` of the same file system.
    pub(super) fn new(partial: &Path, blobs: &Path) -> Result<Self, OciError> {
        let (file, temporary) = loop {
            let path = partial.join(format!("{:016x}", random::number()));
            let file = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(BLOB_MODE)
                .open(&path)
                .map_err(OciError::io("create", &path))?;
            flock(&file, FlockOperation::LockExclusive)
                .map_err(|errno| OciError::io("lock", &path)(errno.into()))?;
            // A sweeper may have come between the two; then the name is gone and another is taken.
            let links = file
                .metadata()
                .map_err(OciError::io("look at", &path))?
                .nlink();
            if links > 0 {
                break (file, path);
            }
        };
        Ok(Self {
            file,
            temporary,
            blobs: blobs.to_owned(),
            hasher: Hasher::new(),
            size: 0,
            is_done: false,
        })
    }

    /// Bytes written so far.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Gives the blob its name. Its bytes are durable when it returns, its name when the layout's index next names
    /// anything: until then nobody can ask for it. With `expected`, bytes of another digest are refused and
    /// leave nothing behind. A blob of that name that is there already is replaced, so that damage heals.
    pub fn finish(mut self, expected: Option<&Digest>) -> Result<(Digest, u64), OciError> {
        let digest = std::mem::take(&mut self.hasher).finish();
        if let Some(expected) = expected
            && *expected != digest
        {
            return Err(OciError::Mismatch {
                what: "the blob".to_owned(),
                expected: expected.to_string(),
                found: digest.to_string(),
            });
        }
        // The mode given to open is cut by the umask, and other tools may run as somebody else.
        self.file
            .set_permissions(Permissions::from_mode(BLOB_MODE))
            .and_then(|()| self.file.sync_all())
            .map_err(OciError::io("flush", &self.temporary))?;
        let path = self.blobs.join(digest.hex());
        std::fs::rename(&self.temporary, &path).map_err(OciError::io("rename to", &path))?;
        self.is_done = true;
        Ok((digest, self.size))
    }
}

impl Write for BlobWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(bytes)?;
        self.hasher.update(&bytes[..count]);
        self.size += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for BlobWriter {
    fn drop(&mut self) {
        if !self.is_done {
            // Were it to stay, opening the layout removes it.
            let _ = std::fs::remove_file(&self.temporary);
        }
    }
}

/// Removes the temporary files in `partial` whose makers are gone.
pub(super) fn sweep(partial: &Path) -> Result<(), OciError> {
    for entry in std::fs::read_dir(partial).map_err(OciError::io("list", partial))? {
        let path = entry.map_err(OciError::io("list", partial))?.path();
        let Ok(file) = File::open(&path) else {
            // Finished or removed in this moment.
            continue;
        };
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok() {
            // Between the two its maker may have finished: then the name is gone, which is what we want.
            let _ = std::fs::remove_file(&path);
        }
    }
    Ok(())
}

/// Reads a blob and verifies it on the way: the read that would end it fails instead with
/// [`io::ErrorKind::InvalidData`] when the bytes are not those that the descriptor names. Nothing of what was read
/// may be believed before.
#[derive(Debug)]
pub struct BlobReader<R> {
    source: R,
    expected: Descriptor,
    hasher: Hasher,
    seen: u64,
}

impl<R: Read> BlobReader<R> {
    /// Reads `source` as the blob `expected`.
    pub fn new(source: R, expected: &Descriptor) -> Self {
        Self {
            source,
            expected: expected.bare(),
            hasher: Hasher::new(),
            seen: 0,
        }
    }

    fn damaged(
        &self,
        expected: &dyn std::fmt::Display,
        found: &dyn std::fmt::Display,
    ) -> io::Error {
        let error = OciError::Mismatch {
            what: format!("the blob {}", self.expected.digest),
            expected: expected.to_string(),
            found: found.to_string(),
        };
        io::Error::new(io::ErrorKind::InvalidData, error)
    }

    fn verify(&mut self) -> io::Result<()> {
        if self.seen != self.expected.size {
            let bytes = |count: u64| format!("{count} bytes long");
            return Err(self.damaged(&bytes(self.expected.size), &bytes(self.seen)));
        }
        let found = self.hasher.clone().finish();
        if found != self.expected.digest {
            return Err(self.damaged(&self.expected.digest, &found));
        }
        Ok(())
    }
}

impl<R: Read> Read for BlobReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let count = self.source.read(buffer)?;
        if count == 0 {
            return self.verify().map(|()| 0);
        }
        self.seen += count as u64;
        if self.seen > self.expected.size {
            let more = format!("{} bytes long or longer", self.seen);
            return Err(self.damaged(&format!("{} bytes long", self.expected.size), &more));
        }
        self.hasher.update(&buffer[..count]);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::media;

    fn folders() -> (tempfile::TempDir, PathBuf, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let (partial, blobs) = (folder.path().join("partial"), folder.path().join("blobs"));
        std::fs::create_dir(&partial).unwrap();
        std::fs::create_dir(&blobs).unwrap();
        (folder, partial, blobs)
    }

    fn count(folder: &Path) -> usize {
        std::fs::read_dir(folder).unwrap().count()
    }

    #[test]
    fn a_blob_is_seen_under_its_digest_when_it_is_whole_and_never_before() {
        let (_folder, partial, blobs) = folders();
        let mut writer = BlobWriter::new(&partial, &blobs).unwrap();
        writer.write_all(b"plim").unwrap();
        assert_eq!(count(&blobs), 0);
        writer.write_all(b"soll").unwrap();
        let (digest, size) = writer.finish(None).unwrap();
        assert_eq!((digest.clone(), size), (Digest::of(b"plimsoll"), 8));
        assert_eq!(
            std::fs::read(blobs.join(digest.hex())).unwrap(),
            b"plimsoll"
        );
        assert_eq!(count(&partial), 0);
    }

    #[test]
    fn a_dropped_writer_and_one_with_wrong_bytes_leave_nothing() {
        let (_folder, partial, blobs) = folders();
        let mut writer = BlobWriter::new(&partial, &blobs).unwrap();
        writer.write_all(b"half").unwrap();
        drop(writer);
        let mut writer = BlobWriter::new(&partial, &blobs).unwrap();
        writer.write_all(b"bad").unwrap();
        let error = writer.finish(Some(&Digest::of(b"good"))).unwrap_err();
        assert!(error.to_string().contains("damaged"), "{error}");
        assert_eq!((count(&partial), count(&blobs)), (0, 0));
    }

    #[test]
    fn a_damaged_blob_is_mended_by_writing_it_again() {
        let (_folder, partial, blobs) = folders();
        let write = || {
            let mut writer = BlobWriter::new(&partial, &blobs).unwrap();
            writer.write_all(b"plimsoll").unwrap();
            blobs.join(writer.finish(None).unwrap().0.hex())
        };
        let path = write();
        plimsoll_stdx::fs::write_atomic(&path, b"damaged!").unwrap();
        write();
        assert_eq!(std::fs::read(path).unwrap(), b"plimsoll");
    }

    #[test]
    fn sweeping_removes_what_the_dead_left_and_spares_the_living() {
        let (_folder, partial, blobs) = folders();
        let living = BlobWriter::new(&partial, &blobs).unwrap();
        plimsoll_stdx::fs::write_atomic(&partial.join("left"), b"half").unwrap();
        sweep(&partial).unwrap();
        assert_eq!(count(&partial), 1);
        living.finish(None).unwrap();
    }

    #[test]
    fn a_reader_fails_at_the_end_of_bytes_that_are_not_the_blobs() {
        let wanted = Descriptor::of(media::LAYER_TAR, b"plimsoll");
        let read = |bytes: &[u8]| {
            let mut out = Vec::new();
            BlobReader::new(bytes, &wanted)
                .read_to_end(&mut out)
                .map(|_| out)
        };
        assert_eq!(read(b"plimsoll").unwrap(), b"plimsoll");
        for bytes in [&b"plimsolx"[..], b"plim", b"plimsoll and more", b""] {
            assert_eq!(read(bytes).unwrap_err().kind(), io::ErrorKind::InvalidData);
        }
    }
}
