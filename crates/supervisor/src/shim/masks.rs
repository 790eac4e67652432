//! What of `/proc` is about the machine and not about the process: covered, or shown read-only.

use std::path::Path;

use rustix::io::Errno;
use rustix::mount::{MountFlags, mount_bind};

use super::mounts::{failed, restrict};

/// Files that say what is the machine's: its memory, its keys, its timers, its messages.
pub(super) const FILES: &[&str] = &[
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
pub(super) const FOLDERS: &[&str] = &["acpi", "asound", "scsi"];
/// What may be read and never written.
pub(super) const READ_ONLY: &[&str] = &["bus", "fs", "irq", "sys"];

/// Covers what `proc`, which is mounted, shows of the machine, with nothing or with the folder `empty`.
pub(super) fn cover(proc: &Path, empty: &Path) -> Result<(), String> {
    for name in FILES {
        show(Path::new("/dev/null"), &proc.join(name))?;
    }
    let fixed = MountFlags::RDONLY | MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    for name in FOLDERS {
        let path = proc.join(name);
        if show(empty, &path)? {
            restrict(&path, fixed)?;
        }
    }
    for name in READ_ONLY {
        let path = proc.join(name);
        if show(&path, &path)? {
            restrict(&path, fixed)?;
        }
    }
    Ok(())
}

/// Makes `source` visible at `path`. `false` where this kernel has no such path, and nothing has to be covered; the
/// sources are there.
fn show(source: &Path, path: &Path) -> Result<bool, String> {
    match mount_bind(source, path) {
        Ok(()) => Ok(true),
        Err(Errno::NOENT) => Ok(false),
        Err(error) => Err(failed("cover", path)(error)),
    }
}
