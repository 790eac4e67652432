//! The steps of a change, brought about. Each ends in the same place however often it is asked for.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use plimsoll_bundle::endpoints::Cohort;
use plimsoll_bundle::local::ProgramSpec;
use plimsoll_deploy::{Fault, ReleaseId};
use plimsoll_supervisor::machine::State;
use plimsoll_supervisor::order::Order;
use plimsoll_supervisor::{Kind, ProcessStatus, SuperviseError};

use super::documents::Server;
use super::intent::Wanted;
use super::world::{World, is_wanted, slot};
use super::{jobs, publish};
use crate::LocalError;
use crate::desired::revision;
use crate::error::{Refusal, chain};
use crate::resources::order_id;

/// A first start makes a cluster: two seconds here, and a slow disk gets two minutes.
const PREPARE_WITHIN: Duration = Duration::from_mins(2);
/// Recovery after a crash, bounded by `start_within_ms` of the resource's own health.
const RESOURCE_WITHIN: Duration = Duration::from_secs(330);
/// Beyond the budgets of the file: the time for starts, and for one restart that goes well.
const MARGIN: Duration = Duration::from_secs(30);
/// A replica that ended so often while a change waits for it will not become ready: two to three seconds of tries,
/// enough for a port that was taken in between. The supervisor's own patience is longer: it has no change to undo.
const RESTARTS_MAX: u64 = 5;
/// Between two looks at the restarts of what is waited for.
const LOOK: Duration = Duration::from_millis(100);
/// Lines of output that explain a failure.
const EXPLAIN_LINES: usize = 15;

/// A resource runs by the document of `release` and answers, or is stopped.
pub(crate) async fn resource(
    world: &World,
    name: &str,
    release: Option<&ReleaseId>,
) -> Result<(), LocalError> {
    let Some(release) = release else {
        world.ask(|intent| drop(intent.resources.remove(name)))?;
        return end(world, &order_id(name)).await;
    };
    world.ask(|intent| drop(intent.resources.insert(name.to_owned(), release.clone())))?;
    let order = server(world, name, release).await?;
    let id = order.id.clone();
    start(world, order).await?;
    ready(world, &id, RESOURCE_WITHIN).await
}

/// The orders of a resource's server, after everything that has to run before it.
async fn server(world: &World, name: &str, release: &ReleaseId) -> Result<Order, LocalError> {
    let kept = world.documents.release(release)?;
    world.documents.password(name)?;
    let (before, mut order) = match world.documents.server(&kept, name)? {
        Server::Postgres(postgres) => (postgres.prepare()?, postgres.order()?),
        Server::Redis(redis) => {
            redis.prepare()?;
            (None, redis.order()?)
        }
    };
    order.release = release.to_string();
    if let Some(mut job) = before {
        // Its server works on the same data.
        end(world, &order.id).await?;
        job.release = release.to_string();
        jobs::run(world, job, PREPARE_WITHIN, "the preparation").await?;
        if let Server::Postgres(postgres) = world.documents.server(&kept, name)? {
            postgres.prepared()?;
        }
    }
    Ok(order)
}

/// Runs by these orders, whatever ran under their id before.
pub(crate) async fn start(world: &World, order: Order) -> Result<(), LocalError> {
    let id = order.id.clone();
    match world.supervisor.start(order.clone()).await {
        Err(SuperviseError::Busy(_)) => {
            end(world, &id).await?;
            Ok(world.supervisor.start(order).await?)
        }
        other => Ok(other?),
    }
}

/// Nothing of it runs, and its id is free. Not being there is no error.
pub(crate) async fn end(world: &World, id: &str) -> Result<(), LocalError> {
    match world.supervisor.stop(id).await {
        Ok(()) => {}
        Err(SuperviseError::Unknown(_)) => return Ok(()),
        Err(error) => return Err(error.into()),
    }
    match world.supervisor.forget(id).await {
        Ok(()) | Err(SuperviseError::Unknown(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Waits until it is ready; an error says what it wrote last.
pub(crate) async fn ready(world: &World, id: &str, within: Duration) -> Result<(), LocalError> {
    match world.supervisor.wait_ready(id, within).await {
        Ok(()) => Ok(()),
        Err(error) => Err(not_ready(world, id, error).await),
    }
}

/// As [`ready`], for a replica: one that ends again and again is not waited for.
async fn replica_ready(world: &World, id: &str, within: Duration) -> Result<(), LocalError> {
    tokio::select! {
        ended = ready(world, id, within) => ended,
        error = keeps_ending(world, id) => Err(not_ready(world, id, error).await),
    }
}

/// Returns when it was started again more often than a change waits for.
async fn keeps_ending(world: &World, id: &str) -> SuperviseError {
    let mut first = None;
    loop {
        let process = match world.supervisor.status_of(id).await {
            Ok(process) => process,
            Err(error) => return error,
        };
        let restarts = process.restarts;
        if restarts.saturating_sub(*first.get_or_insert(restarts)) >= RESTARTS_MAX {
            return SuperviseError::Ended {
                id: id.to_owned(),
                state: process.state,
            };
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Why it is not ready, with what it wrote last.
async fn not_ready(world: &World, id: &str, error: SuperviseError) -> LocalError {
    let Ok(process) = world.supervisor.status_of(id).await else {
        return error.into();
    };
    let reason = match (&process.state, &process.last_exit) {
        (_, Some(exit)) => exit.reason.to_string(),
        (State::Failed { reason }, None) => reason.clone(),
        (_, None) => chain(&error),
    };
    LocalError::Refused(Refusal {
        message: format!("{} did not become ready: {reason}", process.id),
        hint: jobs::last_lines(&process, EXPLAIN_LINES).await,
        fault: Fault::App,
    })
}

/// As many replicas of one group as it wants: all of them ready when it rises, the others drained and gone when it
/// falls.
pub(crate) async fn scale(
    world: &Arc<World>,
    service: &str,
    group: &Wanted,
) -> Result<(), LocalError> {
    let to = group.replicas as usize;
    world.ask(|intent| intent.scale(service, group.clone()))?;
    let replicas = world.members(service, group).await?;
    let (alive, dead): (Vec<_>, Vec<_>) = replicas
        .into_iter()
        .partition(|process| is_wanted(&process.state));
    for process in dead {
        end(world, &process.id).await?;
    }
    if alive.len() > to || to == 0 {
        return shrink(world, service, (group, alive)).await;
    }
    let release = &group.release;
    let kept = world.documents.release(release)?;
    let orders = world.documents.program(&kept, service)?;
    if revision(&kept.release, &kept.bundle, orders.program)? != group.revision {
        return Err(LocalError::Unknown {
            what: "revision",
            name: group.revision.to_string(),
        });
    }
    if alive.len() < to {
        world.documents.unpack(&kept, service).await?;
    }
    let mut ids: Vec<String> = alive.into_iter().map(|process| process.id).collect();
    for slot in free_slots(world, service, to - ids.len()).await? {
        let order = orders.replica(slot)?;
        remember(world, service, (group, &order.id))?;
        ids.push(order.id.clone());
        start(world, order).await?;
    }
    all_ready(world, &ids, budget(orders.program)).await?;
    publish::now(world).await?;
    agreed(world, service, &ids).await
}

/// Writes down which replica this is, before it runs, where nothing else tells it from those of another cohort.
fn remember(
    world: &World,
    service: &str,
    (group, id): (&Wanted, &String),
) -> Result<(), LocalError> {
    if group.cohort != Cohort::Fresh {
        return Ok(());
    }
    let mut group = group.clone();
    group.ids.insert(id.clone());
    world.ask(|intent| intent.scale(service, group))
}

async fn all_ready(world: &World, ids: &[String], within: Duration) -> Result<(), LocalError> {
    // One after the other: they start together, and the slowest decides.
    for id in ids {
        replica_ready(world, id, within).await?;
    }
    Ok(())
}

/// Before a service is routed the gateway does not probe it.
async fn agreed(world: &World, service: &str, ids: &[String]) -> Result<(), LocalError> {
    let Some(routed) = world.intent().routed else {
        return Ok(());
    };
    let kept = world.documents.release(&routed)?;
    if !kept.bundle.gateway.services.contains_key(service) {
        return Ok(());
    }
    let status = world.supervisor.status().await?;
    let instances: BTreeSet<String> = status
        .iter()
        .filter(|process| ids.contains(&process.id))
        .map(publish::instance)
        .collect();
    publish::wait_until_agreed(world, &instances).await
}

/// The highest numbers go first; those that are not ready before those that are.
async fn shrink(
    world: &Arc<World>,
    service: &str,
    (group, mut alive): (&Wanted, Vec<ProcessStatus>),
) -> Result<(), LocalError> {
    alive.sort_by_key(|process| (process.state != State::Ready, slot(&process.id)));
    let surplus = alive.split_off(alive.len().min(group.replicas as usize));
    farewells(world, surplus).await?;
    let left = alive.into_iter().map(|process| process.id).collect();
    world.ask(|intent| intent.left(service, group, &left))?;
    publish::now(world).await
}

/// All of them at the same time: their budgets do not add up.
pub(crate) async fn farewells(
    world: &Arc<World>,
    processes: Vec<ProcessStatus>,
) -> Result<(), LocalError> {
    let mut tasks = Vec::new();
    for process in processes {
        let world = Arc::clone(world);
        tasks.push(tokio::spawn(
            async move { farewell(&world, &process).await },
        ));
    }
    for task in tasks {
        task.await
            .map_err(|error| LocalError::Protocol(error.to_string()))??;
    }
    Ok(())
}

/// Nothing new goes there, what it has is finished, its sockets are closed, then it is asked to end.
pub(crate) async fn farewell(world: &World, process: &ProcessStatus) -> Result<(), LocalError> {
    if matches!(process.state, State::Ready | State::Unready) && world.intent().listening.is_some()
    {
        world.supervisor.drain(&process.id).await?;
        // A gateway that is gone has nothing in flight.
        let told = publish::now(world).await;
        if told.is_ok() {
            let _ = publish::drain(world, &publish::instance(process)).await;
        }
    }
    end(world, &process.id).await
}

/// `count` numbers that no replica of the service has, lowest first.
async fn free_slots(world: &World, service: &str, count: usize) -> Result<Vec<u32>, LocalError> {
    let status = world.supervisor.status().await?;
    let taken: BTreeSet<u32> = status
        .iter()
        .filter(|process| process.kind == Kind::Replica && process.service == service)
        .map(|process| slot(&process.id))
        .collect();
    Ok((1..)
        .filter(|number| !taken.contains(number))
        .take(count)
        .collect())
}

fn budget(program: &ProgramSpec) -> Duration {
    let warm_up = program
        .warm_up
        .as_ref()
        .map_or(0, |warm_up| warm_up.within_ms);
    Duration::from_millis(program.health.start_within_ms.saturating_add(warm_up)) + MARGIN
}
