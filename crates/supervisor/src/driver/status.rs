//! What runs, and waiting for what will.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use plimsoll_bundle::Digest;
use plimsoll_bundle::endpoints::Address;
use plimsoll_stdx::usage::Usage;
use serde::Serialize;
use tokio::time::Instant;

use super::{SuperviseError, Supervisor};
use crate::cgroup::GroupUsage;
use crate::machine::State;
use crate::order::Kind;
use crate::record::{ExitRecord, IsolationClass};
use crate::runner::{Runner, Running, Stats};

/// One process of ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProcessStatus {
    /// [`crate::Order::id`].
    pub id: String,
    /// Which start of it; `id-generation` is the instance.
    pub generation: u64,
    /// What it is.
    pub kind: Kind,
    /// The service, resource or job that it belongs to.
    pub service: String,
    /// The release.
    pub release: String,
    /// The digest of its orders.
    pub orders: Digest,
    /// Where it is in its life.
    pub state: State,
    /// The program; a keeper's is what it respawns.
    pub pid: Option<u32>,
    /// The shim or keeper above it.
    pub shim_pid: Option<u32>,
    /// What holds the program in, as observed.
    pub class: Option<IsolationClass>,
    /// The OCI runtime that brought the program up: `runc`. `None` where we did.
    pub runtime: Option<String>,
    /// Each control that was applied, or wanted and not applied.
    pub controls: Vec<String>,
    /// How to reach its ports, by name; a keeper's listening addresses.
    pub ports: BTreeMap<String, Address>,
    /// Starts after the first, by the supervisor or by a keeper.
    pub restarts: u64,
    /// When the program started, in milliseconds since the Unix epoch.
    pub since_ms: Option<u64>,
    /// What program and shim use.
    pub usage: Usage,
    /// What its kernel group counts: memory, CPU and how often it was held back; `None` without one.
    pub group: Option<GroupUsage>,
    /// How it ended the last time.
    pub last_exit: Option<ExitRecord>,
    /// The directory of this start.
    pub dir: Option<PathBuf>,
}

/// A status whose measured part is still to come.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) status: ProcessStatus,
    pub(super) running: Option<Arc<Running>>,
    pub(super) runner: Arc<dyn Runner>,
}

/// Adds what has to be read from the system, on a blocking thread.
pub(super) async fn measure(entries: Vec<Entry>) -> Result<Vec<ProcessStatus>, SuperviseError> {
    tokio::task::spawn_blocking(|| measured(entries))
        .await
        .map_err(|_| SuperviseError::Closed)
}

fn measured(entries: Vec<Entry>) -> Vec<ProcessStatus> {
    let running: Vec<&Running> = entries
        .iter()
        .filter_map(|entry| entry.running.as_deref())
        .collect();
    let runner = entries.first().map(|entry| Arc::clone(&entry.runner));
    // What died meanwhile has nothing to measure; the loop will say so.
    let stats = runner
        .and_then(|runner| runner.stats(&running).ok())
        .unwrap_or_default();
    let mut stats = stats.into_iter();
    let mut statuses = Vec::new();
    for entry in entries {
        let stats = entry.running.is_some().then(|| stats.next()).flatten();
        statuses.push(completed(entry, stats.unwrap_or_default()));
    }
    statuses
}

fn completed(entry: Entry, measured: Stats) -> ProcessStatus {
    let mut status = entry.status;
    let Some(running) = entry.running else {
        return status;
    };
    status.usage = measured.usage;
    status.group = measured.group;
    let record = match status.kind {
        // Its program changes without the loop.
        Kind::Keeper => entry
            .runner
            .record(&running)
            .unwrap_or_else(|_| running.record.clone()),
        Kind::Replica | Kind::Resource | Kind::Job => running.record.clone(),
    };
    status.restarts += record.respawns;
    status.shim_pid = Some(record.shim.pid);
    status.runtime = running.spec.order.backend.runtime();
    if let Some(program) = record.program {
        status.pid = Some(program.process.pid);
        status.class = Some(program.class);
        status.controls = program.controls;
        status.since_ms = Some(program.since_ms);
    }
    let tcp = |(name, address)| (name, Address::Tcp(address));
    status.ports.extend(record.listening.into_iter().map(tcp));
    status
}

/// Waits until `done` says that the wait is over, well or not.
pub(super) async fn wait(
    supervisor: &Supervisor,
    id: &str,
    within: Duration,
    done: impl Fn(&State) -> Option<bool>,
) -> Result<(), SuperviseError> {
    let deadline = Instant::now() + within;
    // Subscribed before the first look, so that nothing happens unseen between.
    let mut notices = supervisor.notices();
    loop {
        let state = state_of(supervisor, id).await?;
        if done(&state) == Some(true) {
            return Ok(());
        }
        let late = SuperviseError::Late {
            id: id.to_owned(),
            state: state.clone(),
            waited: within,
        };
        if done(&state) == Some(false) {
            return Err(SuperviseError::Ended {
                id: id.to_owned(),
                state,
            });
        }
        loop {
            match tokio::time::timeout_at(deadline, notices.recv()).await {
                Err(_) => return Err(late),
                Ok(Ok(notice)) if notice.id != id => {}
                Ok(Ok(_) | Err(_)) => break,
            }
        }
    }
}

async fn state_of(supervisor: &Supervisor, id: &str) -> Result<State, SuperviseError> {
    let snapshot = supervisor.ask(super::Command::Status).await?;
    snapshot
        .into_iter()
        .find(|entry| entry.status.id == id)
        .map(|entry| entry.status.state)
        .ok_or_else(|| SuperviseError::Unknown(id.to_owned()))
}

/// Ends everything: what uses a resource before the resource.
pub(super) async fn stop_all(supervisor: &Supervisor) -> Result<(), SuperviseError> {
    let waves: [&[Kind]; 3] = [
        &[Kind::Replica, Kind::Job],
        &[Kind::Keeper],
        &[Kind::Resource],
    ];
    for kinds in waves {
        let snapshot = supervisor.ask(super::Command::Status).await?;
        let mut tasks = Vec::new();
        for entry in snapshot {
            if kinds.contains(&entry.status.kind) {
                let supervisor = supervisor.clone();
                let id = entry.status.id;
                tasks.push(tokio::spawn(async move { supervisor.stop(&id).await }));
            }
        }
        for task in tasks {
            task.await.map_err(|_| SuperviseError::Closed)??;
        }
    }
    Ok(())
}
