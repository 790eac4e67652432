//! Moving requests from one release to another, and what follows when all of them have moved.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use plimsoll_bundle::endpoints::Cohort;
use plimsoll_deploy::{Executor, ReleaseId, Shifted, Swap};
use plimsoll_supervisor::{Kind, ProcessStatus};

use super::intent::{Intent, Wanted};
use super::world::World;
use super::{edge, publish, steps};
use crate::LocalError;
use crate::error::chain;
use crate::event::Event;

/// Between two looks at the clock.
const LOOK: Duration = Duration::from_secs(1);

/// The canaries of `release` get `share` permille of the new requests: one endpoints document, which every core of the
/// gateway has when this returns. A table goes with it.
///
/// On the way forth the requests move first: clients still hold what the old table gave them, and a release has to
/// bear that anyway; the other way round the new front end would meet the old service. On the way back it is the table.
pub(crate) async fn shift(
    world: &World,
    (release, share): (&ReleaseId, u32),
    table: Option<&Swap>,
) -> Result<(), LocalError> {
    let back = share < world.intent().share();
    if let Some(swap) = table.filter(|_| back) {
        edge::route(world, swap.to.as_ref()).await?;
    }
    world.ask(|intent| {
        let to = release.clone();
        intent.shift = (share > 0).then_some(Shifted { to, share });
    })?;
    publish::now(world).await?;
    match table {
        Some(swap) if !back => edge::route(world, swap.to.as_ref()).await,
        Some(_) | None => Ok(()),
    }
}

/// Replicas of a release go from one cohort to another. Nobody's requests move: all of them are the release's.
pub(crate) async fn promote(
    world: &World,
    who: (&ReleaseId, &[String]),
    (from, to): (Cohort, Cohort),
) -> Result<(), LocalError> {
    world.ask(|intent| intent.promote(who, from, to))?;
    publish::now(world).await
}

/// `release` is in force, and replicas without requests are kept for `warm_ms`.
pub(crate) fn commit(
    world: &World,
    release: Option<ReleaseId>,
    warm_ms: u64,
) -> Result<(), LocalError> {
    let until = now_ms().saturating_add(warm_ms);
    world.ask(|intent| intent.commit(release, until))
}

/// What has no requests any more is ended, and the canaries are the stable replicas.
pub(crate) async fn cool(world: &Arc<World>) -> Result<(), LocalError> {
    let before = world.intent();
    let mut after = before.clone();
    after.cool();
    let mut gone = Vec::new();
    for (service, groups) in &before.services {
        for group in groups {
            if !survives(group, after.services.get(service)) {
                gone.extend(world.members(service, group).await?);
            }
        }
    }
    world.ask(Intent::cool)?;
    publish::now(world).await?;
    steps::farewells(world, gone).await
}

/// Its replicas go on, in whatever cohort.
fn survives(group: &Wanted, after: Option<&Vec<Wanted>>) -> bool {
    let mut after = after.into_iter().flatten();
    group.cohort != Cohort::Fresh && after.any(|other| other.revision == group.revision)
}

/// Ends what is kept warm when its time is over, for as long as the daemon lives.
pub(crate) async fn end_warmth(world: Arc<World>) {
    let mut said = None;
    loop {
        tokio::time::sleep(LOOK).await;
        let error = end_what_is_due(&world)
            .await
            .err()
            .map(|error| chain(&error));
        if error != said
            && let Some(message) = &error
        {
            let message = format!("what was kept warm cannot be ended yet: {message}");
            world.tell(Event::Warning { message });
        }
        said = error;
    }
}

/// As a change of its own: nobody else's may be under way or half done, for it counts on what is kept.
async fn end_what_is_due(world: &Arc<World>) -> Result<(), LocalError> {
    let is_due = |intent: &Intent| intent.keeps_warm() && intent.warm_until_ms <= Some(now_ms());
    if !is_due(&world.intent()) {
        return Ok(());
    }
    let env = &world.documents.env;
    let lease = match env.lock_for_change() {
        Ok(lease) => lease,
        Err(LocalError::Busy(_)) => return Ok(()),
        Err(error) => return Err(error),
    };
    if Executor::open(&env.journal(), None)?.unfinished().is_some() {
        return Ok(());
    }
    let _one = world.change.lock().await;
    world.fence(lease.token())?;
    if !is_due(&world.intent()) {
        return Ok(());
    }
    cool(world).await?;
    end_what_it_has_no_more(world).await
}

/// What the release before had and the one in force has not.
async fn end_what_it_has_no_more(world: &Arc<World>) -> Result<(), LocalError> {
    let intent = world.intent();
    let Some(release) = &intent.release else {
        return Ok(());
    };
    let bundle = &world.documents.release(release)?.bundle;
    let mut gone: Vec<ProcessStatus> = world.supervisor.status().await?;
    gone.retain(|process| {
        process.kind == Kind::Replica && !bundle.services.contains_key(&process.service)
    });
    world.ask(|intent| {
        let services = &mut intent.services;
        services.retain(|service, _| bundle.services.contains_key(service));
    })?;
    steps::farewells(world, gone).await?;
    for name in intent.resources.keys() {
        if !bundle.resources.contains_key(name) {
            steps::resource(world, name, None).await?;
        }
    }
    Ok(())
}

/// The wall's clock: it has to mean the same after a restart of this machine.
fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    })
}
