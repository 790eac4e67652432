//! The program that shims and keepers are.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;

use plimsoll_stdx::fs::{FsError, write_atomic_mode};
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use rustix::io::Errno;

/// As other programs have; who may reach the file is its folder's business.
const EXECUTABLE: u32 = 0o755;

/// From a fork to an execution is a millisecond, on a machine that is not overwhelmed: two seconds in all.
const BUSY_LOOKS: u32 = 100;
const BUSY_WAIT: Duration = Duration::from_millis(20);

/// A program that calls [`crate::dispatch::dispatch`].
#[derive(Debug, Clone)]
pub struct Tool {
    path: PathBuf,
    /// What the path leads to, where that is no file.
    _memory: Option<Arc<OwnedFd>>,
}

impl Tool {
    /// The program in the file at `path`.
    pub fn at(path: PathBuf) -> Self {
        Self {
            path,
            _memory: None,
        }
    }

    /// This very program, also when its file has been replaced meanwhile.
    pub fn own() -> Self {
        Self::at(PathBuf::from("/proc/self/exe"))
    }

    /// `program`, in the file at `path`, which is made or mended where it is not that. A file is loaded from the page
    /// cache many pages at once, and memory one by one, which is a twentieth of a contained start; so memory is for
    /// where the file cannot be written or is not executed (see [`Self::in_memory`]).
    pub fn in_file(path: &Path, program: &[u8]) -> Self {
        file(path, program)
            .ok()
            .filter(Self::starts)
            .unwrap_or_else(|| Self::in_memory(program))
    }

    /// `program`, in memory that nobody can change any more. Where this machine executes nothing from there, it is
    /// [`Self::own`], which must be able to do the same.
    pub fn in_memory(program: &[u8]) -> Self {
        memory(program)
            .ok()
            .filter(Self::starts)
            .unwrap_or_else(Self::own)
    }

    /// Where it is executed from; in a child of this process too.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether this machine executes it. Without a verb it does nothing. A child that another thread forked while the
    /// file was written has it open until that child executes, and until then nobody executes the file.
    fn starts(&self) -> bool {
        let mut command = Command::new(&self.path);
        let quiet = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        for _ in 0..BUSY_LOOKS {
            match quiet.status() {
                Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy => sleep(BUSY_WAIT),
                ended => return ended.is_ok_and(|status| status.code().is_some()),
            }
        }
        false
    }
}

fn file(path: &Path, program: &[u8]) -> Result<Tool, FsError> {
    if !std::fs::read(path).is_ok_and(|found| found == program) {
        write_atomic_mode(path, program, EXECUTABLE)?;
    }
    Ok(Tool::at(path.to_owned()))
}

fn memory(program: &[u8]) -> io::Result<Tool> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let handle = match memfd_create(c"plimsoll-shim", flags | MemfdFlags::EXEC) {
        // Linux before 6.3 has no word for it, and no other kind.
        Err(Errno::INVAL) => memfd_create(c"plimsoll-shim", flags)?,
        made => made?,
    };
    let mut file = File::from(handle);
    file.write_all(program)?;
    let all = SealFlags::SEAL | SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE;
    fcntl_add_seals(&file, all)?;
    Ok(Tool {
        path: PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd())),
        _memory: Some(Arc::new(file.into())),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_in_memory_is_executed_and_cannot_be_changed() {
        let program = std::fs::read("/bin/true").unwrap();
        let tool = memory(&program).unwrap();
        assert!(tool.starts());
        assert!(Command::new(tool.path()).status().unwrap().success());
        let opened = std::fs::OpenOptions::new().write(true).open(tool.path());
        // Root may open it, and nobody may write.
        assert!(opened.is_err() || opened.unwrap().write_all(b"#").is_err());
        assert_eq!(std::fs::read(tool.path()).unwrap(), program);
    }

    #[test]
    fn a_program_in_a_file_is_made_once_and_mended_when_it_differs() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("shim");
        let program = std::fs::read("/bin/true").unwrap();
        for damage in [None, Some(&b"no program"[..])] {
            if let Some(bytes) = damage {
                write_atomic_mode(&path, bytes, EXECUTABLE).unwrap();
            }
            let tool = Tool::in_file(&path, &program);
            assert_eq!(tool.path(), path);
            assert!(Command::new(tool.path()).status().unwrap().success());
        }
        let nowhere = Tool::in_file(&dir.path().join("no/folder/shim"), &program);
        assert!(nowhere.path().starts_with("/proc/self/fd"));
    }

    #[test]
    fn a_program_that_somebody_still_writes_to_is_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("shim");
        write_atomic_mode(&path, &std::fs::read("/bin/true").unwrap(), EXECUTABLE).unwrap();
        let writer = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
        let tool = Tool::at(path);
        let busy = Command::new(tool.path()).status().unwrap_err();
        assert_eq!(busy.kind(), io::ErrorKind::ExecutableFileBusy);
        std::thread::scope(|scope| {
            let starts = scope.spawn(|| tool.starts());
            drop(writer);
            assert!(starts.join().unwrap());
        });
    }

    #[test]
    fn what_is_no_program_is_not_used() {
        let tool = Tool::in_memory(b"no program");
        assert_eq!(tool.path(), Path::new("/proc/self/exe"));
    }
}
