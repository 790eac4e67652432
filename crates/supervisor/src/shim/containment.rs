//! The shim's own part of a contained program: the kernel groups with their limits, and the namespaces that it enters.

use std::cell::OnceCell;
use std::path::Path;

use super::handoff::Applied;
use super::oci::{self, Bundle};
use super::space::{self, Outside};
use crate::cgroup::{Group, Hierarchies, Limited};
use crate::order::{Backend, Isolation, Limits};
use crate::record::{IsolationClass, Spec};

/// What was made for one start.
#[derive(Debug)]
pub(crate) struct Containment {
    outside: Outside,
    /// Where this machine lets us make any.
    group: Option<Group>,
    /// What came of the limits, once they are set.
    limited: OnceCell<Limited>,
    /// Where the rest is made by an OCI runtime.
    bundle: Option<Bundle>,
}

impl Containment {
    /// Makes the groups and enters the namespaces, for good; `None` for a program that is not to be contained. After an
    /// error nothing is left but what this process has entered. `mount_point` is in the directory of the start.
    pub(super) fn enter(spec: &Spec, mount_point: &Path) -> Result<Option<Self>, String> {
        match (spec.order.isolation, &spec.order.backend) {
            (Isolation::Shared, _) => Ok(None),
            (Isolation::Contained, Backend::Own) => Self::own(spec).map(Some),
            (Isolation::Contained, Backend::Oci { runtime }) => {
                let dir = mount_point.parent().unwrap_or(mount_point);
                Self::by_runtime(spec, runtime, dir).map(Some)
            }
        }
    }

    fn own(spec: &Spec) -> Result<Self, String> {
        let (group, limited) = groups(spec);
        match space::enter() {
            Ok(outside) => Ok(Self {
                outside,
                group,
                limited: OnceCell::from(limited),
                bundle: None,
            }),
            Err(reason) => {
                group.iter().for_each(Group::remove);
                Err(reason)
            }
        }
    }

    /// The groups are made in every hierarchy, as a runtime would: so they are ours to remove, with those above them,
    /// which others may be about to use.
    fn by_runtime(spec: &Spec, runtime: &Path, dir: &Path) -> Result<Self, String> {
        if !rustix::process::geteuid().is_root() {
            return Err("an OCI runtime contains programs for root only".to_owned());
        }
        let name = spec.group.as_ref().ok_or("no group was named")?;
        let group = Hierarchies::every().group(name);
        group.create(&Limits::default())?;
        match space::enter_network() {
            Ok(outside) => Ok(Self {
                outside,
                bundle: Some(Bundle::new(runtime, dir, spec.instance(), group.path())),
                group: Some(group),
                limited: OnceCell::new(),
            }),
            Err(reason) => {
                group.remove();
                Err(reason)
            }
        }
    }

    pub(super) fn outside(&self) -> &Outside {
        &self.outside
    }

    /// What an OCI runtime is told, where one makes the rest.
    pub(super) fn bundle(&self) -> Option<&Bundle> {
        self.bundle.as_ref()
    }

    /// Puts this process, which is to be the program's init, under the limits.
    pub(super) fn admit(&self) -> Result<(), String> {
        self.group.as_ref().map_or(Ok(()), Group::enter)
    }

    /// Limits what is in the group already, once.
    pub(super) fn limit(&self, limits: &Limits) {
        let set = self.group.as_ref().map(|group| group.set(limits));
        let limited = match set {
            Some(Ok(limited)) => limited,
            Some(Err(reason)) => unlimited(limits, &reason),
            None => unlimited(limits, NO_GROUP),
        };
        // Those of the start stay.
        let _ = self.limited.set(limited);
    }

    /// Adds what came of the limits to what holds.
    pub(super) fn complete(&self, mut applied: Applied) -> Applied {
        let limited = self.limited.get();
        applied.controls.extend(
            limited
                .into_iter()
                .flat_map(|limited| limited.controls.clone()),
        );
        if !limited.is_some_and(|limited| limited.complete) {
            applied.class = applied.class.min(IsolationClass::Confined);
        }
        applied
    }

    /// Whether the kernel has killed something in the group for want of memory.
    pub(super) fn out_of_memory(&self) -> Option<bool> {
        Some(self.group.as_ref()?.oom_kills()? > 0)
    }

    /// Removes the groups, when nothing is in them any more, and what a runtime keeps.
    pub(super) fn remove(&self) {
        self.bundle.iter().for_each(oci::delete);
        self.group.iter().for_each(Group::remove);
    }
}

const NO_GROUP: &str = "no group was named";

/// A limit that this machine does not let us set is no reason not to run, but no control either.
fn groups(spec: &Spec) -> (Option<Group>, Limited) {
    let limits = &spec.order.limits;
    let Some(name) = &spec.group else {
        return (None, unlimited(limits, NO_GROUP));
    };
    let group = if spec.hierarchies.is_empty() {
        Hierarchies::here().group(name)
    } else {
        spec.hierarchies.group(name)
    };
    match group.create(limits) {
        Ok(limited) => (Some(group), limited),
        Err(reason) => (None, unlimited(limits, &reason)),
    }
}

/// What is said where no limit could be set.
fn unlimited(limits: &Limits, reason: &str) -> Limited {
    let wanted = limits.memory_bytes > 0 || limits.cpu_millis > 0 || limits.pids > 0;
    let controls = wanted.then(|| format!("memory, cpu and processes not limited: {reason}"));
    Limited {
        controls: controls.into_iter().collect(),
        complete: !wanted,
    }
}
