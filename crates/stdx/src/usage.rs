//! What a tree of processes uses: CPU and memory from `/proc`.

use std::io;
use std::path::PathBuf;

use rustix::param::{clock_ticks_per_second, page_size};
use serde::{Deserialize, Serialize};

use crate::fs::read_bounded;
use crate::process::{self, ProcessId, Stat, Table};

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

/// What each root and its descendants use now, in the same order; all zero for one that is dead. The table of
/// processes is read once.
pub fn of_trees(roots: &[ProcessId]) -> io::Result<Vec<Usage>> {
    let table = Table::read()?;
    Ok(roots.iter().map(|&root| sum(&table, root)).collect())
}

/// What `root` and its descendants use now; all zero when it is dead.
pub fn of_tree(root: ProcessId) -> io::Result<Usage> {
    Ok(sum(&Table::read()?, root))
}

/// CPU time, user and system, in milliseconds, of `root` and its descendants and of those of them that have been waited
/// for; zero when it is dead. The dead whose parent had asked not to hear of them are missing.
pub fn cpu_ms_with_the_dead(root: ProcessId) -> io::Result<u64> {
    if !root.is_alive() {
        return Ok(0);
    }
    let own = process::stat(root.pid)?;
    let below = Table::read()?.descendants(root.pid);
    let all = below.iter().map(|(_, stat)| stat).chain([&own]);
    Ok(ticks_to_ms(
        all.map(|stat| stat.cpu_ticks + stat.waited_ticks).sum(),
    ))
}

fn sum(table: &Table, root: ProcessId) -> Usage {
    let mut usage = Usage::default();
    match process::stat(root.pid) {
        Ok(stat) if stat.start_ticks == root.start_ticks && stat.is_alive() => {
            add(&mut usage, root.pid, &stat);
        }
        Ok(_) | Err(_) => return usage,
    }
    for (process, stat) in table.descendants(root.pid) {
        add(&mut usage, process.pid, &stat);
    }
    usage
}

fn add(usage: &mut Usage, pid: u32, stat: &Stat) {
    usage.processes += 1;
    usage.rss_bytes += stat.rss_pages * page_size() as u64;
    // One that has died since adds nothing.
    usage.anon_bytes += anon_bytes(pid).unwrap_or(0);
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
        let usage = of_trees(&[ProcessId::own().unwrap()]).unwrap()[0];
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
        assert_eq!(of_trees(&[dead]).unwrap(), [Usage::default()]);
    }
}
