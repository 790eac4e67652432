//! The machine on which attacks were made.

use std::path::{Path, PathBuf};

use plimsoll_bundle::Digest;
use plimsoll_supervisor::ProcessRunner;
use rustix::process::geteuid;
use rustix::system::uname;
use serde::{Deserialize, Serialize};

/// What must be known of a machine to read what was observed on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// The kernel's release.
    pub kernel: String,
    /// The processor's kind, as the kernel calls it.
    pub arch: String,
    /// The version of the interface to kernel groups in which the limits were tried; 0 is none.
    pub cgroup_version: u8,
    /// Whether limits by version 2 were tried here, or are tested on a tree of plain files only.
    pub cgroup_v2: GroupTest,
    /// The version of Landlock's rules, 0 without.
    pub landlock: u32,
    /// Who the doctor was.
    pub uid: u32,
    /// The digest of the binary that attacked, which is the one that contains.
    pub binary: Digest,
}

/// How an interface was tested.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum GroupTest {
    /// By these attacks.
    #[serde(rename = "exercised")]
    Exercised,
    /// By unit tests only.
    #[serde(rename = "tested on a fake tree only")]
    FakeTree,
}

impl Machine {
    /// Looks at this machine. `controls` are those of a replica, in the words of its record.
    pub(super) fn look(runner: &ProcessRunner, binary: &Digest, controls: &[String]) -> Self {
        let name = uname();
        let text = |part: &std::ffi::CStr| part.to_string_lossy().into_owned();
        let cgroup_version = version(controls);
        Self {
            kernel: text(name.release()),
            arch: text(name.machine()),
            cgroup_version,
            cgroup_v2: if cgroup_version == 2 {
                GroupTest::Exercised
            } else {
                GroupTest::FakeTree
            },
            landlock: runner.capabilities().landlock,
            uid: geteuid().as_raw(),
            binary: binary.clone(),
        }
    }
}

/// The version that the limit of memory names.
fn version(controls: &[String]) -> u8 {
    let limit = controls
        .iter()
        .find(|control| control.starts_with("memory ") && !control.contains("not limited"));
    match limit {
        Some(limit) if limit.contains("cgroup v1") => 1,
        Some(_) => 2,
        None => 0,
    }
}

/// Where kernel groups are mounted: the file by which version 1 runs a program outside, and the one by which a process
/// leaves its group.
pub(super) fn group_files() -> (Option<PathBuf>, Option<PathBuf>) {
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let places: Vec<&Path> = mounts
        .lines()
        .filter_map(|line| {
            let mut words = line.split(' ').skip(1);
            let place = words.next()?;
            words
                .next()?
                .starts_with("cgroup")
                .then_some(Path::new(place))
        })
        .collect();
    let first = |name: &str| {
        let mut files = places.iter().map(|place| place.join(name));
        files.find(|file| file.exists())
    };
    (first("release_agent"), first("cgroup.procs"))
}

#[cfg(test)]
mod tests {
    use super::version;

    #[test]
    fn the_version_of_groups_is_read_from_what_a_replica_was_given() {
        for (control, expected) in [
            ("memory 64 MiB (cgroup v1)", 1),
            ("memory 64 MiB (cgroup v2, tested on a fake tree only)", 2),
            ("memory not limited: no cgroup", 0),
            ("memory, cpu and processes not limited: no group", 0),
            ("a read-only root", 0),
        ] {
            assert_eq!(version(&[control.to_owned()]), expected, "{control}");
        }
    }
}
