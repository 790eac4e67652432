//! One owner per directory: an advisory lock that the kernel drops when its owner dies, however it dies.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::fs::{FsError, PRIVATE_FILE, at};

/// Why a lock was not taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Somebody else holds it.
    #[error("{} is locked by another process", .0.display())]
    Held(PathBuf),
    /// The lock file cannot be used.
    #[error(transparent)]
    Fs(#[from] FsError),
}

/// A held lock; dropping it lets go.
#[derive(Debug)]
pub struct Lock {
    file: File,
}

impl Lock {
    /// Takes the lock on the file `path`, which is created when missing, without waiting.
    pub fn try_new(path: &Path) -> Result<Self, LockError> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(PRIVATE_FILE)
            .open(path)
            .map_err(at("open", path))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self { file }),
            Err(Errno::WOULDBLOCK) => Err(LockError::Held(path.to_owned())),
            Err(error) => Err(at("lock", path)(error.into()).into()),
        }
    }
}

impl Drop for Lock {
    /// Unlocks, and does not only close: a child between its fork and its exec has the file open too, and would hold
    /// the lock for that moment.
    fn drop(&mut self) {
        let _ = flock(&self.file, FlockOperation::Unlock);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_owner_is_refused_until_the_first_lets_go() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let first = Lock::try_new(&path).unwrap();
        assert!(matches!(Lock::try_new(&path), Err(LockError::Held(_))));
        drop(first);
        Lock::try_new(&path).unwrap();
    }
}
