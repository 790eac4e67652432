//! Holds listening sockets and brings back the program that serves them, when everything else of ours is dead too.
//!
//! A keeper is a shim that binds the sockets of its orders (as root where it is root, so that low ports work),
//! enters its root and becomes its user for good, and then starts the program again whenever it ends. The program
//! fetches the sockets through [`plimsoll_stdx::net::handover`]; connections wait in their queues meanwhile, and
//! none is refused.

mod bind;

use std::path::Path;

use plimsoll_stdx::process::ProcessId;
use plimsoll_store::state;
use rustix::process::Signal;

use crate::order::Root;
use crate::record::{KEEPER_SOCKET, LOG_DIR, SHIM_FILE, SHIM_FORMAT, ShimRecord};
use crate::shim::warden::{Post, Warden};
use crate::shim::word::complain;
use crate::shim::{confine_user, root};

/// A keeper whose `spec.json` is in `dir`; returns the exit code when it was told to end.
pub fn main(dir: &Path) -> u8 {
    let before = orphan(dir);
    match Warden::open(dir)
        .and_then(|warden| take_post(warden, before))
        .and_then(Warden::run)
    {
        Ok(()) => 0,
        Err(error) => complain(&error),
    }
}

/// The program of a keeper that was killed: it serves on until we take over.
fn orphan(dir: &Path) -> Option<ProcessId> {
    let record: ShimRecord = state::load(&dir.join(SHIM_FILE), SHIM_FORMAT).ok()?;
    let same_boot = plimsoll_stdx::process::boot_id().is_ok_and(|boot| boot == record.boot_id);
    let program = record.program?.process;
    (same_boot && program.is_alive() && !record.shim.is_alive()).then_some(program)
}

fn take_post(mut warden: Warden, before: Option<ProcessId>) -> Result<Warden, String> {
    let (sockets, listening) = bind::bind(&warden.spec.order.listeners)?;
    warden.record.listening = listening;
    warden.post = Post::Keeper { sockets };
    let order = &warden.spec.order;
    if let Some(user) = &order.user {
        for name in [".", LOG_DIR, KEEPER_SOCKET] {
            let path = warden.dir.join(name);
            std::os::unix::fs::chown(&path, Some(user.uid), Some(user.gid))
                .map_err(|error| format!("cannot give away {}: {error}", path.display()))?;
        }
        give_logs(&warden.dir.join(LOG_DIR), user.uid, user.gid)?;
    }
    if order.root != Root::Host {
        root::enter(order, &warden.spec.token, &warden.mount_point)?;
    }
    // Our sockets are bound: whoever connects from here on is ours, and the orphan finishes what it has.
    if let Some(orphan) = before {
        let _ = orphan.signal(Signal::TERM);
    }
    confine_user(order.user.as_ref())?;
    Ok(warden)
}

fn give_logs(dir: &Path, uid: u32, gid: u32) -> Result<(), String> {
    let entries = std::fs::read_dir(dir).map_err(|error| error.to_string())?;
    for entry in entries.flatten() {
        std::os::unix::fs::lchown(entry.path(), Some(uid), Some(gid))
            .map_err(|error| format!("cannot give away {}: {error}", entry.path().display()))?;
    }
    Ok(())
}
