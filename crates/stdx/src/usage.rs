//! What a tree of processes uses: CPU and memory from `/proc`.

use std::io;
use std::path::PathBuf;

use rustix::param::{clock_ticks_per_second, page_size};
use serde::{Deserialize, Serialize};

use crate::fs::read_bounded;
use crate::process::{self, ProcessId};

/// `/proc/PID/status` is some sixty short lines; group lists can make it longer.
const STATUS_MAX: u64 = 64 * 1024;

/// Sums over a tree of processes. Resident pages that processes share are counted in each; `anon_bytes` is what
/// the tree would give back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Living processes.
    pub processes: u32,
    /// Resident memory in bytes.
    pub rss_bytes: u64,
    /// Resident memory that no file backs, in bytes.
    pub anon_bytes: u64,
    /// CPU time of the living, user and system, in milliseconds.
    pub cpu_ms: u64,
}

/// What `root` and its descendants use now. All zero when `root` is dead.
pub fn of_tree(root: ProcessId) -> io::Result<Usage> {
    if !root.is_alive() {
        return Ok(Usage::default());
    }
    let mut usage = Usage::default();
    add(&mut usage, root);
    for process in process::descendants(root.pid)? {
        add(&mut usage, process);
    }
    Ok(usage)
}

/// Adds one process; one that died meanwhile adds nothing.
fn add(usage: &mut Usage, process: ProcessId) {
    let Ok(stat) = process::stat(process.pid) else {
        return;
    };
    if stat.start_ticks != process.start_ticks {
        return;
    }
    usage.processes += 1;
    usage.rss_bytes += stat.rss_pages * page_size() as u64;
    usage.anon_bytes += anon_bytes(process.pid).unwrap_or(0);
    usage.cpu_ms += ticks_to_ms(stat.cpu_ticks);
}

/// Clock ticks of `/proc` in milliseconds.
pub fn ticks_to_ms(ticks: u64) -> u64 {
    ticks.saturating_mul(1000) / clock_ticks_per_second().max(1)
}

fn anon_bytes(pid: u32) -> Option<u64> {
    let path = PathBuf::from(format!("/proc/{pid}/status"));
    let text = read_bounded(&path, STATUS_MAX).ok()?;
    let text = String::from_utf8_lossy(&text);
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_uses_memory_and_counts_itself() {
        let usage = of_tree(ProcessId::own().unwrap()).unwrap();
        assert!(usage.processes >= 1);
        assert!(
            usage.rss_bytes > usage.anon_bytes && usage.anon_bytes > 0,
            "{usage:?}"
        );
    }

    #[test]
    fn the_dead_use_nothing() {
        let own = ProcessId::own().unwrap();
        let dead = ProcessId {
            start_ticks: 0,
            ..own
        };
        assert_eq!(of_tree(dead).unwrap(), Usage::default());
    }
}
