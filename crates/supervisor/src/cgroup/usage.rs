//! What a group uses.

use serde::{Deserialize, Serialize};

use super::Group;
use super::files::{field, number, read};
use super::hierarchies::{Controller, Version};

/// What the kernel counts for everything in a group, the dead included.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupUsage {
    /// Memory that is charged to the group, in bytes; the kernel counts in batches per CPU.
    pub memory_bytes: u64,
    /// Of that, what no file backs: what the group would give back.
    pub anon_bytes: u64,
    /// What is charged without the file pages that could go at once.
    pub working_set_bytes: u64,
    /// CPU time, user and system, in milliseconds. Where version 1 counts it in a hierarchy of its own, it is that of
    /// the living and of those that have been waited for.
    pub cpu_ms: u64,
    /// Periods of 100 ms in which the group ran.
    pub periods: u64,
    /// Periods in which it was held back by its CPU limit.
    pub throttled_periods: u64,
    /// For how long it was held back, in milliseconds; every CPU that waited counts.
    pub throttled_ms: u64,
    /// Processes that the kernel killed for want of memory.
    pub oom_kills: u64,
    /// Processes and threads, the init of the namespace included.
    pub processes: u64,
}

impl Group {
    /// Reads the counters: some small files. What cannot be read is 0. `None` where there is no group.
    pub(crate) fn usage(&self) -> Option<GroupUsage> {
        if self.places.is_empty() || !self.dirs.keys().any(|dir| dir.exists()) {
            return None;
        }
        let mut usage = GroupUsage {
            oom_kills: self.oom_kills().unwrap_or(0),
            ..GroupUsage::default()
        };
        self.add_memory(&mut usage);
        self.add_cpu(&mut usage);
        if let Some((_, dir)) = self.places.get(&Controller::Pids) {
            usage.processes = number(&dir.join("pids.current")).unwrap_or(0);
        }
        Some(usage)
    }

    /// Whether the kernel counts CPU for the group.
    pub(crate) fn counts_cpu(&self) -> bool {
        let second = self.places.get(&Controller::Cpu);
        self.places.contains_key(&Controller::CpuAccount)
            || second.is_some_and(|(version, _)| *version == Version::Two)
    }

    /// Processes of the group that the kernel killed for want of memory.
    pub(crate) fn oom_kills(&self) -> Option<u64> {
        let (version, dir) = self.places.get(&Controller::Memory)?;
        let file = match version {
            Version::One => "memory.oom_control",
            Version::Two => "memory.events",
        };
        field(&read(&dir.join(file))?, "oom_kill")
    }

    fn add_memory(&self, usage: &mut GroupUsage) {
        let Some((version, dir)) = self.places.get(&Controller::Memory) else {
            return;
        };
        let (current, anon, inactive) = match version {
            Version::One => ("memory.usage_in_bytes", "total_rss", "total_inactive_file"),
            Version::Two => ("memory.current", "anon", "inactive_file"),
        };
        let stat = read(&dir.join("memory.stat")).unwrap_or_default();
        let of = |key| field(&stat, key).unwrap_or(0);
        usage.memory_bytes = number(&dir.join(current)).unwrap_or(0);
        usage.anon_bytes = of(anon);
        usage.working_set_bytes = usage.memory_bytes.saturating_sub(of(inactive));
    }

    fn add_cpu(&self, usage: &mut GroupUsage) {
        if let Some((_, dir)) = self.places.get(&Controller::CpuAccount) {
            usage.cpu_ms = number(&dir.join("cpuacct.usage")).unwrap_or(0) / 1_000_000;
        }
        let Some((version, dir)) = self.places.get(&Controller::Cpu) else {
            return;
        };
        let stat = read(&dir.join("cpu.stat")).unwrap_or_default();
        let of = |key| field(&stat, key).unwrap_or(0);
        usage.periods = of("nr_periods");
        usage.throttled_periods = of("nr_throttled");
        match version {
            Version::One => usage.throttled_ms = of("throttled_time") / 1_000_000,
            Version::Two => {
                usage.throttled_ms = of("throttled_usec") / 1000;
                usage.cpu_ms = of("usage_usec") / 1000;
            }
        }
    }
}
