//! Which controllers this machine has, and where.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::files::read;

/// What a controller is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Controller {
    /// Limits and counts memory.
    Memory,
    /// Limits CPU.
    Cpu,
    /// Counts CPU in version 1; in version 2 `cpu` does.
    #[serde(rename = "cpuacct")]
    CpuAccount,
    /// Limits processes.
    Pids,
}

impl Controller {
    const ALL: [Self; 4] = [Self::Memory, Self::Cpu, Self::CpuAccount, Self::Pids];

    fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Cpu => "cpu",
            Self::CpuAccount => "cpuacct",
            Self::Pids => "pids",
        }
    }

    /// The word that passes it on to the groups below, in version 2.
    pub(super) fn enable(self) -> String {
        format!("+{}", self.name())
    }
}

/// The kernel has two interfaces; a controller is in one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Version {
    #[serde(rename = "1")]
    One,
    #[serde(rename = "2")]
    Two,
}

/// One mounted hierarchy with controllers that we use. Where there is none, the one of version 2 is listed without any:
/// its groups can still be used to find processes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place {
    pub(crate) version: Version,
    pub(crate) mount: PathBuf,
    pub(crate) controllers: Vec<Controller>,
}

/// Where a machine has its kernel groups (cgroups): every hierarchy that we use.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hierarchies(Vec<Place>);

impl Hierarchies {
    /// Whether nothing is known of any.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those of this machine.
    pub(crate) fn here() -> Self {
        let text = read(Path::new("/proc/self/mountinfo")).unwrap_or_default();
        Self::parse(&text)
    }

    /// Every one of this machine, used or not: OCI runtimes make groups in all of them.
    pub(crate) fn every() -> Self {
        let text = read(Path::new("/proc/self/mountinfo")).unwrap_or_default();
        Self::list(&text)
    }

    /// Mounts of the second version on a machine that has controllers in the first.
    pub(crate) fn beside_the_first(self) -> Vec<PathBuf> {
        let of = |version| move |place: &Place| place.version == version;
        if !self.0.iter().any(of(Version::One)) {
            return Vec::new();
        }
        let second = self.0.into_iter().filter(of(Version::Two));
        second.map(|place| place.mount).collect()
    }

    pub(super) fn list(mountinfo: &str) -> Self {
        let mut places: Vec<Place> = mountinfo.lines().filter_map(place).collect();
        let mut mounts = BTreeSet::new();
        places.retain(|place| mounts.insert(place.mount.clone()));
        Self(places)
    }

    /// Reads mountinfo (proc(5)): the mount point is field 5; type, source and options follow the separator.
    pub(super) fn parse(mountinfo: &str) -> Self {
        let mut places: Vec<Place> = Vec::new();
        for line in mountinfo.lines() {
            let Some(place) = place(line) else { continue };
            let known = places.iter().any(|other| {
                other.version == place.version && other.controllers == place.controllers
            });
            let used = place.version == Version::Two || !place.controllers.is_empty();
            if used && !known {
                places.push(place);
            }
        }
        // One that only counts costs every start as much as one that limits; `usage` has another way to count.
        places.retain(|place| place.controllers != [Controller::CpuAccount]);
        // Members are found in any of them; one without a limit is worth its folders only where it is the only one.
        if places.iter().any(|place| !place.controllers.is_empty()) {
            places.retain(|place| !place.controllers.is_empty());
        }
        Self(places)
    }

    pub(super) fn places(&self) -> &[Place] {
        &self.0
    }
}

fn place(line: &str) -> Option<Place> {
    let (before, after) = line.split_once(" - ")?;
    let mount = PathBuf::from(before.split(' ').nth(4)?);
    let mut after = after.split(' ');
    let (version, words) = match after.next()? {
        "cgroup" => (Version::One, after.nth(1)?.to_owned()),
        "cgroup2" => {
            let controllers = read(&mount.join("cgroup.controllers")).unwrap_or_default();
            (Version::Two, controllers)
        }
        _ => return None,
    };
    let words: Vec<&str> = words.split([',', ' ', '\n']).collect();
    let controllers = Controller::ALL
        .into_iter()
        .filter(|controller| words.contains(&controller.name()))
        .collect();
    Some(Place {
        version,
        mount,
        controllers,
    })
}
