//! A gateway of another build gives way to one of this build, on the same sockets and while it serves.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use plimsoll_deploy::Fault;
use tokio::time::{Instant, sleep};

use super::world::World;
use super::{edge, publish};
use crate::LocalError;
use crate::error::{Refusal, chain};
use crate::event::Event;
use crate::orders::keeper;
use crate::replace::is_same_program;

/// From the word to the keeper to another process in its place: a start, and an attempt or two more where it fails.
const WITHIN: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_millis(50);

/// Looks once, when a daemon begins: one of another build has just left, or never was.
pub(crate) async fn of_the_gateway(world: Arc<World>) {
    if let Err(error) = exchange(&world).await {
        world.tell(Event::Warning {
            message: format!("the gateway stays of another build: {}", chain(&error)),
        });
    }
}

async fn exchange(world: &World) -> Result<(), LocalError> {
    // What steps ask of the gateway, the one that they asked has to finish.
    let _one = world.change.lock().await;
    let Some(before) = gateway(world).await else {
        return Ok(());
    };
    let tool = edge::tool(world)?;
    if !is_of_another_build(before, &tool) {
        return Ok(());
    }
    world.supervisor.exchange(keeper::ID).await?;
    let deadline = Instant::now() + WITHIN;
    while gateway(world).await.is_none_or(|now| now == before) {
        if Instant::now() > deadline {
            return Err(LocalError::Refused(Refusal {
                message: format!("no new one serves after {} s", WITHIN.as_secs()),
                hint: Some("`plimsoll logs gateway` says why".into()),
                fault: Fault::Ours,
            }));
        }
        sleep(LOOK).await;
    }
    publish::wait_for_gateway(world).await
}

/// The process that serves.
async fn gateway(world: &World) -> Option<u32> {
    world.supervisor.status_of(keeper::ID).await.ok()?.pid
}

/// One that was started from another path would be started from there again, and stays what it is until its keeper is
/// ended.
fn is_of_another_build(pid: u32, tool: &Path) -> bool {
    let Ok(path) = std::fs::read_link(format!("/proc/{pid}/exe")) else {
        return false;
    };
    let path = path.to_string_lossy();
    let path = path.strip_suffix(" (deleted)").unwrap_or(&path);
    Path::new(path) == tool && !is_same_program(pid, tool)
}
