//! The tree of an image that holds nothing but the places to mount on and the names of its user.

use std::path::Path;

use plimsoll_stdx::fs::write_atomic_mode;

use super::uids;
use crate::LocalError;
use crate::resources::ensure_dir;

/// What is mounted on: the artefact, and what every process has of its own.
const FOLDERS: &[&str] = &["app", "dev", "etc", "proc", "run", "tmp"];

/// Makes the tree at `rootfs`; one that is there stays as it is, since processes may be using it.
pub(super) fn ensure(rootfs: &Path) -> Result<(), LocalError> {
    ensure_dir(rootfs, 0o755)?;
    for folder in FOLDERS {
        ensure_dir(&rootfs.join(folder), 0o755)?;
    }
    let user = uids::app();
    let (name, number) = (&user.name, user.inside.unwrap_or(user.uid));
    let passwd = format!("{name}:x:{number}:{number}:{name}:/tmp:/sbin/nologin\n");
    let group = format!("{name}:x:{number}:\n");
    for (file, text) in [
        ("passwd", passwd.as_str()),
        ("group", &group),
        ("hosts", ""),
        (
            "nsswitch.conf",
            "passwd: files\ngroup: files\nhosts: files\n",
        ),
    ] {
        let path = rootfs.join("etc").join(file);
        if !path.exists() {
            write_atomic_mode(&path, text.as_bytes(), 0o444)?;
        }
    }
    Ok(())
}
