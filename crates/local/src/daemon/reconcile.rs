//! What a daemon does first: it brings about what was asked of an earlier one, and ends what nobody asked for.

use std::sync::Arc;

use plimsoll_supervisor::Kind;

use super::intent::Intent;
use super::world::{World, is_wanted};
use super::{edge, publish, steps};
use crate::LocalError;
use crate::error::chain;
use crate::event::Event;
use crate::orders::keeper;
use crate::resources::order_id;

/// Brings about the intent. What cannot be brought about is said and left to the next change.
pub(crate) async fn run(world: Arc<World>) {
    let _one = world.change.lock().await;
    let intent = world.intent();
    if let Err(error) = end_unasked(&world, &intent).await {
        say(&world, "what nobody asked for", &error);
    }
    grounds(&world, &intent).await;
    for (service, groups) in &intent.services {
        for group in groups {
            if let Err(error) = steps::scale(&world, service, group).await {
                say(&world, service, &error);
            }
        }
    }
    if let Err(error) = publish::now(&world).await {
        say(&world, "the gateway", &error);
    }
}

/// What replicas stand on, all at once: every `up` after a crash waits for it.
async fn grounds(world: &Arc<World>, intent: &Intent) {
    let mut tasks = Vec::new();
    for (name, release) in intent.resources.clone() {
        let world = Arc::clone(world);
        tasks.push(tokio::spawn(async move {
            if let Err(error) = steps::resource(&world, &name, Some(&release)).await {
                say(&world, &name, &error);
            }
        }));
    }
    if let Some(release) = &intent.listening
        && let Err(error) = edge::listen(world, Some(release)).await
    {
        say(world, "the edge", &error);
    }
    for task in tasks {
        // One that panicked has said so; the next change tries again.
        let _ = task.await;
    }
}

/// Processes of a change that was taken back, or that was killed before it was written down.
async fn end_unasked(world: &World, intent: &Intent) -> Result<(), LocalError> {
    for process in world.supervisor.status().await? {
        let asked = match process.kind {
            Kind::Keeper => process.id == keeper::ID && intent.listening.is_some(),
            Kind::Resource => intent
                .resources
                .keys()
                .any(|name| order_id(name) == process.id),
            Kind::Replica => intent.services.get(&process.service).is_some_and(|groups| {
                groups
                    .iter()
                    .any(|group| group.release.as_str() == process.release)
            }),
            // Jobs end by themselves; the one that is asked for again ends its predecessor first.
            Kind::Job => true,
        };
        if !asked && is_wanted(&process.state) {
            steps::end(world, &process.id).await?;
        }
    }
    Ok(())
}

fn say(world: &World, what: &str, error: &LocalError) {
    world.tell(Event::Warning {
        message: format!("{what}: {}", chain(error)),
    });
}
