//! The `/etc` of a root of its own: who is who, which names resolve, which libraries and certificates there are.

use std::path::Path;

use plimsoll_stdx::fs::read_bounded;
use rustix::mount::MountFlags;

use super::keep::put;
use super::mounts::{bind, failed};
use super::root::readable;
use super::users;
use crate::order::{Isolation, Order, edge};

/// Files of this machine that are taken over as they are, where they exist.
const COPIED: &[&str] = &[
    "ld.so.cache",
    "localtime",
    "mime.types",
    "protocols",
    "resolv.conf",
    "services",
    "timezone",
];
/// Longest of them; a linker cache of a large desktop has some hundred KiB.
const COPIED_MAX: u64 = 4 << 20;
/// Folders of this machine that are shown read-only: certificates, and the links through which `/usr/bin` names the
/// chosen version of a tool.
const SHOWN: &[&str] = &["alternatives", "ssl"];

const HOSTS: &str = "127.0.0.1 localhost\n::1 localhost\n";
const NSSWITCH: &str = "passwd: files\ngroup: files\nhosts: files dns\n";

/// What `/etc/hosts` holds: this machine and the ends of the edges. Every other name is unknown, since nobody who could
/// be asked for it is there.
pub(super) fn hosts(order: &Order) -> String {
    format!("{HOSTS}{}", edge::hosts(&order.edges))
}

pub(super) fn build(order: &Order, etc: &Path) -> Result<(), String> {
    let (uid, gid, name) = match &order.user {
        _ if order.isolation == Isolation::Contained => users::inside(order),
        Some(user) => (user.uid, user.gid, user.name.as_str()),
        None => (
            rustix::process::geteuid().as_raw(),
            rustix::process::getegid().as_raw(),
            "app",
        ),
    };
    if name.is_empty()
        || !name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    {
        return Err(format!("`{name}` is no user name"));
    }
    let (user, users) = if uid == 0 {
        (String::new(), String::new())
    } else {
        let user = format!("{name}:x:{uid}:{gid}:{name}:/tmp:/usr/sbin/nologin\n");
        (user, format!("{name}:x:{gid}:\n"))
    };
    let passwd = format!("root:x:0:0:root:/:/usr/sbin/nologin\n{user}");
    let group = format!("root:x:0:\n{users}");
    for (file, text) in [
        ("passwd", passwd.as_str()),
        ("group", &group),
        ("hosts", &hosts(order)),
        ("nsswitch.conf", NSSWITCH),
    ] {
        write(&etc.join(file), text.as_bytes())?;
    }
    for file in COPIED {
        if let Ok(bytes) = read_bounded(&Path::new("/etc").join(file), COPIED_MAX) {
            write(&etc.join(file), &bytes)?;
        }
    }
    for folder in SHOWN {
        let (here, there) = (Path::new("/etc").join(folder), etc.join(folder));
        if here.is_dir() {
            std::fs::create_dir(&there).map_err(failed("create", &there))?;
            let fixed = MountFlags::RDONLY | MountFlags::NOSUID | MountFlags::NODEV;
            bind(&here, &there, fixed)?;
        }
    }
    readable(etc)
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), String> {
    put(path, bytes, 0o444)
}
