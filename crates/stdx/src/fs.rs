//! Durable bytes: what these functions report as written is there after a power cut.

use std::ffi::OsString;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::random;

/// Permissions of a file that nobody else may read.
pub const PRIVATE_FILE: u32 = 0o600;
/// Permissions of a directory that nobody else may enter.
pub const PRIVATE_DIR: u32 = 0o700;

/// Room for a document or a file of the kernel before anything of it is read.
const SMALL: usize = 4096;

/// What could not be done to which path.
#[derive(Debug, thiserror::Error)]
pub enum FsError {
    /// The system refused.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
    /// The file is longer than the reader allows.
    #[error("{} is longer than {limit} bytes", path.display())]
    TooLong {
        /// Which file.
        path: PathBuf,
        /// The bound in bytes.
        limit: u64,
    },
}

impl FsError {
    /// Whether the path does not exist.
    pub fn is_not_found(&self) -> bool {
        match self {
            Self::Io { source, .. } => source.kind() == io::ErrorKind::NotFound,
            Self::TooLong { .. } => false,
        }
    }
}

/// Makes an [`FsError`] of an [`io::Error`].
pub fn at<'a>(action: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> FsError + 'a {
    move |source| FsError::Io {
        action,
        path: path.to_owned(),
        source,
    }
}

/// Replaces `path` with `bytes` (permissions [`PRIVATE_FILE`]) so that a reader, also one after a crash, sees the
/// old content or the new one and nothing between: temporary file in the same directory, fsync, rename, fsync of
/// the directory.
///
/// A crash in the middle leaves a file named `.<name>.<random>.tmp` behind, which readers ignore.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<(), FsError> {
    write_atomic_mode(path, bytes, PRIVATE_FILE)
}

/// [`write_atomic`] with the permissions given.
pub fn write_atomic_mode(path: &Path, bytes: &[u8], mode: u32) -> Result<(), FsError> {
    let temporary = temporary_beside(path);
    let written = write_synced(&temporary, bytes, mode).and_then(|()| {
        std::fs::rename(&temporary, path).map_err(at("replace", path))?;
        sync_dir(parent_of(path))
    });
    if written.is_err() {
        // The first error is the one to report; the leftover is ignored by readers anyway.
        let _ = std::fs::remove_file(&temporary);
    }
    written
}

fn write_synced(path: &Path, bytes: &[u8], mode: u32) -> Result<(), FsError> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)
        .map_err(at("create", path))?;
    file.write_all(bytes).map_err(at("write", path))?;
    // The mode given to open is cut by the umask; a file made readable on purpose must be readable.
    file.set_permissions(std::fs::Permissions::from_mode(mode))
        .map_err(at("set the permissions of", path))?;
    file.sync_all().map_err(at("flush", path))
}

fn temporary_beside(path: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{:016x}.tmp", random::number()));
    parent_of(path).join(name)
}

fn parent_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) | None => Path::new("."),
    }
}

/// Makes the names in `dir` durable (creation, rename, removal).
pub fn sync_dir(dir: &Path) -> Result<(), FsError> {
    File::open(dir)
        .and_then(|handle| handle.sync_all())
        .map_err(at("flush directory", dir))
}

/// Creates `dir` and its missing parents with permissions [`PRIVATE_DIR`]; an existing one is kept and its
/// permissions are narrowed to [`PRIVATE_DIR`]. The names are durable afterwards.
pub fn create_dir_private(dir: &Path) -> Result<(), FsError> {
    if dir.is_dir() {
        return std::fs::set_permissions(dir, std::fs::Permissions::from_mode(PRIVATE_DIR))
            .map_err(at("set the permissions of", dir));
    }
    DirBuilder::new()
        .recursive(true)
        .mode(PRIVATE_DIR)
        .create(dir)
        .map_err(at("create directory", dir))?;
    sync_dir(parent_of(dir))
}

/// The content of `path`, refused when it is longer than `limit` bytes.
pub fn read_bounded(path: &Path, limit: u64) -> Result<Vec<u8>, FsError> {
    let file = File::open(path).map_err(at("open", path))?;
    // Most are small, and files of the kernel have no length to go by: one read for all of it, one for the end.
    let mut bytes = Vec::with_capacity(SMALL);
    file.take(limit.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(at("read", path))?;
    if bytes.len() as u64 > limit {
        return Err(FsError::TooLong {
            path: path.to_owned(),
            limit,
        });
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_private_and_leaves_no_temporary() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state.json");
        write_atomic(&path, b"old").unwrap();
        write_atomic(&path, b"new").unwrap();
        assert_eq!(read_bounded(&path, 3).unwrap(), b"new");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_write_that_fails_keeps_the_old_content_and_leaves_no_temporary() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("busy");
        std::fs::create_dir_all(path.join("inner")).unwrap();
        let error = write_atomic(&path, b"new").unwrap_err();
        assert!(error.to_string().contains("busy"), "{error}");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_longer_than_the_bound_is_refused_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("long");
        write_atomic(&path, b"four").unwrap();
        let error = read_bounded(&path, 3).unwrap_err();
        assert!(
            error.to_string().ends_with("long is longer than 3 bytes"),
            "{error}"
        );
        assert!(!error.is_not_found());
        assert!(
            read_bounded(&dir.path().join("absent"), 3)
                .unwrap_err()
                .is_not_found()
        );
    }

    #[test]
    fn a_private_directory_is_made_with_its_parents_and_narrowed_when_it_exists() {
        let dir = tempfile::tempdir().unwrap();
        let inner = dir.path().join("a/b");
        create_dir_private(&inner).unwrap();
        std::fs::set_permissions(&inner, std::fs::Permissions::from_mode(0o755)).unwrap();
        create_dir_private(&inner).unwrap();
        assert_eq!(
            inner.metadata().unwrap().permissions().mode() & 0o777,
            0o700
        );
    }
}
