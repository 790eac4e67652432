//! Attacks on the limits: more memory, processes, files and CPU than the orders give, and as much as they give.

use std::fs::File;
use std::hint::black_box;

use plimsoll_supervisor::attack_calls;
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use rustix::time::{ClockId, clock_gettime};

use super::answer::{Stopped, Tried, at};
use super::targets::Targets;

/// The orders of a replica under attack give 64 MiB.
const TOO_MUCH_MIB: usize = 80;
const WITHIN_MIB: usize = 48;
/// A page is what the kernel gives at a time; larger pages only make this touch more often than it must.
const PAGE: usize = 4096;
/// Far beyond the 32 that the orders give, and nothing that a machine would notice.
const MOST_PROCESSES: usize = 200;
const FEW_PROCESSES: usize = 8;
/// Beyond the 256 that the orders give, and below the 1024 that a login has.
const MOST_FILES: usize = 512;
/// At 5 % of a CPU this takes twenty periods of the kernel's count, and it is held back in the first.
const BURN_MS: i64 = 100;

pub(super) fn memory(_: &Targets) -> Tried {
    touch(TOO_MUCH_MIB)
}

pub(super) fn memory_within(_: &Targets) -> Tried {
    touch(WITHIN_MIB)
}

fn touch(mib: usize) -> Tried {
    let mut memory = Vec::new();
    if memory.try_reserve_exact(mib << 20).is_err() {
        return Err(Stopped::refused(format!("ENOMEM at {mib} MiB")));
    }
    memory.resize(mib << 20, 0_u8);
    for byte in memory.iter_mut().step_by(PAGE) {
        *byte = 1;
    }
    black_box(&memory);
    Ok(format!("touched {mib} MiB"))
}

pub(super) fn processes(_: &Targets) -> Tried {
    fork(MOST_PROCESSES)
}

pub(super) fn processes_within(_: &Targets) -> Tried {
    fork(FEW_PROCESSES)
}

/// Forks until it is refused or has `most` children, and ends them all.
fn fork(most: usize) -> Tried {
    let mut children = Vec::new();
    let refused = loop {
        if children.len() == most {
            break None;
        }
        match attack_calls::fork_waiting() {
            Ok(child) => children.push(child),
            Err(error) => break Some(error),
        }
    };
    let pids = children
        .iter()
        .filter_map(|&child| Pid::from_raw(i32::try_from(child).ok()?));
    for child in pids {
        // Of one that is gone already nothing is left to end.
        let _ = kill_process(child, Signal::KILL);
        let _ = waitpid(Some(child), WaitOptions::empty());
    }
    let count = children.len();
    match refused {
        Some(error) => Err(at(format!("fork after {count} children"))(error)),
        None => Ok(format!("has {count} children")),
    }
}

pub(super) fn open_files(_: &Targets) -> Tried {
    let mut files = Vec::new();
    while files.len() < MOST_FILES {
        match File::open("/dev/null") {
            Ok(file) => files.push(file),
            Err(error) => return Err(at(format!("open after {} files", files.len()))(error)),
        }
    }
    Ok(format!("has {MOST_FILES} files open"))
}

/// Nothing inside tells that it is held back; who watches the kernel's counters sees it.
#[expect(clippy::unnecessary_wraps, reason = "every attack has one form")]
pub(super) fn cpu(_: &Targets) -> Tried {
    while used_ms() < BURN_MS {
        black_box(0);
    }
    Ok(format!("used {BURN_MS} ms of CPU at once"))
}

fn used_ms() -> i64 {
    let used = clock_gettime(ClockId::ProcessCPUTime);
    used.tv_sec * 1000 + used.tv_nsec / 1_000_000
}
