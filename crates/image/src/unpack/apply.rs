//! From entries to files.

use std::ffi::OsStr;
use std::fs::{File, Permissions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Timespec, Timestamps};

use super::EntryError;
use super::limits::Budget;
use super::path::{self, MAX_PATH};
use super::root::{self, Root};
use super::tar::{Entry, Kind, Segment};
use super::whiteout::{Meaning, meaning};

const COPY_BUFFER: usize = 64 << 10;
/// Names of skipped entries that are kept; their number is kept whatever it is.
const MAX_SKIPPED_NAMES: usize = 32;
/// The last second that 32-bit time has, and Python's compiled files with it.
const MAX_MTIME: i64 = u32::MAX as i64;

/// Puts entries below one folder.
#[derive(Debug)]
pub(super) struct Applier<'a> {
    root: &'a Root,
    budget: Budget,
    buffer: Vec<u8>,
    skipped: Vec<String>,
    skipped_count: u64,
}

/// What came of all layers.
#[derive(Debug)]
pub(super) struct Applied {
    pub(super) bytes: u64,
    pub(super) entries: u64,
    pub(super) skipped: Vec<String>,
    pub(super) skipped_count: u64,
}

impl<'a> Applier<'a> {
    pub(super) fn new(root: &'a Root, budget: Budget) -> Self {
        Self {
            root,
            budget,
            buffer: vec![0; COPY_BUFFER],
            skipped: Vec::new(),
            skipped_count: 0,
        }
    }

    pub(super) fn finish(self) -> Applied {
        Applied {
            bytes: self.budget.bytes,
            entries: self.budget.entries,
            skipped: self.skipped,
            skipped_count: self.skipped_count,
        }
    }

    /// Takes away what the layer hides. Called for every entry of a layer before [`Applier::put`] is for any: a
    /// whiteout speaks of lower layers only, wherever it stands in its own.
    pub(super) fn hide(&mut self, entry: &Entry) -> Result<(), EntryError> {
        match meaning(&path::parse(&entry.path)?)? {
            Meaning::Content | Meaning::Note => Ok(()),
            Meaning::HideContent(folder) => match self.root.find(&folder)? {
                Some(folder) => root::empty(&folder),
                None => Ok(()),
            },
            Meaning::Hide(hidden) => {
                let Some((folder, name)) = path::split(&hidden) else {
                    return Ok(());
                };
                match self.root.find(folder)? {
                    Some(folder) => root::remove(&folder, name),
                    None => Ok(()),
                }
            }
        }
    }

    /// Makes what the entry describes; a later entry of the same path takes the place of an earlier one.
    pub(super) fn put(&mut self, entry: &Entry, body: &mut impl Read) -> Result<(), EntryError> {
        self.budget.charge(entry.size)?;
        let path = path::parse(&entry.path)?;
        match meaning(&path)? {
            Meaning::Content => {}
            // A folder that hides what is below it is there, also where the archive does not describe it.
            Meaning::HideContent(folder) => return self.root.make(&folder).map(drop),
            Meaning::Hide(_) | Meaning::Note => return Ok(()),
        }
        if entry.kind == Kind::Special {
            self.skip(&path);
            return Ok(());
        }
        let Some((parent, name)) = root::place(self.root, &path)? else {
            // The root is there, with the mode that the runner needs.
            return Ok(());
        };
        match entry.kind {
            Kind::File => self.file(&parent, name, entry, body),
            Kind::Directory => folder(&parent, name, entry.mode),
            Kind::Symlink => symlink(&parent, name, entry),
            Kind::HardLink => self.hard_link(&parent, name, entry),
            Kind::Special => Ok(()),
        }
    }

    fn skip(&mut self, path: &Path) {
        self.skipped_count += 1;
        if self.skipped.len() < MAX_SKIPPED_NAMES {
            self.skipped.push(path.to_string_lossy().into_owned());
        }
    }

    fn file(
        &mut self,
        parent: &OwnedFd,
        name: &OsStr,
        entry: &Entry,
        body: &mut impl Read,
    ) -> Result<(), EntryError> {
        root::remove(parent, name)?;
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut file = File::from(rustix::fs::openat(
            parent,
            name,
            flags,
            Mode::RUSR | Mode::WUSR,
        )?);
        match &entry.segments {
            None => self.copy(body, &mut file)?,
            Some(segments) => self.copy_sparse(segments, body, &mut file)?,
        }
        if entry.segments.is_some() {
            file.set_len(entry.size)?;
        }
        file.set_permissions(Permissions::from_mode(file_mode(entry.mode)))?;
        rustix::fs::futimens(&file, &times(entry.mtime))?;
        Ok(())
    }

    fn copy_sparse(
        &mut self,
        segments: &[Segment],
        body: &mut impl Read,
        file: &mut File,
    ) -> Result<(), EntryError> {
        for segment in segments {
            file.seek(SeekFrom::Start(segment.offset))?;
            self.copy(&mut body.by_ref().take(segment.length), file)?;
        }
        Ok(())
    }

    /// By hand, so that a broken archive and a full disk are told apart.
    fn copy(&mut self, body: &mut impl Read, file: &mut File) -> Result<(), EntryError> {
        loop {
            match body.read(&mut self.buffer) {
                Ok(0) => return Ok(()),
                Ok(count) => file.write_all(&self.buffer[..count])?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(EntryError::Body(error)),
            }
        }
    }

    fn hard_link(&self, parent: &OwnedFd, name: &OsStr, entry: &Entry) -> Result<(), EntryError> {
        let shown = || String::from_utf8_lossy(&entry.link).into_owned();
        let target = path::parse(&entry.link)?;
        let (folder, target) =
            path::split(&target).ok_or_else(|| EntryError::LinkToFolder(shown()))?;
        let no_target = || EntryError::NoTarget(shown());
        let folder = self.root.find(folder)?.ok_or_else(no_target)?;
        let stat = root::look(&folder, target)?.ok_or_else(no_target)?;
        if root::kind(&stat) == FileType::Directory {
            return Err(EntryError::LinkToFolder(shown()));
        }
        if let Some(present) = root::look(parent, name)?
            && (present.st_dev, present.st_ino) == (stat.st_dev, stat.st_ino)
        {
            // Removing the name first would remove the file.
            return Ok(());
        }
        root::remove(parent, name)?;
        match rustix::fs::linkat(&folder, target, parent, name, AtFlags::empty()) {
            Ok(()) => Ok(()),
            // The target lay in a folder that the link replaces.
            Err(rustix::io::Errno::NOENT) => Err(no_target()),
            Err(errno) => Err(errno.into()),
        }
    }
}

fn folder(parent: &OwnedFd, name: &OsStr, mode: u32) -> Result<(), EntryError> {
    let mode = folder_mode(mode);
    if root::look(parent, name)?.is_some_and(|present| root::kind(&present) == FileType::Directory)
    {
        rustix::fs::chmodat(parent, name, Mode::from_raw_mode(mode), AtFlags::empty())?;
        return Ok(());
    }
    root::remove(parent, name)?;
    root::make_folder(parent, name, mode)
}

/// The link is kept as it stands, wherever it leads: a replica sees this folder as `/`, and nothing of ours follows it.
fn symlink(parent: &OwnedFd, name: &OsStr, entry: &Entry) -> Result<(), EntryError> {
    if entry.link.is_empty() || entry.link.contains(&0) || entry.link.len() >= MAX_PATH {
        return Err(EntryError::BadName(
            "it is a symbolic link to a name that no file can have",
        ));
    }
    root::remove(parent, name)?;
    rustix::fs::symlinkat(OsStr::from_bytes(&entry.link), parent, name)?;
    rustix::fs::utimensat(parent, name, &times(entry.mtime), AtFlags::SYMLINK_NOFOLLOW)?;
    Ok(())
}

/// What the owner may read and execute, all may; nobody but the owner writes, and no bit changes who runs it.
fn file_mode(mode: u32) -> u32 {
    let owner = (mode >> 6) & 0o5;
    (mode & 0o755) | (owner << 3) | owner | 0o400
}

/// Folders can be entered by all, and emptied by us.
fn folder_mode(mode: u32) -> u32 {
    (mode & 0o1777) | 0o755
}

fn times(mtime: i64) -> Timestamps {
    let time = Timespec {
        tv_sec: mtime.clamp(0, MAX_MTIME),
        tv_nsec: 0,
    };
    Timestamps {
        last_access: time,
        last_modification: time,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_lose_what_changes_identity_and_gain_what_the_replica_needs() {
        for (mode, expected) in [
            (0o4755, 0o755),
            (0o600, 0o644),
            (0o700, 0o755),
            (0o2777, 0o755),
            (0, 0o400),
            (0o640, 0o644),
        ] {
            assert_eq!(file_mode(mode), expected, "{mode:o}");
        }
        for (mode, expected) in [
            (0o1777, 0o1777),
            (0o2755, 0o755),
            (0o700, 0o755),
            (0, 0o755),
        ] {
            assert_eq!(folder_mode(mode), expected, "{mode:o}");
        }
    }
}
