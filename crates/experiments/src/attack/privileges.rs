//! The attack on "no new privileges": a file that would make its caller root.

use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::process::{geteuid, getuid};

use super::answer::{Stopped, Tried, at};
use super::targets::Targets;
use super::{EFFECTIVE_USER, VERB};

/// Becomes the marked copy of this program, which answers in its place.
pub(super) fn setuid_file(targets: &Targets) -> Tried {
    let none = || Stopped::unsupported("making such a file needs root");
    let program = targets.setuid.as_ref().ok_or_else(none)?;
    let words =
        serde_json::to_string(targets).map_err(|error| Stopped::refused(error.to_string()))?;
    let error = Command::new(program)
        .args([VERB, EFFECTIVE_USER, &words])
        .exec();
    Err(at("execve")(error))
}

/// What the marked copy says.
pub(super) fn effective_user(_: &Targets) -> Tried {
    let (real, effective) = (getuid().as_raw(), geteuid().as_raw());
    if real == effective {
        return Err(Stopped::refused(format!("executed, and still user {real}")));
    }
    Ok(format!("user {real} became user {effective}"))
}
