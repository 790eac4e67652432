//! Mounting, each call with the words for its failure.

use std::path::Path;

use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::io::Errno;
use rustix::mount::{MountFlags, mount, mount_bind, mount_bind_recursive, mount_remount};

use super::sys::{self, Reach};

/// Says what failed, where and why.
pub(super) fn failed<'a, E: std::fmt::Display>(
    action: &'a str,
    path: &'a Path,
) -> impl FnOnce(E) -> String + 'a {
    move |error| format!("cannot {action} {}: {error}", path.display())
}

/// A file system in memory with at most `mib` MiB.
pub(super) fn tmpfs(path: &Path, mib: u32, mode: u32, flags: MountFlags) -> Result<(), String> {
    let data = format!("size={mib}m,mode={mode:o}");
    let data = std::ffi::CString::new(data).map_err(failed("describe", path))?;
    mount("tmpfs", path, "tmpfs", flags, Some(data.as_c_str()))
        .map_err(failed("mount a file system in memory on", path))
}

/// Makes `source` visible at `target`. What is mounted below it comes along, since a user namespace must not hide
/// less than it was given.
pub(super) fn bind(source: &Path, target: &Path, flags: MountFlags) -> Result<(), String> {
    mount_bind_recursive(source, target).map_err(failed("bind", source))?;
    restrict(target, flags)
}

/// Makes one file or device visible at `target`, which is created.
pub(super) fn bind_file(source: &Path, target: &Path) -> Result<(), String> {
    match mknodat(CWD, target, FileType::RegularFile, Mode::empty(), 0) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(error) => return Err(failed("create", target)(error)),
    }
    mount_bind(source, target).map_err(failed("bind", source))
}

/// Makes a mount of the folder at `path`, which can then have flags of its own and be moved.
pub(super) fn bind_itself(path: &Path) -> Result<(), String> {
    mount_bind(path, path).map_err(failed("bind", path))
}

/// Takes rights away from the mount at `path`; what it lacks already it goes on lacking.
pub(super) fn restrict(path: &Path, flags: MountFlags) -> Result<(), String> {
    sys::restrict_mount(path, flags, Reach::One).or_else(|_| remount(path, flags))
}

/// The same with the mounts below it, which are `names`.
pub(super) fn restrict_all(path: &Path, names: &[&str], flags: MountFlags) -> Result<(), String> {
    if sys::restrict_mount(path, flags, Reach::All).is_ok() {
        return Ok(());
    }
    for name in names {
        remount(&path.join(name), flags)?;
    }
    remount(path, flags)
}

/// As it is done where the kernel has no `mount_setattr` (before 5.12) or somebody filters it: the flags that the mount
/// has are named again, for a user namespace may not take any away.
fn remount(path: &Path, flags: MountFlags) -> Result<(), String> {
    let has = rustix::fs::statvfs(path)
        .map_err(failed("look at", path))?
        .f_flag;
    let mut all = flags | MountFlags::BIND;
    for (bit, flag) in [
        (rustix::fs::StatVfsMountFlags::RDONLY, MountFlags::RDONLY),
        (rustix::fs::StatVfsMountFlags::NOSUID, MountFlags::NOSUID),
        (rustix::fs::StatVfsMountFlags::NODEV, MountFlags::NODEV),
        (rustix::fs::StatVfsMountFlags::NOEXEC, MountFlags::NOEXEC),
        (rustix::fs::StatVfsMountFlags::NOATIME, MountFlags::NOATIME),
        (
            rustix::fs::StatVfsMountFlags::NODIRATIME,
            MountFlags::NODIRATIME,
        ),
        (
            rustix::fs::StatVfsMountFlags::RELATIME,
            MountFlags::RELATIME,
        ),
    ] {
        if has.contains(bit) {
            all |= flag;
        }
    }
    mount_remount(path, all, c"").map_err(failed("protect", path))
}

/// Takes away the right to write at `path`.
pub(super) fn seal(path: &Path) -> Result<(), String> {
    restrict(
        path,
        MountFlags::RDONLY | MountFlags::NOSUID | MountFlags::NODEV,
    )
}
