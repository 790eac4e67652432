//! Trying what this machine lets us apply, in a process that then ends.
//!
//! It is asked by the supervisor, which has threads and must not fork: so it is an execution of this binary.

use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use plimsoll_stdx::net::frame;
use plimsoll_stdx::random;
use serde::{Deserialize, Serialize};

use super::{confine, root, space};
use crate::dispatch::CHECK;
use crate::order::{Kind, Order, Root};

/// What this machine lets us apply.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Checked {
    /// Why there can be no root of its own; `None` when there can.
    pub(crate) no_root: Option<String>,
    /// The version of Landlock's rules, 0 without.
    pub(crate) landlock: u32,
    /// Why no program can be contained; `None` when it can.
    pub(crate) no_namespaces: Option<String>,
}

/// Has `tool` try, and waits for it.
pub(crate) fn check(tool: &Path) -> Checked {
    let name = format!("plimsoll-check-{:016x}", random::number());
    let mount_point = std::env::temp_dir().join(name);
    let checked = std::fs::create_dir(&mount_point)
        .map_err(|error| error.to_string())
        .and_then(|()| ask(tool, &mount_point));
    let _ = std::fs::remove_dir(&mount_point);
    checked.unwrap_or_else(|reason| Checked {
        no_root: Some(reason.clone()),
        landlock: 0,
        no_namespaces: Some(reason),
    })
}

fn ask(tool: &Path, mount_point: &Path) -> Result<Checked, String> {
    let output = Command::new(tool)
        .arg0("plimsoll")
        .arg(CHECK)
        .arg(mount_point)
        .current_dir("/")
        .env_clear()
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .map_err(|error| error.to_string())?;
    frame::read(&mut output.stdout.as_slice()).map_err(|error| error.to_string())
}

/// Tries whether a root can be built on this empty folder, and the rest; says it on standard output. The exit code.
pub fn main(mount_point: &Path) -> u8 {
    let mut order = Order::new("check", Kind::Job, Vec::new());
    order.root = Root::Tools;
    let no_root = root::enter(&order, "", mount_point).err();
    // Last, since it is for good: as a user who is not root, in the user namespace that the root has brought.
    let no_namespaces = space::enter().err();
    let landlock = confine::try_landlock(&order);
    let checked = Checked {
        no_root,
        landlock,
        no_namespaces,
    };
    u8::from(frame::write(&mut io::stdout(), &checked).is_err())
}
