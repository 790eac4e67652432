//! What holds, read back from the kernel: nothing is reported because it was asked for.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::path::Path;

use plimsoll_stdx::fs::read_bounded;
use rustix::fs::{Mode, OFlags, StatVfsMountFlags, open, readlinkat, statvfs};
use rustix::process::geteuid;

/// Every kind of namespace that a contained program has of its own, by its name below `/proc/self/ns`. The clock's is
/// the machine's: programs are not to live in another time.
const KINDS: &[&str] = &["user", "pid", "mnt", "net", "ipc", "uts", "cgroup"];
/// The lines of `/proc/self/status` that list capabilities.
const CAPABILITIES: &[&str] = &["CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"];

/// The number of each namespace of this process, by name.
pub(super) fn namespaces() -> BTreeMap<String, u64> {
    let mut found = BTreeMap::new();
    // By path only: to a process that cannot be looked into, its own folder is another's.
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    if let Ok(folder) = open("/proc/self/ns", flags, Mode::empty()) {
        found.extend(
            KINDS
                .iter()
                .filter_map(|kind| Some(((*kind).to_owned(), namespace(&folder, kind)?))),
        );
    }
    found
}

fn namespace(folder: &OwnedFd, kind: &str) -> Option<u64> {
    let link = readlinkat(folder, kind, Vec::new()).ok()?;
    let (_, number) = link.to_str().ok()?.split_once(":[")?;
    number.strip_suffix(']')?.parse().ok()
}

/// Some sixty short lines.
const STATUS_MAX: u64 = 64 << 10;

/// Each control of a contained program in words, and whether all of them hold.
#[derive(Debug)]
pub(super) struct Observed {
    pub(super) controls: Vec<String>,
    pub(super) complete: bool,
    /// The number of the mount namespace.
    pub(super) mount_ns: Option<u64>,
}

/// Looks at this process, which is about to become the program's init and has everything that the program will have.
/// `outside` are the namespaces of this machine.
pub(super) fn look(outside: &BTreeMap<String, u64>) -> Observed {
    let mut observed = Observed {
        controls: Vec::new(),
        complete: true,
        mount_ns: None,
    };
    observed.namespaces(outside);
    let status = read_bounded(Path::new("/proc/self/status"), STATUS_MAX).unwrap_or_default();
    let status = String::from_utf8_lossy(&status);
    let value = |key: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(key));
        line.map(str::trim)
    };
    let none = |key: &&str| value(key).is_some_and(|set| set.bytes().all(|digit| digit == b'0'));
    observed.note("no capabilities", CAPABILITIES.iter().all(none));
    // Listed already, by what both kinds of program have in common.
    observed.complete &= value("NoNewPrivs:") == Some("1");
    observed.note("system calls filtered", value("Seccomp:") == Some("2"));
    let sealed = statvfs("/").is_ok_and(|root| root.f_flag.contains(StatVfsMountFlags::RDONLY));
    observed.note("a read-only root", sealed);
    observed.note("not root", !geteuid().is_root());
    observed
}

impl Observed {
    fn namespaces(&mut self, outside: &BTreeMap<String, u64>) {
        let own = namespaces();
        self.mount_ns = own.get("mnt").copied();
        let is_own = |kind: &str| match (own.get(kind), outside.get(kind)) {
            (Some(inside), Some(outside)) => inside != outside,
            (None, _) | (_, None) => false,
        };
        let (has, lacks): (Vec<&str>, Vec<&str>) = KINDS.iter().partition(|kind| is_own(kind));
        self.controls.push(format!("own {}", has.join(" ")));
        if !lacks.is_empty() {
            self.complete = false;
            self.controls
                .push(format!("shared with this machine: {}", lacks.join(" ")));
        }
    }

    fn note(&mut self, control: &str, holds: bool) {
        if holds {
            self.controls.push(control.to_owned());
        } else {
            self.complete = false;
            self.controls.push(format!("MISSING: {control}"));
        }
    }
}
