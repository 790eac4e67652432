//! A folder under construction: locked while its maker lives, removed by the next one when the maker was killed.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use plimsoll_stdx::random;
use rustix::fs::{FlockOperation, flock};

use super::UnpackError;

const PREFIX: &str = ".unpack-";

/// A folder under construction, removed when it is dropped.
#[derive(Debug)]
pub(super) struct Staging {
    path: PathBuf,
    /// Holds the lock, which the kernel drops however we end.
    lock: File,
}

impl Staging {
    /// A new folder in `root`.
    pub(super) fn new(root: &Path) -> Result<Self, UnpackError> {
        loop {
            let path = root.join(format!("{PREFIX}{:016x}", random::number()));
            fs::create_dir(&path).map_err(UnpackError::io("create", &path))?;
            let lock = match File::open(&path) {
                // A sweeper may come before the lock is taken; then the name is gone and another is taken.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                opened => opened.map_err(UnpackError::io("open", &path))?,
            };
            flock(&lock, FlockOperation::LockExclusive)
                .map_err(|errno| UnpackError::io("lock", &path)(errno.into()))?;
            // Or between the two.
            if is_same(&lock, &path).map_err(UnpackError::io("look at", &path))? {
                return Ok(Self { path, lock });
            }
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes all that was written here durable: one call for the whole file system, where a hundred thousand files
    /// would need one each.
    pub(super) fn sync(&self) -> Result<(), UnpackError> {
        rustix::fs::syncfs(&self.lock)
            .map_err(|errno| UnpackError::io("flush", &self.path)(errno.into()))
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // After the folder got its name there is nothing here; what cannot be removed now, the next sweep removes.
        let _ = fs::remove_dir_all(&self.path);
    }
}

fn is_same(file: &File, path: &Path) -> io::Result<bool> {
    let opened = file.metadata()?;
    match fs::symlink_metadata(path) {
        Ok(named) => Ok((named.dev(), named.ino()) == (opened.dev(), opened.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Removes the folders in `root` whose makers are gone.
pub(super) fn sweep(root: &Path) -> Result<(), UnpackError> {
    for entry in fs::read_dir(root).map_err(UnpackError::io("list", root))? {
        let entry = entry.map_err(UnpackError::io("list", root))?;
        if !entry.file_name().to_string_lossy().starts_with(PREFIX) {
            continue;
        }
        let path = entry.path();
        let Ok(folder) = File::open(&path) else {
            // Finished in this moment.
            continue;
        };
        if flock(&folder, FlockOperation::NonBlockingLockExclusive).is_ok() {
            match fs::remove_dir_all(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(UnpackError::io("remove", &path)(error));
                }
                Ok(()) | Err(_) => {}
            }
        }
    }
    Ok(())
}
