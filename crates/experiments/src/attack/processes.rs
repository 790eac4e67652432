//! Attacks on another replica's process.

use std::fs::File;
use std::path::PathBuf;

use plimsoll_supervisor::attack_calls;
use rustix::process::{Pid, test_kill_process};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::os::fd::AsFd;

use super::answer::{Stopped, Tried, at};
use super::files;
use super::targets::{CANARY, CANARY_NAME, Targets};

/// Signal 0: whether one could be sent, without sending any.
pub(super) fn signal(targets: &Targets) -> Tried {
    let pid = i32::try_from(targets.neighbour)
        .ok()
        .and_then(Pid::from_raw);
    let pid = pid.ok_or_else(|| Stopped::unsupported("no neighbour"))?;
    test_kill_process(pid).map_err(at("kill(neighbour, 0)"))?;
    Ok("may signal it".to_owned())
}

pub(super) fn trace(targets: &Targets) -> Tried {
    attack_calls::trace(targets.neighbour).map_err(at("ptrace(SEIZE)"))?;
    Ok("traces it".to_owned())
}

pub(super) fn memory(targets: &Targets) -> Tried {
    files::open_to_read(&of(targets, "mem"))
}

pub(super) fn environment(targets: &Targets) -> Tried {
    let bytes = files::read(&of(targets, "environ"))?;
    let wanted = format!("{CANARY_NAME}={CANARY}");
    if String::from_utf8_lossy(&bytes).contains(&wanted) {
        return Ok("read its variables".to_owned());
    }
    Err(Stopped::refused("read something else"))
}

pub(super) fn enter_network(targets: &Targets) -> Tried {
    let path = of(targets, "ns/net");
    let file = File::open(&path).map_err(at("open"))?;
    let network = Some(LinkNameSpaceType::Network);
    move_into_link_name_space(file.as_fd(), network).map_err(at("setns"))?;
    Ok("entered its network".to_owned())
}

fn of(targets: &Targets, name: &str) -> PathBuf {
    PathBuf::from(format!("/proc/{}/{name}", targets.neighbour))
}
