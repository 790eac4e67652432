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
    let (passwd, group) = who_is_who(order)?;
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

/// `/etc/passwd` and `/etc/group`: root and the program's user.
///
/// Where the machine refuses a user namespace (in a chroot, say, or by `user.max_user_namespaces`) a contained program
/// keeps the number that it has outside, and programs that ask for their own name fail without one: so both have it.
fn who_is_who(order: &Order) -> Result<(String, String), String> {
    let outside = order.user.as_ref().map(|user| (user.uid, user.gid));
    let own = || {
        let (uid, gid) = (rustix::process::geteuid(), rustix::process::getegid());
        (uid.as_raw(), gid.as_raw())
    };
    let (mut ids, name) = match &order.user {
        _ if order.isolation == Isolation::Contained => {
            let (uid, gid, name) = users::inside(order);
            (vec![(uid, gid)], name)
        }
        Some(user) => (Vec::new(), user.name.as_str()),
        None => (vec![own()], "app"),
    };
    ids.extend(outside.filter(|outside| ids.first() != Some(outside)));
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if name.is_empty() || !name.bytes().all(is_plain) {
        return Err(format!("`{name}` is no user name"));
    }
    let mut passwd = vec!["root:x:0:0:root:/:/usr/sbin/nologin\n".to_owned()];
    let mut group = vec!["root:x:0:\n".to_owned()];
    for (uid, gid) in ids.into_iter().filter(|(uid, _)| *uid != 0) {
        passwd.push(format!(
            "{name}:x:{uid}:{gid}:{name}:/tmp:/usr/sbin/nologin\n"
        ));
        group.push(format!("{name}:x:{gid}:\n"));
    }
    Ok((passwd.concat(), group.concat()))
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), String> {
    put(path, bytes, 0o444)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order::{Kind, User};

    fn numbers(isolation: Isolation, inside: Option<u32>) -> Vec<u32> {
        let mut order = Order::new("db", Kind::Resource, Vec::new());
        order.isolation = isolation;
        order.user = Some(User {
            uid: 2_100_001_002,
            gid: 2_100_001_002,
            name: "db".to_owned(),
            inside,
        });
        let (passwd, group) = who_is_who(&order).unwrap();
        assert_eq!(passwd.lines().count(), group.lines().count());
        let lines = passwd.lines().skip(1);
        let number = |line: &str| line.split(':').nth(2)?.parse().ok();
        lines.map(|line| number(line).unwrap()).collect()
    }

    #[test]
    fn a_contained_user_has_a_name_with_and_without_a_user_namespace() {
        assert_eq!(
            numbers(Isolation::Contained, Some(1001)),
            [1001, 2_100_001_002]
        );
        assert_eq!(numbers(Isolation::Contained, None), [2_100_001_002]);
        assert_eq!(numbers(Isolation::Shared, Some(1001)), [2_100_001_002]);
    }

    #[test]
    fn a_name_that_would_be_a_line_of_its_own_is_refused() {
        let mut order = Order::new("db", Kind::Resource, Vec::new());
        order.user = Some(User {
            uid: 1,
            gid: 1,
            name: "x:x:0:0\nroot2".to_owned(),
            inside: None,
        });
        assert!(who_is_who(&order).is_err());
    }
}
