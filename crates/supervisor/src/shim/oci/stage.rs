//! What a runtime finds: the tree, and everything that is shown on top of it, each at a place of its own.
//!
//! It is put together in a mount namespace that only the runtime will have, so that nothing of it is ever seen outside
//! or left behind. Not in the directory of the start: that is for its owner alone, and a runtime looks for the tree as
//! somebody whom a user namespace has made nobody.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::mount::{MountFlags, UnmountFlags, unmount};
use rustix::thread::UnshareFlags;

use super::super::handoff::Run;
use super::super::image::{POINTS, lies_on_top, place_for, show};
use super::super::init::fill;
use super::super::keep::put;
use super::super::mounts::{bind_file, failed, restrict, seal, tmpfs};
use super::super::root::{ROOT_MIB, bind_order, folder, inside, make_private, tools};
use super::super::{etc, root, scratch, sys};
use super::places::{BINARY, HOSTS, IMAGE, SECRETS, TOKEN, bound, places};
use crate::cgroup::Hierarchies;
use crate::order::{Bind, Order, Root};

/// An empty folder for all of them: each has its own view of it.
const STAGE: &str = "/run/plimsoll/stage";
/// This binary, also when its file has been replaced meanwhile.
const OWN: &str = "/proc/self/exe";

/// Puts everything together, in a mount namespace that this process enters for good. Where it is.
pub(super) fn build(run: &Run<'_>) -> Result<PathBuf, String> {
    let order = run.order;
    let stage = PathBuf::from(STAGE);
    folder(&stage)?;
    root::readable(&stage)?;
    sys::unshare(UnshareFlags::NEWNS)
        .map_err(|error| format!("this machine allows no namespaces of its own: {error}"))?;
    make_private()?;
    show_one_kind_of_groups();
    tmpfs(&stage, ROOT_MIB, 0o755, MountFlags::NOSUID)?;
    binary(&stage.join(BINARY))?;
    put(&stage.join(TOKEN), run.token.as_bytes(), 0o444)?;
    put(&stage.join(HOSTS), etc::hosts(order).as_bytes(), 0o444)?;
    let secrets = stage.join(SECRETS);
    folder(&secrets)?;
    root::secrets(&secrets)?;
    fill(&secrets, run)?;
    seal(&secrets)?;
    for (number, bind) in order.binds.iter().enumerate() {
        // Checked as any other; the name on the stage is ours.
        inside(&stage, &bind.target)?;
        let place = Bind {
            target: Path::new("/").join(bound(number)),
            ..bind.clone()
        };
        bind_order(&stage, &place)?;
    }
    tree(order, &stage)?;
    seal(&stage)?;
    Ok(stage)
}

/// Where a machine has groups of both versions, some runtimes (crun 1.8) refuse to start anything. Those of the second
/// are without limits there that we would set.
fn show_one_kind_of_groups() {
    for mount in Hierarchies::every().beside_the_first() {
        // A runtime that minds what it still sees says so.
        let _ = unmount(&mount, UnmountFlags::DETACH);
    }
}

/// The tree, with a place for everything that is mounted on it: a runtime would make those, in a tree that is shared.
fn tree(order: &Order, stage: &Path) -> Result<(), String> {
    let tree = stage.join(IMAGE);
    folder(&tree)?;
    let a_folder = stage.join(SECRETS);
    let mut mounted: Vec<(PathBuf, PathBuf)> = POINTS
        .iter()
        .map(|name| (a_folder.clone(), Path::new("/").join(name)))
        .collect();
    let on_stage = |name: String, target| (stage.join(name), target);
    let places = places(order).into_iter();
    mounted.extend(places.map(|place| on_stage(place.name, place.target)));
    mounted.extend(scratch::folders(order).map(|(target, _)| (a_folder.clone(), target)));
    // What is put on top has room for its own.
    mounted.retain(|(_, target)| is_point(target) || !lies_on_top(target));
    match &order.root {
        Root::Image(image) => show(image, &tree, stage, &mounted),
        Root::Tools => {
            tools(order, &tree)?;
            mounted
                .iter()
                .try_for_each(|(from, target)| place_for(from, &inside(&tree, target)?))
        }
        Root::Host => Err("a contained program has a file tree of its own".to_owned()),
    }
}

fn is_point(target: &Path) -> bool {
    let mut points = POINTS.iter();
    points.any(|name| {
        target
            .strip_prefix("/")
            .is_ok_and(|path| path == Path::new(name))
    })
}

/// Shows this binary at `place`, or a copy of it where its file is not there any more.
fn binary(place: &Path) -> Result<(), String> {
    let own = std::fs::metadata(OWN).map_err(failed("look at", Path::new(OWN)))?;
    let path = std::fs::read_link(OWN).map_err(failed("look at", Path::new(OWN)))?;
    let is_own = |file: std::fs::Metadata| (file.dev(), file.ino()) == (own.dev(), own.ino());
    if std::fs::metadata(&path).is_ok_and(is_own) {
        bind_file(&path, place)?;
        return restrict(
            place,
            MountFlags::RDONLY | MountFlags::NOSUID | MountFlags::NODEV,
        );
    }
    std::fs::copy(OWN, place).map_err(failed("copy this program to", place))?;
    root::readable(place)
}
