//! Folders in memory that a program may write: `/tmp`, and those that its orders name.

use std::ffi::CString;
use std::path::{Path, PathBuf};

use rustix::mount::{MountFlags, mount};

use super::image::lies_on_top;
use super::mounts::failed;
use super::root::{folder, inside};
use crate::order::{Isolation, Order};

/// Scratch files of one program; what needs more says so, or has a volume.
const TMP: u64 = 256 << 20;
/// For everybody, who is one user, and as every other `/tmp`.
const MODE: u32 = 0o1777;
const TMP_PATH: &str = "/tmp";

/// Mounts `/tmp`.
pub(super) fn tmp(order: &Order, root: &Path) -> Result<(), String> {
    memory(order, &root.join("tmp"), tmp_bytes(order))
}

/// Every one of them, with its size in bytes.
pub(super) fn folders(order: &Order) -> impl Iterator<Item = (PathBuf, u64)> {
    let tmp = (PathBuf::from(TMP_PATH), tmp_bytes(order));
    let others = others(order).map(|(path, size)| (path.clone(), size));
    std::iter::once(tmp).chain(others)
}

fn tmp_bytes(order: &Order) -> u64 {
    let given = order.writable.get(Path::new(TMP_PATH)).copied();
    given.unwrap_or_else(|| tmp_size(order.limits.memory_bytes))
}

/// What is in memory counts against the program's own. Where it may use less than twice the usual size, half of that is
/// for files: a full `/tmp` is an error that a program can handle, and no memory is its end.
fn tmp_size(memory_bytes: u64) -> u64 {
    match memory_bytes {
        0 => TMP,
        bytes => TMP.min(bytes / 2),
    }
}

/// Mounts the others below `root`.
pub(super) fn build(order: &Order, root: &Path) -> Result<(), String> {
    for (target, size) in others(order) {
        let place = inside(root, target)?;
        folder(&place)?;
        memory(order, &place, size)?;
    }
    Ok(())
}

/// Mounts the others below `stage`, and says what has to be moved where, as the image has no folders for them.
pub(super) fn stage(order: &Order, stage: &Path) -> Result<Vec<(PathBuf, PathBuf)>, String> {
    let mut moved = Vec::new();
    for (number, (target, size)) in others(order).enumerate() {
        let place = inside(stage, target)?;
        if lies_on_top(target) {
            folder(&place)?;
            memory(order, &place, size)?;
            continue;
        }
        let place = stage.join("writable").join(number.to_string());
        folder(&place)?;
        memory(order, &place, size)?;
        moved.push((place, target.clone()));
    }
    Ok(moved)
}

fn others(order: &Order) -> impl Iterator<Item = (&PathBuf, u64)> {
    let writable = order.writable.iter().map(|(path, size)| (path, *size));
    writable.filter(|(path, _)| path.as_path() != Path::new(TMP_PATH))
}

fn memory(order: &Order, place: &Path, size: u64) -> Result<(), String> {
    let mut flags = MountFlags::NOSUID | MountFlags::NODEV;
    if order.isolation == Isolation::Contained {
        flags |= MountFlags::NOEXEC;
    }
    let data = format!("size={size},mode={MODE:o}");
    let data = CString::new(data).map_err(failed("describe", place))?;
    mount("tmpfs", place, "tmpfs", flags, Some(data.as_c_str()))
        .map_err(failed("mount a file system in memory on", place))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scratch_files_never_take_more_than_half_of_the_memory() {
        let mib = |number: u64| number << 20;
        for (memory, size) in [(0, 256), (4096, 256), (512, 256), (64, 32), (4, 2)] {
            assert_eq!(tmp_size(mib(memory)), mib(size), "{memory}");
        }
    }
}
