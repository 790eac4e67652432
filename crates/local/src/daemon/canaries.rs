//! What a judge asks for: what the gateway counted, and how the canaries live.

use plimsoll_bundle::endpoints::Cohort;
use plimsoll_deploy::judge::Sample;
use plimsoll_supervisor::machine::State;
use plimsoll_supervisor::{Kind, ProcessStatus};

use super::world::World;
use super::{jobs, publish};
use crate::LocalError;
use crate::control::wire::{CanaryLife, Samples};

/// Lines of output that explain an end.
const EXPLAIN_LINES: usize = 15;

/// What there is to judge now: only of services that have canaries, so that the answer stays short.
pub(crate) async fn look(world: &World) -> Result<Samples, LocalError> {
    let intent = world.intent();
    let mut canaries = Vec::new();
    for process in world.supervisor.status().await? {
        let cohort = intent.cohort(&process.service, &process.release, &process.id);
        if process.kind == Kind::Replica && cohort == Cohort::Canary {
            canaries.push(life(process).await);
        }
    }
    let mut samples = Vec::new();
    if intent.listening.is_some() {
        let mut client = publish::gateway(world).await?;
        for sample in client.samples().await? {
            if canaries.iter().any(|one| one.service == sample.service) {
                samples.push(of_gateway(sample));
            }
        }
    }
    Ok(Samples { samples, canaries })
}

fn of_gateway(sample: plimsoll_gateway::control::Sample) -> Sample {
    Sample {
        service: sample.service,
        id: sample.id,
        cohort: sample.cohort,
        requests: sample.classes.iter().sum(),
        failed: sample.failed,
        latency: sample.latency,
    }
}

async fn life(process: ProcessStatus) -> CanaryLife {
    let runs = match process.state {
        State::Spawning
        | State::Starting
        | State::WarmingUp
        | State::Ready
        | State::Unready
        | State::Draining
        | State::Ending => true,
        State::Idle | State::Backoff | State::Stopped | State::Failed { .. } => false,
    };
    let words = match ended(&process, runs) {
        Some(ended) => jobs::last_lines(&ended, EXPLAIN_LINES).await,
        None => None,
    };
    CanaryLife {
        runs,
        words,
        id: process.id,
        service: process.service,
        restarts: process.restarts,
        since_ms: process.since_ms,
        exit: process.last_exit,
    }
}

/// The start that ended last, where one did: what runs now may be the next one.
fn ended(process: &ProcessStatus, runs: bool) -> Option<ProcessStatus> {
    if runs && process.restarts == 0 {
        return None;
    }
    let mut ended = process.clone();
    let exit = process.last_exit.as_ref()?;
    ended.dir = process
        .dir
        .as_ref()
        .map(|dir| dir.with_file_name(&exit.instance));
    Some(ended)
}
