//! Who is alive, told apart from who has its number now.
//!
//! A pid names a process only together with its start (in clock ticks since boot) and the boot. A zombie is dead:
//! where process 1 never reaps, orphans stay zombies for ever.

use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde::{Deserialize, Serialize};

use crate::fs::read_bounded;

/// `/proc/PID/stat` is one line of 52 numbers and a name of at most 64 bytes: below 1.5 KiB.
const STAT_MAX: u64 = 4096;

/// A process for as long as this machine is not booted again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ProcessId {
    /// Its number.
    pub pid: u32,
    /// Its start in clock ticks since boot, field 22 of `/proc/PID/stat`.
    pub start_ticks: u64,
}

/// What one line of `/proc/PID/stat` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    /// One letter: `R`, `S`, `D`, `Z`, `X`, ...
    pub state: char,
    /// Its parent's number.
    pub parent: u32,
    /// Its session's number.
    pub session: u32,
    /// User and system time in clock ticks.
    pub cpu_ticks: u64,
    /// The same of the children that it has waited for, and of theirs.
    pub waited_ticks: u64,
    /// Its start in clock ticks since boot.
    pub start_ticks: u64,
    /// Resident memory in pages.
    pub rss_pages: u64,
}

impl Stat {
    /// Whether it runs: neither a zombie nor being removed.
    pub fn is_alive(&self) -> bool {
        !matches!(self.state, 'Z' | 'X')
    }
}

impl ProcessId {
    /// The process that has this number now, dead or alive.
    pub fn of(pid: u32) -> io::Result<Self> {
        Ok(Self {
            pid,
            start_ticks: stat(pid)?.start_ticks,
        })
    }

    /// This process.
    pub fn own() -> io::Result<Self> {
        Self::of(std::process::id())
    }

    /// Whether it runs: the same process, and no zombie.
    pub fn is_alive(self) -> bool {
        stat(self.pid).is_ok_and(|stat| stat.start_ticks == self.start_ticks && stat.is_alive())
    }

    /// A descriptor that stays with this process and becomes readable when it dies. `None` when it is dead.
    pub fn open(self) -> io::Result<Option<OwnedFd>> {
        let Some(pid) = raw(self.pid) else {
            return Ok(None);
        };
        let handle = match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(handle) => handle,
            Err(Errno::SRCH) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        // Checked after opening: what the descriptor holds can no longer be exchanged for another process.
        Ok(self.is_alive().then_some(handle))
    }

    /// Sends a signal to this very process. `false` when it is dead.
    pub fn signal(self, signal: Signal) -> io::Result<bool> {
        let Some(handle) = self.open()? else {
            return Ok(false);
        };
        match pidfd_send_signal(&handle, signal) {
            Ok(()) => Ok(true),
            Err(Errno::SRCH) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

/// `pid` in the form that rustix wants; `None` for 0 and what does not fit.
pub fn raw(pid: u32) -> Option<Pid> {
    i32::try_from(pid).ok().and_then(Pid::from_raw)
}

/// Reads `/proc/PID/stat`.
pub fn stat(pid: u32) -> io::Result<Stat> {
    let path = PathBuf::from(format!("/proc/{pid}/stat"));
    let bytes = read_bounded(&path, STAT_MAX).map_err(io::Error::other)?;
    parse(&String::from_utf8_lossy(&bytes))
        .ok_or_else(|| io::Error::other(format!("{} cannot be understood", path.display())))
}

/// The name may hold spaces and brackets, so fields are counted from the last closing bracket.
fn parse(line: &str) -> Option<Stat> {
    let (_, rest) = line.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    // `fields[0]` is field 3 of proc(5).
    let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
    let small = |field: usize| number(field).and_then(|value| u32::try_from(value).ok());
    Some(Stat {
        state: fields.first()?.chars().next()?,
        parent: small(4)?,
        session: small(6)?,
        cpu_ticks: number(14)? + number(15)?,
        waited_ticks: number(16)? + number(17)?,
        start_ticks: number(22)?,
        rss_pages: number(24)?,
    })
}

/// The name of this boot.
pub fn boot_id() -> io::Result<String> {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
    Ok(text.trim().to_owned())
}

/// The numbers of every process that can be seen.
pub fn all() -> io::Result<Vec<u32>> {
    let mut pids = Vec::new();
    for entry in std::fs::read_dir("/proc")? {
        if let Some(pid) = entry?
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        {
            pids.push(pid);
        }
    }
    Ok(pids)
}

/// Every process that can be seen, as the table stood when it was read.
#[derive(Debug, Clone, Default)]
pub struct Table {
    rows: Vec<(u32, Stat)>,
}

impl Table {
    /// Reads the table: one small file per process of this machine, so read it once for many questions.
    pub fn read() -> io::Result<Self> {
        let rows = all()?
            .into_iter()
            .filter_map(|pid| Some((pid, stat(pid).ok()?)))
            .collect();
        Ok(Self { rows })
    }

    /// Every living descendant of `root`, not `root` itself. Processes come and go meanwhile: who kills them reads
    /// the table again until none is left.
    pub fn descendants(&self, root: u32) -> Vec<(ProcessId, Stat)> {
        let mut found: Vec<(ProcessId, Stat)> = Vec::new();
        let mut frontier = vec![root];
        while let Some(parent) = frontier.pop() {
            for &(pid, stat) in self.rows.iter().filter(|(_, stat)| stat.parent == parent) {
                if found.iter().any(|(known, _)| known.pid == pid) {
                    continue;
                }
                frontier.push(pid);
                let start_ticks = stat.start_ticks;
                found.push((ProcessId { pid, start_ticks }, stat));
            }
        }
        found.retain(|(_, stat)| stat.is_alive());
        found
    }
}

/// Every living descendant of `root`, not `root` itself, by a table read for this question.
pub fn descendants(root: u32) -> io::Result<Vec<ProcessId>> {
    let found = Table::read()?.descendants(root);
    Ok(found.into_iter().map(|(process, _)| process).collect())
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn a_name_with_brackets_and_spaces_does_not_shift_the_fields() {
        let line = "7 (a) b (c) S 3 7 5 0 -1 4194304 1 2 3 4 50 25 7 3 20 0 1 0 4242 1000 99 18446744073709551615";
        let stat = parse(line).unwrap();
        assert_eq!((stat.state, stat.parent, stat.session), ('S', 3, 5));
        assert_eq!(
            (stat.cpu_ticks, stat.start_ticks, stat.rss_pages),
            (75, 4242, 99)
        );
        assert_eq!(stat.waited_ticks, 10);
        assert!(parse("7 (a) S 3").is_none());
        assert!(parse("").is_none());
    }

    #[test]
    fn this_process_lives_and_its_number_with_another_start_does_not() {
        let own = ProcessId::own().unwrap();
        assert!(own.is_alive());
        let other = ProcessId {
            start_ticks: own.start_ticks + 1,
            ..own
        };
        assert!(!other.is_alive());
        assert!(other.open().unwrap().is_none());
        assert!(!other.signal(Signal::KILL).unwrap());
    }

    #[test]
    fn a_zombie_is_dead() {
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        let id = ProcessId::of(child.id()).unwrap();
        assert!(id.is_alive());
        assert!(descendants(std::process::id()).unwrap().contains(&id));
        let handle = id.open().unwrap().unwrap();
        assert!(id.signal(Signal::KILL).unwrap());
        // The descriptor becomes readable at death, before anybody has waited for the child.
        let mut poll = [rustix::event::PollFd::new(
            &handle,
            rustix::event::PollFlags::IN,
        )];
        rustix::event::poll(&mut poll, None).unwrap();
        assert_eq!(stat(id.pid).unwrap().state, 'Z');
        assert!(!id.is_alive());
        assert!(id.open().unwrap().is_none());
        child.wait().unwrap();
    }
}
