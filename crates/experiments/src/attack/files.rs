//! Attacks on the file tree: its seal, and what is not in it.

use std::fs::{self, File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};

use super::answer::{Stopped, Tried, at};
use super::targets::{CANARY, CANARY_NAME, Targets};

/// Longer than any file that an attack is after; of what is longer the beginning says enough.
const ENOUGH: u64 = 64 << 10;
/// More steps up than any folder here is deep.
const UP: &str = "../../../../../../../../../../../..";

/// A file without a name: nothing is left behind, whatever happens to the attack.
pub(super) fn write_root(_: &Targets) -> Tried {
    let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
    rustix::fs::open("/", flags, Mode::RUSR).map_err(at("open(/, O_TMPFILE)"))?;
    Ok("made a file in /".to_owned())
}

pub(super) fn read_host_file(targets: &Targets) -> Tried {
    canary(&targets.canary)
}

pub(super) fn open_shadow(_: &Targets) -> Tried {
    open_to_read(Path::new("/etc/shadow"))
}

/// By an absolute link and by one that climbs.
pub(super) fn symlink_out(targets: &Targets) -> Tried {
    let climbing = Path::new(UP).join(targets.canary.strip_prefix("/").unwrap_or(&targets.canary));
    let mut last = None;
    for target in [targets.canary.clone(), climbing] {
        let link = targets.scratch.join("plimsoll-link");
        symlink(&target, &link).map_err(at("symlink"))?;
        let read = canary(&link);
        fs::remove_file(&link).map_err(at("unlink"))?;
        match read {
            Ok(_) => return Ok("read it through a link".to_owned()),
            Err(stopped) => last = Some(stopped),
        }
    }
    Err(last.unwrap_or_else(|| Stopped::refused("no link led out")))
}

pub(super) fn neighbour_secret(targets: &Targets) -> Tried {
    let secrets = targets.neighbour_secrets.trim_start_matches('/');
    let root = PathBuf::from(format!("/proc/{}/root", targets.neighbour));
    canary(&root.join(secrets).join(CANARY_NAME))
}

pub(super) fn through_init(targets: &Targets) -> Tried {
    let below = targets.canary.strip_prefix("/").unwrap_or(&targets.canary);
    canary(&Path::new("/proc/1/root").join(below))
}

pub(super) fn open_memory(_: &Targets) -> Tried {
    open_to_read(Path::new("/dev/mem"))
}

pub(super) fn open_kernel_log(_: &Targets) -> Tried {
    open_to_read(Path::new("/dev/kmsg"))
}

/// The first disk that the kernel names.
pub(super) fn open_disk(_: &Targets) -> Tried {
    let list = fs::read_to_string("/proc/partitions").map_err(at("open"))?;
    let mut names = list
        .lines()
        .skip(2)
        .filter_map(|line| line.split_whitespace().nth(3));
    let name = names
        .next()
        .ok_or_else(|| Stopped::unsupported("the kernel names no disk"))?;
    open_to_read(&Path::new("/dev").join(name))
}

pub(super) fn release_agent(targets: &Targets) -> Tried {
    let none = || Stopped::unsupported("no kernel groups of version 1 here");
    let path = targets.release_agent.as_ref().ok_or_else(none)?;
    open_to_write(path)
}

pub(super) fn leave_group(targets: &Targets) -> Tried {
    let none = || Stopped::unsupported("no kernel groups here");
    let path = targets.group_root.as_ref().ok_or_else(none)?;
    open_to_write(path)
}

/// Reads a file that holds the canary.
pub(super) fn canary(path: &Path) -> Tried {
    let bytes = read(path)?;
    if String::from_utf8_lossy(&bytes).contains(CANARY) {
        return Ok(format!("read {} bytes", bytes.len()));
    }
    Err(Stopped::refused("read something else"))
}

pub(super) fn read(path: &Path) -> Result<Vec<u8>, Stopped> {
    let file = File::open(path).map_err(at("open"))?;
    let mut bytes = Vec::new();
    file.take(ENOUGH)
        .read_to_end(&mut bytes)
        .map_err(at("read"))?;
    Ok(bytes)
}

/// Opens and reads nothing.
pub(super) fn open_to_read(path: &Path) -> Tried {
    let nonblock = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or(0);
    let opened = OpenOptions::new()
        .read(true)
        .custom_flags(nonblock)
        .open(path);
    opened.map_err(at("open"))?;
    Ok("opened it".to_owned())
}

/// Opens and writes nothing.
pub(super) fn open_to_write(path: &Path) -> Tried {
    let opened = OpenOptions::new().write(true).open(path);
    opened.map_err(at("open(O_WRONLY)"))?;
    Ok("opened it for writing".to_owned())
}
