//! The tree of an image, read-only, with what every process has of its own on top.
//!
//! What is mounted is put together outside and moved in. Where it goes to is looked up by the kernel as if the image
//! were the root, so that no link inside the image leads anywhere but into the image.

use std::fs::File;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};
use rustix::mount::{MountFlags, MoveMountFlags, mount, mount_bind, move_mount};

use super::etc;
use super::keep::put;
use super::mounts::{bind_itself, failed, restrict, seal, tmpfs};
use super::root::{ROOT_MIB, bind_order, folder, inside, make_private, private, switch};
use super::scratch;
use crate::order::{Bind, ImageRoot, Order};

/// The folders that every image must have for us to mount on.
pub(super) const POINTS: &[&str] = &["proc", "dev", "tmp", "run"];

/// Enters the tree for good. After an error the process is half-way between two trees and must end.
pub(super) fn enter(
    order: &Order,
    image: &ImageRoot,
    token: &str,
    stage: &Path,
) -> Result<(), String> {
    make_private()?;
    tmpfs(stage, ROOT_MIB, 0o755, MountFlags::NOSUID)?;
    for name in POINTS {
        folder(&stage.join(name))?;
    }
    let run = stage.join("run");
    bind_itself(&run)?;
    private(order, token, stage)?;
    let moved = staged(order, stage)?;
    restrict(
        &run,
        MountFlags::RDONLY | MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC,
    )?;
    let root = stage.join("image");
    folder(&root)?;
    show(image, &root, stage, &moved)?;
    let tree = File::open(&root).map_err(failed("open", &root))?;
    for (from, target) in &moved {
        let place = find(&tree, target).map_err(failed("find", target))?;
        let flags = MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
        move_mount(CWD, from, &place, "", flags).map_err(failed("put in place", target))?;
    }
    drop(tree);
    switch(&root)
}

/// Mounts what the orders bind below `stage`, and says what has to be moved where.
fn staged(order: &Order, stage: &Path) -> Result<Vec<(PathBuf, PathBuf)>, String> {
    let mut moved: Vec<(PathBuf, PathBuf)> = POINTS
        .iter()
        .map(|name| (stage.join(name), Path::new("/").join(name)))
        .collect();
    let hosts = stage.join("hosts");
    put(&hosts, etc::hosts(order).as_bytes(), 0o444)?;
    mount_bind(&hosts, &hosts).map_err(failed("bind", &hosts))?;
    seal(&hosts)?;
    moved.push((hosts, PathBuf::from("/etc/hosts")));
    for (number, bind) in order.binds.iter().enumerate() {
        if lies_on_top(&bind.target) {
            bind_order(stage, bind)?;
            continue;
        }
        // Checked as any other; the name below the stage is ours.
        inside(stage, &bind.target)?;
        let place = Bind {
            target: PathBuf::from(format!("/binds/{number}")),
            ..bind.clone()
        };
        bind_order(stage, &place)?;
        moved.push((inside(stage, &place.target)?, bind.target.clone()));
    }
    moved.extend(scratch::stage(order, stage)?);
    Ok(moved)
}

/// What lies in a folder that is put on top can only be put into that folder.
pub(super) fn lies_on_top(target: &Path) -> bool {
    POINTS
        .iter()
        .any(|point| target.starts_with(format!("/{point}")))
}

/// Makes the image visible at `root`, read-only. Where it lacks a place that something has to be put on, it is shown
/// above a tree that has them.
pub(super) fn show(
    image: &ImageRoot,
    root: &Path,
    stage: &Path,
    moved: &[(PathBuf, PathBuf)],
) -> Result<(), String> {
    let rootfs = File::open(&image.rootfs).map_err(failed("open", &image.rootfs))?;
    let missing: Vec<_> = moved
        .iter()
        .filter(|(_, target)| find(&rootfs, target).is_err())
        .collect();
    let fixed = MountFlags::RDONLY | MountFlags::NOSUID | MountFlags::NODEV;
    if missing.is_empty() {
        mount_bind(&image.rootfs, root).map_err(failed("bind", &image.rootfs))?;
        return restrict(root, fixed);
    }
    let skeleton = stage.join("skeleton");
    folder(&skeleton)?;
    for (from, target) in missing {
        place_for(from, &inside(&skeleton, target)?)?;
    }
    let below = File::open(&skeleton).map_err(failed("open", &skeleton))?;
    // By number: a path may hold what separates the options. The first is the uppermost.
    let layers = format!(
        "lowerdir=/proc/self/fd/{}:/proc/self/fd/{}",
        rootfs.as_raw_fd(),
        below.as_raw_fd()
    );
    let layers = std::ffi::CString::new(layers).map_err(failed("describe", root))?;
    mount("overlay", root, "overlay", fixed, Some(layers.as_c_str()))
        .map_err(failed("complete the image at", &image.rootfs))
}

/// What the tree has at this path, wherever links lead inside it: none leads out.
fn find(tree: &File, target: &Path) -> rustix::io::Result<OwnedFd> {
    // Below the tree's own root, which is where links that begin with `/` lead to.
    let target = target.strip_prefix("/").unwrap_or(target);
    openat2(
        tree,
        target,
        OFlags::PATH | OFlags::CLOEXEC,
        Mode::empty(),
        ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS,
    )
}

pub(super) fn place_for(tree: &Path, path: &Path) -> Result<(), String> {
    let kind = std::fs::metadata(tree).map_err(failed("look at", tree))?;
    if kind.is_dir() {
        return folder(path);
    }
    if let Some(parent) = path.parent() {
        folder(parent)?;
    }
    put(path, b"", 0o444)
}
