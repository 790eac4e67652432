//! The shim's own part of a contained program: the kernel groups with their limits, and the namespaces that it enters.

use super::handoff::Applied;
use super::space::{self, Outside};
use crate::cgroup::{Group, Hierarchies, Limited};
use crate::order::Isolation;
use crate::record::{IsolationClass, Spec};

/// What was made for one start.
#[derive(Debug)]
pub(crate) struct Containment {
    outside: Outside,
    /// Where this machine lets us make any.
    group: Option<Group>,
    limited: Limited,
}

impl Containment {
    /// Makes the groups and enters the namespaces, for good; `None` for a program that is not to be contained. After an
    /// error nothing is left but what this process has entered.
    pub(super) fn enter(spec: &Spec) -> Result<Option<Self>, String> {
        if spec.order.isolation == Isolation::Shared {
            return Ok(None);
        }
        let (group, limited) = groups(spec);
        match space::enter() {
            Ok(outside) => Ok(Some(Self {
                outside,
                group,
                limited,
            })),
            Err(reason) => {
                group.iter().for_each(Group::remove);
                Err(reason)
            }
        }
    }

    pub(super) fn outside(&self) -> &Outside {
        &self.outside
    }

    /// Puts this process, which is to be the program's init, under the limits.
    pub(super) fn admit(&self) -> Result<(), String> {
        self.group.as_ref().map_or(Ok(()), Group::enter)
    }

    /// Adds what came of the limits to what holds.
    pub(super) fn complete(&self, mut applied: Applied) -> Applied {
        applied.controls.extend(self.limited.controls.clone());
        if !self.limited.complete {
            applied.class = applied.class.min(IsolationClass::Confined);
        }
        applied
    }

    /// Whether the kernel has killed something in the group for want of memory.
    pub(super) fn out_of_memory(&self) -> Option<bool> {
        Some(self.group.as_ref()?.oom_kills()? > 0)
    }

    /// Removes the groups, when nothing is in them any more.
    pub(super) fn remove(&self) {
        self.group.iter().for_each(Group::remove);
    }
}

/// A limit that this machine does not let us set is no reason not to run, but no control either.
fn groups(spec: &Spec) -> (Option<Group>, Limited) {
    let limits = &spec.order.limits;
    let refused = |reason: String| {
        let wanted = limits.memory_bytes > 0 || limits.cpu_millis > 0 || limits.pids > 0;
        let controls = wanted.then(|| format!("memory, cpu and processes not limited: {reason}"));
        (
            None,
            Limited {
                controls: controls.into_iter().collect(),
                complete: !wanted,
            },
        )
    };
    let Some(name) = &spec.group else {
        return refused("no group was named".to_owned());
    };
    let group = if spec.hierarchies.is_empty() {
        Hierarchies::here().group(name)
    } else {
        spec.hierarchies.group(name)
    };
    match group.create(limits) {
        Ok(limited) => (Some(group), limited),
        Err(reason) => refused(reason),
    }
}
