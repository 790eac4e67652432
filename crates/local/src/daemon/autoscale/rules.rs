//! What the bundle says of scaling, as the autoscaler's value.

use plimsoll_bundle::local::{Limits, ProgramSpec};
use plimsoll_deploy::autoscale::{Metric, Resource, Rules};

use crate::daemon::documents::program;
use crate::release::Kept;

/// The rules of a service that names a target; `None` for every other, whose number is a person's business.
pub(super) fn of(kept: &Kept, service: &str) -> Option<Rules> {
    from(program(kept, service).ok()?)
}

fn from(program: &ProgramSpec) -> Option<Rules> {
    let scale = program.scale;
    let metrics: Vec<Metric> = [
        (Resource::Cpu, scale.cpu_target),
        (Resource::Memory, scale.memory_target),
    ]
    .into_iter()
    .filter_map(|(resource, target)| {
        let requested = requested(resource, program.limits);
        let target = target.filter(|&target| target > 0)?;
        (requested > 0).then_some(Metric {
            resource,
            target,
            requested,
        })
    })
    .collect();
    (!metrics.is_empty()).then(|| Rules::new(scale.min, scale.max, metrics))
}

/// What is 100 %: what is reserved, or all that it may use where nothing is.
fn requested(resource: Resource, limits: Limits) -> u64 {
    let (request, limit) = match resource {
        Resource::Cpu => (limits.cpu_request_millis, limits.cpu_limit_millis),
        Resource::Memory => (limits.memory_request_bytes, limits.memory_limit_bytes),
    };
    if request > 0 { request } else { limit }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_reserved_is_all_and_without_it_what_is_allowed() {
        let limits = Limits {
            cpu_request_millis: 250,
            cpu_limit_millis: 500,
            memory_request_bytes: 0,
            memory_limit_bytes: 64 << 20,
            pids: 0,
            files: 0,
        };
        assert_eq!(requested(Resource::Cpu, limits), 250);
        assert_eq!(requested(Resource::Memory, limits), 64 << 20);
    }
}
