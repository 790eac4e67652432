//! The socket through which others open connections to a program with a network of its own.

use std::fs::{Permissions, set_permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::net::UnixListener;

use plimsoll_stdx::net::unix;

use crate::order::Isolation;
use crate::record::{Spec, door_name};

/// For its user, and for the group of those who come for other programs.
const FOR_BOTH: u32 = 0o660;

/// Opens the door of this start, if it has one.
pub(super) fn open(spec: &Spec) -> Result<Option<UnixListener>, String> {
    let Some(door) = door(spec) else {
        return Ok(None);
    };
    let name = door_name(&spec.instance());
    let path = door.dir.join(&name);
    let refused = |error: std::io::Error| format!("cannot open {}: {error}", path.display());
    let listener = unix::bind(&door.dir, &name).map_err(refused)?;
    listener.set_nonblocking(true).map_err(refused)?;
    if rustix::process::geteuid().is_root() {
        chown(&path, Some(door.uid), door.relays).map_err(refused)?;
        if door.relays.is_some() {
            set_permissions(&path, Permissions::from_mode(FOR_BOTH)).map_err(refused)?;
        }
    }
    Ok(Some(listener))
}

/// Takes the door away.
pub(super) fn close(spec: &Spec) {
    if let Some(door) = door(spec) {
        // What is left is replaced by nobody, since an instance never comes again, and is swept with its environment.
        let _ = std::fs::remove_file(door.dir.join(door_name(&spec.instance())));
    }
}

fn door(spec: &Spec) -> Option<&crate::order::Door> {
    let contained = spec.order.isolation == Isolation::Contained;
    spec.order.door.as_ref().filter(|_| contained)
}
