//! A migration, tried on a copy of the schema before it is let at the schema itself.

use std::time::Duration;

use plimsoll_bundle::local::{LocalBundle, ProgramSpec, ResourceSpec};
use plimsoll_deploy::ReleaseId;

use super::documents::Server;
use super::jobs;
use super::world::World;
use crate::LocalError;
use crate::event::Event;
use crate::release::Kept;
use crate::resources::rehearsal::{DATABASE, NO_LEDGER};

/// Copying the structure of a thousand tables takes some seconds; locks that others hold are waited for apart.
const COPY_WITHIN: Duration = Duration::from_mins(2);
/// Jobs of this name are handed the address of the copy.
pub(crate) const JOB: &str = "rehearse";

/// The databases of this machine that a program has, and that can be copied.
pub(crate) fn databases<'a>(program: &'a ProgramSpec, bundle: &LocalBundle) -> Vec<&'a str> {
    let needs = program.needs.values().map(|need| need.to.as_str());
    let mut found: Vec<&str> = needs
        .filter(|name| match bundle.resources.get(*name) {
            // One of that name would be dropped.
            Some(ResourceSpec::Postgres(spec)) => spec.database != DATABASE,
            Some(
                ResourceSpec::Redis(_)
                | ResourceSpec::Sqlite { .. }
                | ResourceSpec::External { .. },
            )
            | None => false,
        })
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// The same release with its databases' copies in their places.
pub(crate) fn on_copies(kept: &Kept) -> Kept {
    let mut kept = kept.clone();
    for resource in kept.bundle.resources.values_mut() {
        if let ResourceSpec::Postgres(spec) = resource {
            DATABASE.clone_into(&mut spec.database);
        }
    }
    kept
}

/// Runs the migration of a service on a copy, and drops the copy, however it ends.
pub(crate) async fn rehearse(
    world: &World,
    release: &ReleaseId,
    service: &str,
) -> Result<(), LocalError> {
    let tried = on_a_copy(world, release, service).await;
    let dropped = forget(world, release, service).await;
    tried.and(dropped)
}

/// Drops what is left of a copy. Nothing being there is no error.
pub(crate) async fn forget(
    world: &World,
    release: &ReleaseId,
    service: &str,
) -> Result<(), LocalError> {
    super::steps::end(world, &format!("{JOB}-{service}")).await?;
    let kept = world.documents.release(release)?;
    let orders = world.documents.program(&kept, service)?;
    for name in databases(orders.program, &kept.bundle) {
        if let Server::Postgres(postgres) = world.documents.server(&kept, name)? {
            let mut order = postgres.drop_copy()?;
            order.release = release.to_string();
            jobs::run(world, order, COPY_WITHIN, "the end of the copy").await?;
        }
    }
    Ok(())
}

async fn on_a_copy(world: &World, release: &ReleaseId, service: &str) -> Result<(), LocalError> {
    let kept = world.documents.release(release)?;
    world.documents.unpack(&kept, service).await?;
    let orders = world.documents.program(&kept, service)?;
    let Some(spec) = orders.program.migrate.as_ref() else {
        return Ok(());
    };
    for name in databases(orders.program, &kept.bundle) {
        if let Server::Postgres(postgres) = world.documents.server(&kept, name)? {
            let mut order = postgres.copy(spec.lock_timeout_ms)?;
            order.release = release.to_string();
            let copied = jobs::run(world, order, COPY_WITHIN, "the copy of the schema").await?;
            if jobs::standard_output(&copied).contains(NO_LEDGER) {
                world.tell(Event::Warning {
                    message: format!(
                        "the migration of {service} is not tried out: `{name}` has no table in which a migration tool \
                         is known to note what it did"
                    ),
                });
                return Ok(());
            }
        }
    }
    let order = orders.job(JOB, &spec.command)?;
    let within = Duration::from_millis(spec.within_ms);
    let what = "on a copy of the schema, the migration";
    let ended = jobs::run(world, order, within, what).await;
    ended.map(drop).map_err(|failed| match failed {
        LocalError::Refused(mut refusal) => {
            let hint = refusal.hint.take().unwrap_or_default();
            refusal.hint = Some(format!("{hint}\n{WAYS}").trim().to_owned());
            LocalError::Refused(refusal)
        }
        other => other,
    })
}

const WAYS: &str = "the schema itself was not touched; a migration that needs rows cannot be tried: `dry_run = false`";
