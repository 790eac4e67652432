//! Kernel groups (cgroups) with limits: memory, CPU and processes of one contained start.
//!
//! Every start has one group, `plimsoll/<environment>-<hash>/<instance>`, in each hierarchy that has a controller we
//! need. The hash is of the environment's path, so that two clones of a project never meet. Version 1 (each controller
//! mounted alone, or two together) and version 2 are written by hand: it is a dozen small files.
//!
//! Version 2 is written as its documentation says, and tested against a tree of plain files only: no machine that
//! runs our tests has these controllers in it. What is reported of a process says so.

mod files;
mod hierarchies;
mod usage;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use plimsoll_bundle::Digest;
use plimsoll_stdx::process::ProcessId;

pub use usage::GroupUsage;

use crate::order::Limits;
use files::{append, limit, read, write};
pub use hierarchies::Hierarchies;
use hierarchies::{Controller, Place, Version};

/// The folder of every group of ours, in each hierarchy.
const OURS: &str = "plimsoll";
/// The period in which a CPU quota is counted, in microseconds: the kernel's default.
const PERIOD_US: u64 = 100_000;
/// The init of the process namespace counts too, and is not the program's.
const INIT_PROCESSES: u64 = 1;
/// A group whose last process has just died is busy until the kernel has let go of it, which takes milliseconds.
const REMOVE_WITHIN: Duration = Duration::from_secs(1);

/// The name of the group of the start `instance` whose environment lies in `env`.
pub(crate) fn name(env: &Path, instance: &str) -> String {
    format!("{}/{instance}", parent(env))
}

/// The name of the folder of all groups of an environment.
pub(crate) fn parent(env: &Path) -> String {
    let canonical = env.canonicalize().unwrap_or_else(|_| env.to_owned());
    let hash = Digest::of(canonical.as_os_str().as_encoded_bytes());
    let name = canonical.file_name().unwrap_or_default().to_string_lossy();
    let plain: String = name
        .chars()
        .filter(|character| character.is_ascii_alphanumeric() || *character == '-')
        .take(32)
        .collect();
    format!("{plain}-{}", &hash.hex()[..12])
}

/// The groups of one start: the same name in each hierarchy.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    /// One entry for each folder.
    dirs: BTreeMap<PathBuf, Place>,
    places: BTreeMap<Controller, (Version, PathBuf)>,
    /// Below each mount.
    path: PathBuf,
}

/// What came of the limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Limited {
    /// Each in words.
    pub(crate) controls: Vec<String>,
    /// Whether every limit that was ordered is in force, as read back.
    pub(crate) complete: bool,
}

impl Hierarchies {
    /// The group called `name`, there or not.
    pub(crate) fn group(&self, name: &str) -> Group {
        let mut group = Group {
            dirs: BTreeMap::new(),
            places: BTreeMap::new(),
            path: Path::new(OURS).join(name),
        };
        for place in self.places() {
            let dir = place.mount.join(&group.path);
            for &controller in &place.controllers {
                group
                    .places
                    .insert(controller, (place.version, dir.clone()));
            }
            group.dirs.insert(dir, place.clone());
        }
        group
    }

    /// The names of the groups below `parent` (an environment's folder).
    pub(crate) fn names(&self, parent: &str) -> Vec<String> {
        let mut names = Vec::new();
        for place in self.places() {
            let entries = std::fs::read_dir(place.mount.join(OURS).join(parent));
            for entry in entries.into_iter().flatten().flatten() {
                let is_group = entry.file_type().is_ok_and(|kind| kind.is_dir());
                if let (true, Ok(name)) = (is_group, entry.file_name().into_string()) {
                    names.push(format!("{parent}/{name}"));
                }
            }
        }
        names.sort();
        names.dedup();
        names
    }
}

impl Group {
    /// Where it is below the mount of each hierarchy.
    pub(crate) fn path(&self) -> String {
        self.path.to_string_lossy().into_owned()
    }

    /// Makes the group and sets its limits. After an error nothing of it is left.
    pub(crate) fn create(&self, limits: &Limits) -> Result<Limited, String> {
        let made = self.make().and_then(|()| self.set(limits));
        if made.is_err() {
            self.remove();
        }
        made
    }

    fn make(&self) -> Result<(), String> {
        for (dir, place) in &self.dirs {
            make_below(dir, place)?;
        }
        Ok(())
    }

    /// Sets the limits, also of a group with processes in it.
    pub(crate) fn set(&self, limits: &Limits) -> Result<Limited, String> {
        let mut limited = Limited {
            controls: Vec::new(),
            complete: true,
        };
        if limits.memory_bytes > 0 {
            let set = self.memory(limits.memory_bytes);
            limited.note("memory", set)?;
        }
        if limits.cpu_millis > 0 {
            let set = self.cpu(limits.cpu_millis);
            limited.note("cpu", set)?;
        }
        if limits.pids > 0 {
            let set = self.pids(limits.pids);
            limited.note("processes", set)?;
        }
        Ok(limited)
    }

    /// Moves this process into the group; what it forks from now on is born there.
    pub(crate) fn enter(&self) -> Result<(), String> {
        for dir in self.dirs.keys() {
            // 0 is whoever writes it, whatever its number is in its namespace.
            write(&dir.join("cgroup.procs"), "0")?;
        }
        Ok(())
    }

    /// Every process in it.
    pub(crate) fn members(&self) -> Vec<ProcessId> {
        let mut members = Vec::new();
        for dir in self.dirs.keys() {
            let text = read(&dir.join("cgroup.procs")).unwrap_or_default();
            for process in text.lines().filter_map(|pid| pid.parse().ok()) {
                members.extend(ProcessId::of(process).ok());
            }
        }
        members.sort_by_key(|process| process.pid);
        members.dedup();
        members
    }

    /// Removes the group, which must be empty of processes. One whose process hangs in the kernel stays, and is tried
    /// again when its environment is opened.
    pub(crate) fn remove(&self) {
        let deadline = Instant::now() + REMOVE_WITHIN;
        for dir in self.dirs.keys() {
            while std::fs::remove_dir(dir)
                .is_err_and(|error| error.kind() == std::io::ErrorKind::ResourceBusy)
                && Instant::now() < deadline
            {
                std::thread::sleep(Duration::from_millis(1));
            }
            // The folders above go with their last group; others may be making theirs, and make them again.
            let mut above = dir.ancestors().skip(1).take(2);
            while above
                .next()
                .is_some_and(|dir| std::fs::remove_dir(dir).is_ok())
            {}
        }
    }

    /// `Ok(None)`: there is no such controller here.
    fn memory(&self, bytes: u64) -> Result<Option<String>, String> {
        let Some((version, dir)) = self.places.get(&Controller::Memory) else {
            return Ok(None);
        };
        let mib = bytes >> 20;
        match version {
            Version::One => {
                // The two bounds may never cross, whichever way they move.
                let swap = dir.join("memory.memsw.limit_in_bytes");
                let memory = dir.join("memory.limit_in_bytes");
                let text = bytes.to_string();
                let with_swap = swap.exists();
                let set = limit(&memory, &text, bytes);
                if with_swap {
                    write(&swap, &text)?;
                }
                set.or_else(|_| limit(&memory, &text, bytes))?;
                let note = if with_swap { "" } else { ", swap not limited" };
                Ok(Some(format!("memory {mib} MiB{note} (cgroup v1)")))
            }
            Version::Two => {
                limit(&dir.join("memory.max"), &bytes.to_string(), bytes)?;
                let swap = dir.join("memory.swap.max");
                if swap.exists() {
                    write(&swap, "0")?;
                }
                Ok(Some(format!("memory {mib} MiB ({UNTRIED})")))
            }
        }
    }

    fn cpu(&self, millis: u32) -> Result<Option<String>, String> {
        let Some((version, dir)) = self.places.get(&Controller::Cpu) else {
            return Ok(None);
        };
        let quota = u64::from(millis) * PERIOD_US / 1000;
        match version {
            Version::One => {
                write(&dir.join("cpu.cfs_period_us"), &PERIOD_US.to_string())?;
                limit(&dir.join("cpu.cfs_quota_us"), &quota.to_string(), quota)?;
                Ok(Some(format!("cpu {millis}m (cgroup v1)")))
            }
            Version::Two => {
                limit(&dir.join("cpu.max"), &format!("{quota} {PERIOD_US}"), quota)?;
                Ok(Some(format!("cpu {millis}m ({UNTRIED})")))
            }
        }
    }

    fn pids(&self, pids: u32) -> Result<Option<String>, String> {
        let Some((version, dir)) = self.places.get(&Controller::Pids) else {
            return Ok(None);
        };
        let bound = u64::from(pids) + INIT_PROCESSES;
        limit(&dir.join("pids.max"), &bound.to_string(), bound)?;
        let how = match version {
            Version::One => "cgroup v1",
            Version::Two => UNTRIED,
        };
        Ok(Some(format!("processes {pids} ({how})")))
    }
}

/// How version 2 is named wherever it is reported.
const UNTRIED: &str = "cgroup v2: set and read back, not exercised by our tests";

impl Limited {
    fn note(&mut self, what: &str, set: Result<Option<String>, String>) -> Result<(), String> {
        let control = set?.unwrap_or_else(|| {
            self.complete = false;
            format!("{what} not limited: no cgroup for it")
        });
        self.controls.push(control);
        Ok(())
    }
}

/// Makes `dir` and what is above it, with the controllers that version 2 has to be told of. Another start may just
/// be removing the empty folders above, so it is tried a few times.
fn make_below(dir: &Path, place: &Place) -> Result<(), String> {
    let mut result = Ok(());
    for _ in 0..5 {
        // What is above has been there since the first start, and version 1 has nothing to pass on.
        if place.version == Version::One && std::fs::create_dir(dir).is_ok() {
            return Ok(());
        }
        result = make_once(dir, place);
        if result.is_ok() {
            return Ok(());
        }
    }
    result
}

fn make_once(dir: &Path, place: &Place) -> Result<(), String> {
    let mut above: Vec<&Path> = dir
        .ancestors()
        .take_while(|ancestor| *ancestor != place.mount)
        .collect();
    above.push(&place.mount);
    // From the mount down: a group has the controllers that the one above it passes on.
    for pair in above.windows(2).rev() {
        let [child, parent] = pair else { continue };
        if place.version == Version::Two && !place.controllers.is_empty() {
            let words: Vec<String> = place
                .controllers
                .iter()
                .copied()
                .map(Controller::enable)
                .collect();
            append(&parent.join("cgroup.subtree_control"), &words.join(" "))?;
        }
        match std::fs::create_dir(child) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(format!("cannot create {}: {error}", child.display())),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
