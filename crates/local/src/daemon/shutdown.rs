//! The end of an environment, in order.

use std::sync::Arc;

use plimsoll_supervisor::Kind;

use super::steps;
use super::world::World;
use crate::LocalError;
use crate::resources::order_id;

/// Traffic drains, then replicas, the gateway, resources; then the daemon may end. What was asked is forgotten first,
/// so that a daemon that is killed here and started again ends what is left.
pub(crate) async fn run(world: &Arc<World>) -> Result<(), LocalError> {
    let intent = world.intent();
    let mut farewells = Vec::new();
    for process in world.supervisor.status().await? {
        if process.kind == Kind::Replica {
            let world = Arc::clone(world);
            farewells.push(tokio::spawn(async move {
                steps::farewell(&world, &process).await
            }));
        }
    }
    for farewell in farewells {
        // One that failed is ended below with everything else.
        let _ = farewell.await;
    }
    world.ask(super::intent::Intent::rest)?;
    world.supervisor.stop_all().await?;
    for name in intent.resources.keys() {
        steps::end(world, &order_id(name)).await?;
    }
    // A gateway that had to be killed leaves its socket.
    let _ = std::fs::remove_file(
        world
            .documents
            .env
            .gateway()
            .join(plimsoll_gateway::control::SOCKET),
    );
    world.documents.layout.clear();
    world.over.notify_one();
    Ok(())
}
