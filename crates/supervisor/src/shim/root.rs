//! A file tree of its own, in a mount namespace of its own.
//!
//! `/usr` of this machine read-only, an own small `/etc`, `/proc`, a small `/dev`, a private `/tmp`, a private tmpfs
//! for secrets, and what the orders bind. Everything else of this machine is not there.

use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, chmod, mknodat};
use rustix::io::Errno;
use rustix::mount::{
    MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_bind_recursive, mount_change,
    mount_move, unmount,
};
use rustix::process::{chdir, chroot, getegid, geteuid, pivot_root};
use rustix::thread::UnshareFlags;

use super::keep::put;
use super::mounts::{bind, bind_file, bind_itself, failed, restrict, restrict_all, seal, tmpfs};
use super::{TOKEN_FILE, etc, masks, scratch, sys, users};
use crate::order::{Bind, Isolation, Order};

/// The root holds names and a few small files.
pub(super) const ROOT_MIB: u32 = 16;
/// POSIX shared memory; PostgreSQL's parallel queries use it.
pub(super) const SHM_MIB: u32 = 256;
/// Secrets are keys and passwords.
const SECRETS_MIB: u32 = 1;
/// The devices that programs expect.
const DEVICES: &[&str] = &["null", "zero", "full", "random", "urandom"];
/// The system's other folders: links into `/usr` on a merged system, folders on an older one.
const SYSTEM: &[&str] = &["bin", "sbin", "lib", "lib32", "lib64", "libx32"];

/// Puts the tree together on `mount_point`, an empty folder, and enters it for good. This process keeps its user; as a
/// user who is not root it gets a user namespace of its own.
///
/// After an error the process is half-way between two trees and must end.
pub(crate) fn enter(order: &Order, token: &str, mount_point: &Path) -> Result<(), String> {
    let (uid, gid) = (geteuid().as_raw(), getegid().as_raw());
    let mut flags = UnshareFlags::NEWNS;
    if uid != 0 {
        flags |= UnshareFlags::NEWUSER;
    }
    sys::unshare(flags)
        .map_err(|error| format!("this machine allows no namespace of its own: {error}"))?;
    if uid != 0 {
        // Inside, the user has the number that it has outside.
        users::map((uid, gid), (uid, gid))?;
    }
    assemble(order, token, mount_point)
}

/// As [`enter`], in a mount namespace that this process has already.
pub(super) fn assemble(order: &Order, token: &str, mount_point: &Path) -> Result<(), String> {
    make_private()?;
    build(order, token, mount_point)?;
    seal(mount_point)?;
    switch(mount_point)
}

/// What is mounted from here on is seen by nobody else.
pub(super) fn make_private() -> Result<(), String> {
    mount_change(
        "/",
        MountPropagationFlags::PRIVATE | MountPropagationFlags::REC,
    )
    .map_err(failed("make private", Path::new("/")))
}

fn build(order: &Order, token: &str, root: &Path) -> Result<(), String> {
    tmpfs(root, ROOT_MIB, 0o755, MountFlags::NOSUID)?;
    tools(order, root)?;
    private(order, token, root)?;
    for order in &order.binds {
        bind_order(root, order)?;
    }
    scratch::build(order, root)
}

/// What the tree of tools has of this machine, with the folders for what it has of its own.
pub(super) fn tools(order: &Order, root: &Path) -> Result<(), String> {
    for name in ["usr", "etc", "proc", "dev", "tmp", "run/plimsoll"] {
        folder(&root.join(name))?;
    }
    system(root)?;
    etc::build(order, &root.join("etc"))
}

/// What every tree has of its own, on folders of `root` that exist: processes, devices, scratch, secrets and the mark.
pub(super) fn private(order: &Order, token: &str, root: &Path) -> Result<(), String> {
    let contained = order.isolation == Isolation::Contained;
    proc(&root.join("proc"))?;
    if contained {
        let empty = root.join("empty");
        folder(&empty)?;
        masks::cover(&root.join("proc"), &empty)?;
        // The mounts of it stay, and nothing can ever be put into a folder that is gone.
        std::fs::remove_dir(&empty).map_err(failed("remove", &empty))?;
    }
    dev(&root.join("dev"))?;
    scratch::tmp(order, root)?;
    folder(&inside(root, Path::new(&order.secrets_dir))?)?;
    let token_file = inside(root, Path::new(TOKEN_FILE))?;
    if let Some(parent) = token_file.parent() {
        folder(parent)?;
    }
    put(&token_file, token.as_bytes(), 0o444)
}

/// Puts a private file system in memory on the folder for secrets.
pub(super) fn secrets(dir: &Path) -> Result<(), String> {
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    tmpfs(dir, SECRETS_MIB, 0o755, flags)
}

/// `path` of the new tree, below `root`. Refused where it could lead out.
pub(super) fn inside(root: &Path, path: &Path) -> Result<PathBuf, String> {
    let mut parts = path.components();
    let plain = parts.next() == Some(Component::RootDir)
        && parts.all(|part| matches!(part, Component::Normal(_)));
    if !plain {
        return Err(format!("{} is no plain absolute path", path.display()));
    }
    Ok(root.join(path.strip_prefix("/").unwrap_or(path)))
}

pub(super) fn folder(path: &Path) -> Result<(), String> {
    std::fs::create_dir_all(path).map_err(failed("create", path))
}

fn system(root: &Path) -> Result<(), String> {
    let fixed = MountFlags::RDONLY | MountFlags::NOSUID | MountFlags::NODEV;
    bind(Path::new("/usr"), &root.join("usr"), fixed)?;
    for name in SYSTEM {
        let (here, there) = (Path::new("/").join(name), root.join(name));
        if let Ok(target) = std::fs::read_link(&here) {
            symlink(&target, &there).map_err(failed("link", &there))?;
        } else if here.is_dir() {
            folder(&there)?;
            bind(&here, &there, fixed)?;
        }
    }
    Ok(())
}

/// The processes of others are not listed where the kernel lets us say so.
fn proc(path: &Path) -> Result<(), String> {
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    if mount("proc", path, "proc", flags, Some(c"hidepid=invisible")).is_ok() {
        return Ok(());
    }
    // A user namespace without a process namespace may show what is there and not mount it anew.
    mount_bind_recursive("/proc", path).map_err(failed("bind", Path::new("/proc")))
}

/// Makes the same device as `source`. `false` where we may not, as in a user namespace: there it can only be shown.
fn device(source: &Path, target: &Path) -> Result<bool, String> {
    let number = std::fs::metadata(source).map_err(failed("look at", source))?;
    let all = Mode::from_raw_mode(0o666);
    match mknodat(CWD, target, FileType::CharacterDevice, all, number.rdev()) {
        // The mode at creation is cut by the umask.
        Ok(()) => chmod(target, all).map_err(failed("set the permissions of", target))?,
        Err(Errno::PERM) => return Ok(false),
        Err(error) => return Err(failed("create", target)(error)),
    }
    Ok(true)
}

fn dev(path: &Path) -> Result<(), String> {
    bind_itself(path)?;
    let mut shown = Vec::new();
    for &name in DEVICES {
        let (here, there) = (Path::new("/dev").join(name), path.join(name));
        if !device(&here, &there)? {
            bind_file(&here, &there)?;
            shown.push(name);
        }
    }
    for (name, target) in [
        ("fd", "/proc/self/fd"),
        ("stdin", "/proc/self/fd/0"),
        ("stdout", "/proc/self/fd/1"),
        ("stderr", "/proc/self/fd/2"),
    ] {
        let link = path.join(name);
        symlink(target, &link).map_err(failed("link", &link))?;
    }
    let shm = path.join("shm");
    folder(&shm)?;
    // Devices are written to all the same: it is their names and modes that cannot be changed.
    let fixed = MountFlags::RDONLY | MountFlags::NOSUID | MountFlags::NOEXEC;
    restrict_all(path, &shown, fixed)?;
    tmpfs(
        &shm,
        SHM_MIB,
        0o1777,
        MountFlags::NOSUID | MountFlags::NODEV,
    )
}

pub(super) fn bind_order(root: &Path, order: &Bind) -> Result<(), String> {
    let target = inside(root, &order.target)?;
    let mut flags = MountFlags::NOSUID | MountFlags::NODEV;
    if !order.writable {
        flags |= MountFlags::RDONLY;
    }
    let source = std::fs::metadata(&order.source).map_err(failed("look at", &order.source))?;
    if source.is_dir() {
        folder(&target)?;
        return bind(&order.source, &target, flags);
    }
    if let Some(parent) = target.parent() {
        folder(parent)?;
    }
    bind_file(&order.source, &target)?;
    restrict(&target, flags)
}

/// Leaves the old tree behind.
pub(super) fn switch(root: &Path) -> Result<(), String> {
    chdir(root).map_err(failed("enter", root))?;
    if pivot_root(".", ".").is_ok() {
        unmount(".", UnmountFlags::DETACH).map_err(failed("leave", Path::new("/")))?;
    } else {
        // Where the present root is no mount point (inside a chroot) it cannot be exchanged, only covered.
        mount_move(".", "/").map_err(failed("cover", Path::new("/")))?;
        chroot(".").map_err(failed("enter", root))?;
    }
    chdir("/").map_err(failed("enter", Path::new("/")))
}

/// Makes a folder that everybody may read.
pub(super) fn readable(path: &Path) -> Result<(), String> {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755))
        .map_err(failed("set the permissions of", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_could_lead_out_of_the_root_is_refused() {
        let root = Path::new("/r");
        assert_eq!(
            inside(root, Path::new("/app/x")).unwrap(),
            Path::new("/r/app/x")
        );
        for path in ["app", "/../etc", "/app/../../etc", ""] {
            assert!(inside(root, Path::new(path)).is_err(), "{path}");
        }
    }
}
