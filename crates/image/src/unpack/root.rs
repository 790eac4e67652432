//! Paths beneath one folder, whatever symbolic links the image has put there.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use super::path::{self, MAX_DEPTH, MAX_PATH};
use super::{EntryError, path::parts};

/// Symbolic links on the way to one folder, at the most: the kernel's own bound.
const MAX_LINKS: usize = 40;
/// What a folder has that an archive implies and does not describe.
const FOLDER_MODE: u32 = 0o755;

/// The folder that an image is unpacked into. All paths are relative to it and never leave it.
#[derive(Debug)]
pub(super) struct Root {
    fd: OwnedFd,
}

impl Root {
    pub(super) fn open(path: &Path) -> std::io::Result<Self> {
        let flags = OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        Ok(Self {
            fd: rustix::fs::open(path, flags, Mode::empty())?,
        })
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// The folder `dir`, symbolic links on the way followed with this root as `/`; nothing where it is not there.
    pub(super) fn find(&self, dir: &Path) -> Result<Option<OwnedFd>, EntryError> {
        let opened = match self.open_plain(dir) {
            Err(Errno::LOOP) => self.open_plain(&self.resolve(dir)?),
            opened => opened,
        };
        match opened {
            Ok(folder) => Ok(Some(folder)),
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
            Err(errno) => Err(errno.into()),
        }
    }

    /// The folder `dir`, made where it is not there, with all above it.
    pub(super) fn make(&self, dir: &Path) -> Result<OwnedFd, EntryError> {
        match self.open_plain(dir) {
            Ok(folder) => return Ok(folder),
            Err(Errno::NOENT | Errno::LOOP) => {}
            Err(errno) => return Err(errno.into()),
        }
        let mut folder = self.fd.try_clone()?;
        for name in &self.resolve(dir)? {
            folder = match open_beneath(&folder, Path::new(name)) {
                Err(Errno::NOENT) => {
                    make_folder(&folder, name, FOLDER_MODE)?;
                    open_beneath(&folder, Path::new(name))?
                }
                opened => opened?,
            };
        }
        Ok(folder)
    }

    fn open_plain(&self, dir: &Path) -> Result<OwnedFd, Errno> {
        if dir.as_os_str().is_empty() {
            return open_beneath(&self.fd, Path::new("."));
        }
        open_beneath(&self.fd, dir)
    }

    /// `dir` without symbolic links. What is not there is taken as it stands, so that it can be made. The result has a
    /// bounded depth, and with it every tree that is ever made here.
    fn resolve(&self, dir: &Path) -> Result<PathBuf, EntryError> {
        let mut waiting: VecDeque<OsString> = dir.iter().map(OsStr::to_owned).collect();
        let mut found: Vec<OsString> = Vec::new();
        let mut links = 0;
        while let Some(part) = waiting.pop_front() {
            if part == ".." {
                // As in `/`, the folder above the root is the root.
                found.pop();
                continue;
            }
            let Some(target) = self.link_at(&found, &part)? else {
                found.push(part);
                ensure_reachable(&found)?;
                continue;
            };
            links += 1;
            if links > MAX_LINKS {
                return Err(EntryError::TooManyLinks(MAX_LINKS));
            }
            if target.first() == Some(&b'/') {
                found.clear();
            }
            for part in parts(&target).rev() {
                waiting.push_front(OsStr::from_bytes(part).to_owned());
            }
        }
        Ok(found.iter().collect())
    }

    /// Where the symbolic link `name` leads; nothing for anything else, and for what is not there.
    fn link_at(&self, folder: &[OsString], name: &OsStr) -> Result<Option<Vec<u8>>, EntryError> {
        let folder = match self.open_plain(&folder.iter().collect::<PathBuf>()) {
            // Taken as it stands: whoever opens it says what is wrong.
            Err(Errno::NOENT | Errno::NOTDIR) => return Ok(None),
            opened => opened?,
        };
        match rustix::fs::readlinkat(&folder, name, Vec::new()) {
            Ok(target) => Ok(Some(target.into_bytes())),
            Err(Errno::INVAL | Errno::NOENT) => Ok(None),
            Err(errno) => Err(errno.into()),
        }
    }
}

fn ensure_reachable(parts: &[OsString]) -> Result<(), EntryError> {
    let bytes: usize = parts.iter().map(|part| part.len() + 1).sum();
    if parts.len() > MAX_DEPTH || bytes > MAX_PATH {
        return Err(EntryError::BadName(
            "its path, symbolic links followed, is too long or too deep",
        ));
    }
    Ok(())
}

/// A folder beneath `from`, on the way to which there is no symbolic link.
fn open_beneath(from: &OwnedFd, dir: &Path) -> Result<OwnedFd, Errno> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_XDEV;
    rustix::fs::openat2(from, dir, flags, Mode::empty(), resolve)
}

/// A new folder whose mode is not cut by the umask.
pub(super) fn make_folder(parent: &OwnedFd, name: &OsStr, mode: u32) -> Result<(), EntryError> {
    rustix::fs::mkdirat(parent, name, Mode::RWXU)?;
    rustix::fs::chmodat(parent, name, Mode::from_raw_mode(mode), AtFlags::empty())?;
    Ok(())
}

/// What is at `name`, a symbolic link not followed.
pub(super) fn look(parent: &OwnedFd, name: &OsStr) -> Result<Option<rustix::fs::Stat>, EntryError> {
    match rustix::fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some(stat)),
        Err(Errno::NOENT) => Ok(None),
        Err(errno) => Err(errno.into()),
    }
}

/// What kind of file it is.
pub(super) fn kind(stat: &rustix::fs::Stat) -> FileType {
    FileType::from_raw_mode(stat.st_mode)
}

/// Removes `name` and, where it is a folder, all in it. What is not there is removed already.
pub(super) fn remove(parent: &OwnedFd, name: &OsStr) -> Result<(), EntryError> {
    let Some(stat) = look(parent, name)? else {
        return Ok(());
    };
    if kind(&stat) != FileType::Directory {
        rustix::fs::unlinkat(parent, name, AtFlags::empty())?;
        return Ok(());
    }
    empty(&open_beneath(parent, Path::new(name))?)?;
    rustix::fs::unlinkat(parent, name, AtFlags::REMOVEDIR)?;
    Ok(())
}

/// Removes all in `folder`. The depth is bounded by what [`Root`] lets grow.
pub(super) fn empty(folder: &OwnedFd) -> Result<(), EntryError> {
    for name in list(folder)? {
        remove(folder, &name)?;
    }
    Ok(())
}

/// Collected before anything is removed: what a changing folder lists is not defined.
fn list(folder: &OwnedFd) -> Result<Vec<OsString>, EntryError> {
    let flags = OFlags::DIRECTORY | OFlags::CLOEXEC;
    let readable = rustix::fs::openat(folder, ".", flags, Mode::empty())?;
    let mut names = Vec::new();
    for entry in Dir::new(readable)? {
        let name = entry?.file_name().to_bytes().to_vec();
        if name != b"." && name != b".." {
            names.push(OsString::from_vec(name));
        }
    }
    Ok(names)
}

/// The folder and the name of an entry's path; `None` is the root itself.
pub(super) fn place<'a>(
    root: &Root,
    entry: &'a Path,
) -> Result<Option<(OwnedFd, &'a OsStr)>, EntryError> {
    match path::split(entry) {
        None => Ok(None),
        Some((folder, name)) => Ok(Some((root.make(folder)?, name))),
    }
}
