//! Attacks that need a capability.

use std::path::Path;

use rustix::fs::{CWD, FileType, Mode, makedev, mknodat, unlink};
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use rustix::process::{Uid, chroot, geteuid};
use rustix::system::{sethostname, uname};
use rustix::thread::{CapabilitySet, capabilities, set_capabilities, set_thread_uid};

use super::answer::{Stopped, Tried, at};
use super::targets::Targets;

pub(super) fn mount_memory(targets: &Targets) -> Tried {
    mounted("tmpfs", &targets.scratch)
}

/// Shows what this machine has mounted already, a second time.
pub(super) fn mount_groups(targets: &Targets) -> Tried {
    mounted("cgroup2", &targets.scratch)
}

fn mounted(kind: &str, place: &Path) -> Tried {
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    mount(kind, place, kind, flags, None).map_err(at(format!("mount({kind})")))?;
    unmount(place, UnmountFlags::DETACH).map_err(at("umount"))?;
    Ok("mounted it and took it away".to_owned())
}

/// The machine's memory as a device of its own making; taken away at once.
pub(super) fn make_device(targets: &Targets) -> Tried {
    let path = targets.scratch.join("plimsoll-device");
    mknodat(
        CWD,
        &path,
        FileType::CharacterDevice,
        Mode::RUSR,
        makedev(1, 1),
    )
    .map_err(at("mknod"))?;
    unlink(&path).map_err(at("unlink"))?;
    Ok("made the device".to_owned())
}

pub(super) fn change_root(targets: &Targets) -> Tried {
    chroot(&targets.scratch).map_err(at("chroot"))?;
    Ok("has another root".to_owned())
}

pub(super) fn become_root(_: &Targets) -> Tried {
    set_thread_uid(Uid::ROOT).map_err(at("setuid(0)"))?;
    if geteuid().is_root() {
        return Ok("is root".to_owned());
    }
    Err(Stopped::refused("is not root"))
}

pub(super) fn take_capabilities(_: &Targets) -> Tried {
    let mut sets = capabilities(None).map_err(at("capget"))?;
    let wanted = CapabilitySet::SYS_ADMIN | CapabilitySet::NET_ADMIN;
    sets.permitted |= wanted;
    sets.effective |= wanted;
    set_capabilities(None, sets).map_err(at("capset"))?;
    Ok("has them".to_owned())
}

/// To the name that it has: nothing changes.
pub(super) fn change_name(_: &Targets) -> Tried {
    sethostname(uname().nodename().to_bytes()).map_err(at("sethostname"))?;
    Ok("may set it".to_owned())
}
