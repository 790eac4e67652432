//! What a shim that was killed leaves behind, found by its marks and killed.
//!
//! Descendants of a dead shim belong to process 1, and may have changed their session, their group and (PostgreSQL
//! does, to show a title) overwritten their environment. Three marks remain: the kernel group they are in, where we
//! could make one; the token in the environment they were started with; and the token in a file of their own root.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use plimsoll_stdx::fs::read_bounded;
use plimsoll_stdx::process::{self, ProcessId};
use rustix::process::Signal;

use crate::cgroup::{Group, Hierarchies};
use crate::record::{ShimRecord, Spec};
use crate::shim::{TOKEN_FILE, TOKEN_VARIABLE, group, oci};

/// An environment is at most this long: the kernel's own bound for arguments and environment is 2 MiB by default.
const ENVIRON_MAX: u64 = 4 << 20;
/// How long killing may take; SIGKILL works in microseconds unless the process hangs in the kernel.
const PATIENCE: Duration = Duration::from_secs(5);

/// Kills everything that belongs to the start in `dir` and says how many there were. What could not be killed within
/// 5 s is left.
pub(super) fn kill(dir: &Path, spec: &Spec, record: Option<&ShimRecord>, same_boot: bool) -> usize {
    // A runtime has made groups in hierarchies that we do not use, too.
    let hierarchies = if spec.order.backend.is_own() {
        Hierarchies::here()
    } else {
        Hierarchies::every()
    };
    let limited = spec.group.as_ref().map(|name| hierarchies.group(name));
    let killed = kill_all(|| {
        let mut alive = marked(&spec.token);
        alive.extend(group::members(&spec.token));
        alive.extend(limited.iter().flat_map(Group::members));
        if let Some(record) = record.filter(|_| same_boot) {
            alive.extend(recorded(record));
        }
        alive
    });
    group::remove(&spec.token);
    limited.iter().for_each(Group::remove);
    oci::forget(dir);
    killed
}

/// Kills everything in a group whose start nobody remembers, and removes it.
pub(super) fn empty(group: &Group) {
    kill_all(|| group.members());
    group.remove();
}

/// Kills whom `find` finds until it finds nobody; how many there were.
fn kill_all(find: impl Fn() -> Vec<ProcessId>) -> usize {
    let deadline = Instant::now() + PATIENCE;
    let mut killed: Vec<ProcessId> = Vec::new();
    loop {
        let mut alive = find();
        alive.retain(|process| process.is_alive());
        if alive.is_empty() || Instant::now() > deadline {
            return killed.len();
        }
        for process in alive {
            // One that is already dead, or not ours to signal, is seen again in the next round or not at all.
            let _ = process.signal(Signal::KILL);
            if !killed.contains(&process) {
                killed.push(process);
            }
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// The shim and the program by number and start, with the program's descendants.
fn recorded(record: &ShimRecord) -> Vec<ProcessId> {
    let mut found = vec![record.shim];
    let program = record.program.iter();
    for process in program.flat_map(|program| program.init.into_iter().chain([program.process])) {
        if process.is_alive() {
            found.push(process);
            found.extend(process::descendants(process.pid).unwrap_or_default());
        }
    }
    found
}

fn marked(token: &str) -> Vec<ProcessId> {
    let own = std::process::id();
    let own_ns = std::fs::read_link("/proc/self/ns/mnt").ok();
    let variable = format!("{TOKEN_VARIABLE}={token}");
    let mut found = Vec::new();
    for pid in process::all().unwrap_or_default() {
        if pid == own {
            continue;
        }
        let Ok(process) = ProcessId::of(pid) else {
            continue;
        };
        if has_variable(pid, &variable) || has_root_of(pid, token, own_ns.as_ref()) {
            found.push(process);
        }
    }
    found
}

fn has_variable(pid: u32, variable: &str) -> bool {
    let path = PathBuf::from(format!("/proc/{pid}/environ"));
    read_bounded(&path, ENVIRON_MAX).is_ok_and(|bytes| {
        bytes
            .split(|&byte| byte == 0)
            .any(|entry| entry == variable.as_bytes())
    })
}

fn has_root_of(pid: u32, token: &str, own_ns: Option<&PathBuf>) -> bool {
    let namespace = std::fs::read_link(format!("/proc/{pid}/ns/mnt")).ok();
    if namespace.is_none() || namespace.as_ref() == own_ns {
        return false;
    }
    let path = PathBuf::from(format!("/proc/{pid}/root{TOKEN_FILE}"));
    read_bounded(&path, 64).is_ok_and(|bytes| bytes == token.as_bytes())
}
