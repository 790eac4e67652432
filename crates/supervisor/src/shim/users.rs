//! User namespaces: who a process is inside, and who it is outside.

use std::io::Write;
use std::path::Path;

use rustix::process::{DumpableBehavior, set_dumpable_behavior};

use super::mounts::failed;
use crate::order::Order;

/// Whom a contained program takes itself for where its orders do not say: the user of our images.
const APP: u32 = 1001;

/// Maps one user and one group into the user namespace that this process has just made. `outside` must be who it is:
/// then the kernel asks for no privilege. Nobody else exists inside, root included.
pub(super) fn map(inside: (u32, u32), outside: (u32, u32)) -> Result<(), String> {
    // A process that has changed its user is nobody's to look at, and its own files in /proc are root's.
    set_dumpable_behavior(DumpableBehavior::Dumpable).map_err(|error| error.to_string())?;
    let maps = [
        ("/proc/self/setgroups", "deny".to_owned()),
        (
            "/proc/self/uid_map",
            format!("{} {} 1", inside.0, outside.0),
        ),
        (
            "/proc/self/gid_map",
            format!("{} {} 1", inside.1, outside.1),
        ),
    ];
    for (path, text) in maps {
        let written = std::fs::OpenOptions::new()
            .write(true)
            .open(path)
            .and_then(|mut file| file.write_all(text.as_bytes()));
        written.map_err(failed("write", Path::new(path)))?;
    }
    Ok(())
}

/// Who the program is to itself: its user, its group and its name.
pub(super) fn inside(order: &Order) -> (u32, u32, &str) {
    match &order.user {
        Some(user) => {
            let inside = |outside| user.inside.unwrap_or(outside);
            (inside(user.uid), inside(user.gid), user.name.as_str())
        }
        None => (APP, APP, "app"),
    }
}
