//! The right to change an environment: one holder at a time, whatever becomes of it.
//!
//! A lease is a file named by its token, `change-<token>.lease`; the highest token is the one that counts. Its holder
//! keeps it locked, which ends with the holder's life, and touches it every few seconds, which ends when the holder
//! stands still. So one that died is succeeded at once, and one that was stopped is succeeded after [`TTL`]; nobody
//! has to remove anything by hand. The successor's file is made whole under another name and linked to its own, which
//! only one of many can do.
//!
//! A holder that wakes up after it was succeeded is fenced off: what it asks of the daemon carries its token, and the
//! daemon refuses tokens below the newest that it has seen ([`crate::daemon`]). The first thing that a successor asks
//! is to be that newest; the answer comes when everything that was asked before is over.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use plimsoll_stdx::fs::{FsError, PRIVATE_FILE, at, sync_dir};
use plimsoll_stdx::lock::LockError;
use plimsoll_stdx::random;
use rustix::fs::{FlockOperation, flock};

/// A holder that gave no sign of life for so long is succeeded: ten signs, so that a machine that is busy for a moment
/// succeeds nobody.
const TTL: Duration = Duration::from_secs(30);
/// Between two signs of life.
const SIGN: Duration = Duration::from_secs(3);
/// Tries to take it where others come and go meanwhile.
const TRIES: usize = 8;
const PREFIX: &str = "change-";
const SUFFIX: &str = ".lease";

/// The right to change an environment; dropping it gives it up.
#[derive(Debug)]
pub(crate) struct Lease {
    token: u64,
    file: File,
    signs: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Lease {
    /// Takes the lease of the environment in `dir`, without waiting: somebody who holds it and shows signs of life is
    /// an error. Its token is above `floor` too: the newest that somebody else remembers.
    pub(crate) fn take(dir: &Path, floor: u64) -> Result<Self, LockError> {
        for _ in 0..TRIES {
            let newest = tokens(dir)?.into_iter().max().unwrap_or(0);
            match ensure_free(dir, newest)? {
                Free::Yes(_predecessor) => {
                    if let Some(lease) = create(dir, newest.max(floor) + 1)? {
                        return Ok(lease);
                    }
                }
                Free::Gone => {}
                Free::No => return Err(LockError::Held(path(dir, newest))),
            }
        }
        Err(LockError::Held(dir.to_owned()))
    }

    /// What tells this lease from all others: it rises with every one.
    pub(crate) fn token(&self) -> u64 {
        self.token
    }
}

impl Drop for Lease {
    /// Unlocks, and does not only close: a child between its fork and its exec has the file open too.
    fn drop(&mut self) {
        if let Some((end, thread)) = self.signs.take() {
            drop(end);
            let _ = thread.join();
        }
        let _ = flock(&self.file, FlockOperation::Unlock);
    }
}

/// Whether a lease may be succeeded.
enum Free {
    /// Yes; where its holder is gone, its file stays locked for as long as this lives, so that one asks at a time.
    Yes(Option<File>),
    /// Its file went away: somebody was quicker.
    Gone,
    No,
}

fn ensure_free(dir: &Path, token: u64) -> Result<Free, LockError> {
    if token == 0 {
        return Ok(Free::Yes(None));
    }
    let path = path(dir, token);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Free::Gone),
        Err(error) => return Err(at("open", &path)(error).into()),
    };
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Free::Yes(Some(file))),
        Err(rustix::io::Errno::WOULDBLOCK) if stands_still(&file, &path)? => Ok(Free::Yes(None)),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(Free::No),
        Err(error) => Err(at("lock", &path)(error.into()).into()),
    }
}

/// A time in the future is a clock that was set back: then the holder shows itself within a few seconds.
fn stands_still(file: &File, path: &Path) -> Result<bool, FsError> {
    let touched = file
        .metadata()
        .and_then(|about| about.modified())
        .map_err(at("look at", path))?;
    let age = SystemTime::now().duration_since(touched);
    Ok(age.is_ok_and(|age| age > TTL))
}

/// The lease `token`, or nothing where somebody else has just got it.
fn create(dir: &Path, token: u64) -> Result<Option<Lease>, LockError> {
    let temporary = dir.join(format!(".{PREFIX}{:016x}.tmp", random::number()));
    let made = locked(&temporary);
    let path = path(dir, token);
    let linked = made.and_then(|file| match std::fs::hard_link(&temporary, &path) {
        Ok(()) => Ok(Some(file)),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(None),
        Err(error) => Err(at("create", &path)(error)),
    });
    let _ = std::fs::remove_file(&temporary);
    let Some(file) = linked? else {
        return Ok(None);
    };
    sync_dir(dir)?;
    for older in tokens(dir)?.into_iter().filter(|older| *older < token) {
        // What is left over says nothing: the highest counts.
        let _ = std::fs::remove_file(self::path(dir, older));
    }
    let signs = Some(show_signs(file.try_clone().map_err(at("share", &path))?));
    Ok(Some(Lease { token, file, signs }))
}

fn locked(path: &Path) -> Result<File, FsError> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(PRIVATE_FILE)
        .open(path)
        .map_err(at("create", path))?;
    flock(&file, FlockOperation::NonBlockingLockExclusive)
        .map_err(|error| at("lock", path)(error.into()))?;
    // For a person who looks; nothing reads it.
    writeln!(file, "{}", std::process::id()).map_err(at("write", path))?;
    Ok(file)
}

/// Touches the file until the other end is dropped.
fn show_signs(file: File) -> (Sender<()>, JoinHandle<()>) {
    let (end, ended) = channel();
    let thread = std::thread::spawn(move || {
        while ended.recv_timeout(SIGN) == Err(RecvTimeoutError::Timeout) {
            // A disk that is full takes a touch; another failure makes this lease end early, which is safe.
            let _ = file.set_modified(SystemTime::now());
        }
    });
    (end, thread)
}

fn tokens(dir: &Path) -> Result<Vec<u64>, FsError> {
    let mut tokens = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(at("list", dir))? {
        let name = entry.map_err(at("list", dir))?.file_name();
        let name = name.to_string_lossy();
        let token = name
            .strip_prefix(PREFIX)
            .and_then(|rest| rest.strip_suffix(SUFFIX));
        tokens.extend(token.and_then(|token| token.parse::<u64>().ok()));
    }
    Ok(tokens)
}

fn path(dir: &Path, token: u64) -> PathBuf {
    dir.join(format!("{PREFIX}{token}{SUFFIX}"))
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Barrier};

    use super::*;

    #[test]
    fn a_second_holder_waits_for_the_first_and_has_a_higher_token() {
        let dir = tempfile::tempdir().unwrap();
        let first = Lease::take(dir.path(), 0).unwrap();
        assert!(matches!(
            Lease::take(dir.path(), 0),
            Err(LockError::Held(_))
        ));
        let token = first.token();
        drop(first);
        let second = Lease::take(dir.path(), 0).unwrap();
        assert!(second.token() > token);
        assert_eq!(tokens(dir.path()).unwrap(), [second.token()]);
    }

    /// A holder that was stopped: its lock is held, and it gives no sign.
    #[test]
    fn a_holder_that_stands_still_is_succeeded_and_does_not_come_back() {
        let dir = tempfile::tempdir().unwrap();
        let mut still = Lease::take(dir.path(), 0).unwrap();
        let (end, thread) = still.signs.take().unwrap();
        drop(end);
        thread.join().unwrap();
        assert!(
            matches!(Lease::take(dir.path(), 0), Err(LockError::Held(_))),
            "not yet"
        );
        still
            .file
            .set_modified(SystemTime::now() - TTL * 2)
            .unwrap();
        let successor = Lease::take(dir.path(), 0).unwrap();
        assert!(successor.token() > still.token());
        drop(still);
        assert!(
            matches!(Lease::take(dir.path(), 0), Err(LockError::Held(_))),
            "the successor's stays"
        );
    }

    #[test]
    fn of_many_who_succeed_a_dead_one_at_once_one_does() {
        for _ in 0..20 {
            let dir = Arc::new(tempfile::tempdir().unwrap());
            drop(Lease::take(dir.path(), 0).unwrap());
            let start = Arc::new(Barrier::new(8));
            let takers: Vec<_> = (0..8)
                .map(|_| {
                    let (dir, start) = (Arc::clone(&dir), Arc::clone(&start));
                    std::thread::spawn(move || {
                        start.wait();
                        let taken = Lease::take(dir.path(), 0);
                        start.wait();
                        taken.is_ok()
                    })
                })
                .collect();
            let won = takers.into_iter().map(|taker| taker.join().unwrap());
            assert_eq!(won.filter(|won| *won).count(), 1);
        }
    }

    /// The files may be lost where what they fenced off is not: a folder that was copied without them.
    #[test]
    fn a_token_is_above_what_others_remember() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Lease::take(dir.path(), 41).unwrap().token(), 42);
        assert_eq!(Lease::take(dir.path(), 7).unwrap().token(), 43);
    }

    #[test]
    fn what_is_left_of_a_file_that_was_being_made_is_no_lease() {
        let dir = tempfile::tempdir().unwrap();
        for name in [
            ".change-0.tmp",
            "change-x.lease",
            "change-.lease",
            "change-3",
        ] {
            File::create(dir.path().join(name)).unwrap();
        }
        assert_eq!(Lease::take(dir.path(), 0).unwrap().token(), 1);
    }
}
