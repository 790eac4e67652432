//! What a release wants of this machine, as the planner's value: digests of documents, and counts.

use std::collections::BTreeMap;

use plimsoll_bundle::canonical;
use plimsoll_bundle::endpoints::Cohort;
use plimsoll_bundle::local::{LocalBundle, ProgramSpec, ScaleSpec, ServiceSpec};
use plimsoll_bundle::{Digest, canonical::CanonicalError};
use plimsoll_deploy::{Desired, DesiredService, Observed, Release, Strategy};
use serde::Serialize;

use crate::daemon::rehearsal;
use crate::orders::edges;
use crate::release::Kept;

/// All that makes a replica: two releases that agree on it share replicas.
#[derive(Serialize)]
struct Revision<'a> {
    program: &'a ProgramSpec,
    /// Versions of the secrets that it reads.
    secrets: BTreeMap<&'a str, Option<u32>>,
    /// Documents of the resources that it talks to, and ports of the services, for they decide its addresses.
    resources: BTreeMap<&'a str, Option<Digest>>,
}

/// The planner's goal for `kept`. The number of replicas that runs now is kept while it lies between the bounds of
/// the file: scaling makes no release, and a release undoes no scaling.
pub(crate) fn desired(
    kept: &Kept,
    (strategy, seed): (&Strategy, bool),
    now: &Observed,
) -> Result<Desired, CanonicalError> {
    let bundle = &kept.bundle;
    let mut services = BTreeMap::new();
    for (name, program) in programs(bundle) {
        let running = running(now, name);
        let wanted = DesiredService {
            revision: revision(&kept.release, bundle, program)?,
            replicas: replicas(program.scale, running),
            migrate: program.migrate.is_some(),
            rehearse: program.migrate.as_ref().is_some_and(|spec| spec.dry_run)
                && !rehearsal::databases(program, bundle).is_empty(),
            seed: seed && program.seed.is_some(),
        };
        services.insert(name.to_owned(), wanted);
    }
    let mut resources = BTreeMap::new();
    for (name, resource) in &bundle.resources {
        if crate::resources::runs_here(resource) {
            resources.insert(name.clone(), canonical::digest(resource)?);
        }
    }
    Ok(Desired {
        release: kept.release.id.clone(),
        resources,
        listen: listen_digest(bundle)?,
        table: canonical::digest(&bundle.gateway)?,
        services,
        strategy: strategy.clone(),
    })
}

/// Replicas that serve now: those of a change that is being shifted come on top of them, and do not count.
fn running(now: &Observed, service: &str) -> u32 {
    let cooled = now.cooled();
    let stable = cooled
        .groups(service)
        .iter()
        .filter(|group| group.cohort == Cohort::Stable);
    stable.map(|group| group.wanted).sum()
}

/// The services that have replicas.
pub(crate) fn programs(bundle: &LocalBundle) -> impl Iterator<Item = (&str, &ProgramSpec)> {
    bundle
        .services
        .iter()
        .filter_map(|(name, service)| match service {
            ServiceSpec::Program(program) => Some((name.as_str(), program.as_ref())),
            ServiceSpec::Static(_) => None,
        })
}

/// The digest of all that makes one replica of `program`.
pub(crate) fn revision(
    release: &Release,
    bundle: &LocalBundle,
    program: &ProgramSpec,
) -> Result<Digest, CanonicalError> {
    let mut program = program.clone();
    // Counts are no part of what runs.
    program.scale = ScaleSpec {
        min: 0,
        max: 0,
        initial: 0,
        cpu_target: None,
        memory_target: None,
    };
    let version = |name: &String| release.parts.secrets.get(name).copied();
    let secrets = program
        .secrets
        .keys()
        .map(|name| (name.as_str(), version(name)))
        .collect();
    let mut resources = BTreeMap::new();
    for need in program.needs.values() {
        let name = &need.to;
        let resource = bundle.resources.get(name).map(canonical::digest);
        // Of another service it is the port that decides the address.
        let port = edges::service(need, bundle).map(|place| canonical::digest(&place.port));
        let document = resource.or(port).transpose()?;
        resources.insert(name.as_str(), document);
    }
    canonical::digest(&Revision {
        program: &program,
        secrets,
        resources,
    })
}

/// The digest of what the keeper binds and what the certificate must cover.
pub(crate) fn listen_digest(bundle: &LocalBundle) -> Result<Digest, CanonicalError> {
    canonical::digest(&(&bundle.gateway.listeners, &bundle.gateway.tls))
}

fn replicas(scale: ScaleSpec, running: u32) -> u32 {
    let count = if running == 0 { scale.initial } else { running };
    count.clamp(scale.min, scale.max.max(scale.min))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_between_the_bounds_is_kept_and_others_are_brought_inside() {
        let scale = ScaleSpec {
            min: 2,
            max: 4,
            initial: 3,
            cpu_target: None,
            memory_target: None,
        };
        assert_eq!(
            [0, 1, 2, 3, 9].map(|running| replicas(scale, running)),
            [3, 2, 2, 3, 4]
        );
        let odd = ScaleSpec { max: 1, ..scale };
        assert_eq!(replicas(odd, 9), 2, "contradictory bounds do not panic");
    }
}
