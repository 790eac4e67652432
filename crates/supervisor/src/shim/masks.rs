//! What of `/proc` is about the machine and not about the process: covered, or shown read-only.

use std::path::Path;

use rustix::mount::{MountFlags, mount_bind};

use super::mounts::{failed, remount, tmpfs};

/// Files that say what is the machine's: its memory, its keys, its timers, its messages.
const FILES: &[&str] = &[
    "kallsyms",
    "kcore",
    "key-users",
    "keys",
    "kmsg",
    "kpagecgroup",
    "kpagecount",
    "kpageflags",
    "latency_stats",
    "sched_debug",
    "sysrq-trigger",
    "timer_list",
    "vmallocinfo",
];
/// Folders of the same kind.
const FOLDERS: &[&str] = &["acpi", "asound", "scsi"];
/// What may be read and never written.
const READ_ONLY: &[&str] = &["bus", "fs", "irq", "sys"];

/// Covers what `proc`, which is mounted, shows of the machine. What this kernel does not have needs no cover.
pub(super) fn cover(proc: &Path) -> Result<(), String> {
    for name in FILES {
        let path = proc.join(name);
        if path.exists() {
            mount_bind("/dev/null", &path).map_err(failed("cover", &path))?;
        }
    }
    let fixed = MountFlags::RDONLY | MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    for name in FOLDERS {
        let path = proc.join(name);
        if path.is_dir() {
            tmpfs(&path, 1, 0o555, fixed)?;
        }
    }
    for name in READ_ONLY {
        let path = proc.join(name);
        if path.exists() {
            mount_bind(&path, &path).map_err(failed("protect", &path))?;
            remount(&path, fixed)?;
        }
    }
    Ok(())
}
