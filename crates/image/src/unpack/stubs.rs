//! What every replica mounts something on must be there: a read-only root cannot grow it later.

use std::ffi::OsStr;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{AtFlags, FileType, Mode, OFlags};

use super::root::{self, Root};
use super::{EntryError, UnpackError};

/// Folders, and whether all may write there before something is mounted: runc copies the mode of `/tmp` to what it
/// mounts on it.
const FOLDERS: [(&str, u32); 4] = [
    ("dev", 0o755),
    ("proc", 0o755),
    ("run", 0o755),
    ("tmp", 0o1777),
];
const FILES: [(&str, &str); 2] = [("hosts", "/etc/hosts"), ("resolv.conf", "/etc/resolv.conf")];

/// Makes the mount points real folders and files. A symbolic link in their place is replaced, because a mount on a link
/// is a mount on what it leads to, which may be the machine's own file.
pub(super) fn ensure(root: &Root) -> Result<(), UnpackError> {
    let top = root
        .make(Path::new(""))
        .map_err(|error| UnpackError::Stub("/", error))?;
    for (name, mode) in FOLDERS {
        folder(&top, OsStr::new(name), mode).map_err(|error| UnpackError::Stub(name, error))?;
    }
    let etc = etc(root, &top).map_err(|error| UnpackError::Stub("/etc", error))?;
    for (name, shown) in FILES {
        file(&etc, OsStr::new(name)).map_err(|error| UnpackError::Stub(shown, error))?;
    }
    Ok(())
}

fn is(kind: FileType, parent: &OwnedFd, name: &OsStr) -> Result<bool, EntryError> {
    Ok(root::look(parent, name)?.is_some_and(|present| root::kind(&present) == kind))
}

fn folder(parent: &OwnedFd, name: &OsStr, mode: u32) -> Result<(), EntryError> {
    if is(FileType::Directory, parent, name)? {
        rustix::fs::chmodat(parent, name, Mode::from_raw_mode(mode), AtFlags::empty())?;
        return Ok(());
    }
    root::remove(parent, name)?;
    root::make_folder(parent, name, mode)
}

/// The one folder whose content counts: were it a link, replacing it would lose what the image has behind it.
fn etc(root: &Root, top: &OwnedFd) -> Result<OwnedFd, EntryError> {
    if is(FileType::Symlink, top, OsStr::new("etc"))? {
        return Err(EntryError::BadName("it is a symbolic link"));
    }
    root.make(Path::new("etc"))
}

fn file(parent: &OwnedFd, name: &OsStr) -> Result<(), EntryError> {
    if is(FileType::RegularFile, parent, name)? {
        return Ok(());
    }
    root::remove(parent, name)?;
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(parent, name, flags, Mode::RUSR)?;
    rustix::fs::chmodat(parent, name, Mode::from_raw_mode(0o644), AtFlags::empty())?;
    Ok(())
}
