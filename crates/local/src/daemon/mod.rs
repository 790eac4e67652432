//! The daemon of one environment: hosts the supervisor, answers the control socket, tells the gateway where replicas
//! are.

mod autoscale;
pub(crate) mod canaries;
pub(crate) mod documents;
pub(crate) mod edge;
pub(crate) mod follow;
pub(crate) mod intent;
pub(crate) mod jobs;
mod publish;
mod reconcile;
pub(crate) mod rehearsal;
pub(crate) mod report;
pub(crate) mod shift;
pub(crate) mod shutdown;
pub(crate) mod steps;
mod succession;
mod weights;
pub(crate) mod world;

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use plimsoll_stdx::clock::RealClock;
use plimsoll_stdx::net::unix;
use plimsoll_supervisor::machine::Announcement;
use plimsoll_supervisor::runner::Tool;
use plimsoll_supervisor::{Config, Notice, ProcessRunner, SuperviseError, Supervisor};
use tokio::net::UnixListener;
use tokio::sync::broadcast::error::RecvError;

use crate::control::{SOCKET, server};
use crate::error::chain;
use crate::event::Event;
use crate::orders::layout::Layout;
use crate::probe::LocalProbe;
use crate::secrets::{Key, SecretStore};
use crate::start::DaemonFile;
use crate::status::{ProcessKind, ProcessState};
use crate::{EnvDir, LocalError};
use documents::Documents;
use intent::Intent;
use world::World;

/// How often the gateway is asked whether it still knows what it was told.
const AGAIN: Duration = Duration::from_secs(5);
/// From the last answer to the end: the caller reads it meanwhile.
const FAREWELL: Duration = Duration::from_millis(50);

/// Runs the daemon of the environment in `dir` until it is told to end, and returns the exit code. Must be called in
/// a process of its own, before there are threads; it leaves the session that it was started in.
pub fn main(dir: &Path, shims: Tool) -> u8 {
    // Fails only for the leader of a process group, which then stays in its session.
    let _ = rustix::process::setsid();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let ended = match runtime {
        Ok(runtime) => runtime.block_on(run(EnvDir::at(dir.to_owned()), shims)),
        Err(error) => Err(LocalError::Connect(error)),
    };
    match ended {
        Ok(()) => 0,
        Err(error) => {
            // Standard error is the daemon's log; whoever started it shows its end.
            let _ = writeln!(io::stderr(), "{}", chain(&error));
            error.fault().exit_code()
        }
    }
}

async fn run(env: EnvDir, shims: Tool) -> Result<(), LocalError> {
    let Some(world) = open(&env, shims).await? else {
        // Another daemon lives: whoever started this one will reach that one.
        return Ok(());
    };
    let listener = unix::bind(env.path(), SOCKET).map_err(LocalError::Connect)?;
    listener
        .set_nonblocking(true)
        .map_err(LocalError::Connect)?;
    let listener = UnixListener::from_std(listener).map_err(LocalError::Connect)?;
    let tasks = [
        tokio::spawn(server::serve(Arc::clone(&world), listener)),
        tokio::spawn(notices(Arc::clone(&world))),
        tokio::spawn(keep_telling(Arc::clone(&world))),
        tokio::spawn(reconcile::run(Arc::clone(&world))),
        tokio::spawn(shift::end_warmth(Arc::clone(&world))),
        tokio::spawn(autoscale::run(Arc::clone(&world))),
        tokio::spawn(succession::of_the_gateway(Arc::clone(&world))),
    ];
    ignore_hang_ups();
    world.over.notified().await;
    tokio::time::sleep(FAREWELL).await;
    for task in tasks {
        task.abort();
    }
    let _ = std::fs::remove_file(env.path().join(SOCKET));
    Ok(world.supervisor.clone().close().await?)
}

/// Takes the environment, adopts what runs, and begins an epoch.
async fn open(env: &EnvDir, shims: Tool) -> Result<Option<Arc<World>>, LocalError> {
    let file = DaemonFile::load(env)?;
    let runner = Arc::new(ProcessRunner::of(shims));
    let folders = (file.runtime_dir.as_path(), file.runtime.as_deref());
    let layout = Layout::new(env, folders, runner.capabilities())?;
    let scope = format!("{}/{}", file.instance, file.environment);
    let store = SecretStore::open(&env.secrets(), &scope, Key::open(&file.key_file)?)?;
    let documents = Arc::new(Documents::new(env.clone(), layout, store));
    let config = Config {
        dir: env.path().to_owned(),
        runner,
        probe: Arc::new(LocalProbe::new(Arc::clone(&documents) as _)),
        secrets: Arc::clone(&documents) as _,
        clock: Arc::new(RealClock),
    };
    let (supervisor, report) = match Supervisor::open(config).await {
        Ok(opened) => opened,
        Err(SuperviseError::Lock(_)) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let alive = report.iter().filter(|found| found.alive).count();
    let mut intent = Intent::load(env)?;
    intent.epoch += 1;
    intent.save(env)?;
    let adopted = u32::try_from(alive).unwrap_or(u32::MAX);
    Ok(Some(Arc::new(World::new(
        file,
        documents,
        supervisor,
        (intent, adopted),
    ))))
}

/// A terminal that goes away is no reason to end; neither is Ctrl-C in it, which we no longer get.
fn ignore_hang_ups() {
    use tokio::signal::unix::{SignalKind, signal};

    for kind in [SignalKind::hangup(), SignalKind::interrupt()] {
        // A handler that does nothing; without it the signal would end us.
        let _ = signal(kind);
    }
}

/// Passes on what the supervisor says: to whoever follows, and as a reason to tell the gateway.
async fn notices(world: Arc<World>) {
    let mut notices = world.supervisor.notices();
    loop {
        match notices.recv().await {
            Ok(notice) => {
                world.tell(event(&notice));
                world.dirty.notify_one();
            }
            Err(RecvError::Lagged(_)) => world.dirty.notify_one(),
            Err(RecvError::Closed) => return,
        }
    }
}

fn event(notice: &Notice) -> Event {
    let (state, detail) = match &notice.what {
        Announcement::Ready => (ProcessState::Ready, None),
        Announcement::Unready(reason) => (ProcessState::Unready, Some(reason.clone())),
        Announcement::Draining => (ProcessState::Draining, None),
        Announcement::Restarting { reason, .. } => (ProcessState::Restarting, Some(reason.clone())),
        Announcement::Stopped => (ProcessState::Stopped, None),
        Announcement::GaveUp(reason) => (ProcessState::Failed, Some(reason.clone())),
    };
    let (kind, name) = match notice.id.strip_prefix("resource-") {
        Some(name) => (ProcessKind::Resource, name.to_owned()),
        None if notice.id == crate::orders::keeper::ID => (ProcessKind::Keeper, notice.id.clone()),
        None if ["rehearse-", "migrate-", "schema-", "seed-", "prepare-"]
            .iter()
            .any(|job| notice.id.starts_with(job)) =>
        {
            (ProcessKind::Job, notice.id.clone())
        }
        None => (ProcessKind::Replica, notice.id.clone()),
    };
    Event::Process {
        kind,
        name,
        state,
        detail,
    }
}

/// Tells the gateway whatever is new, at once, and everything again from time to time.
async fn keep_telling(world: Arc<World>) {
    let mut again = tokio::time::interval(AGAIN);
    again.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        // What cannot be told now is told at the next turn: a gateway that is being brought back knows its last
        // document meanwhile.
        tokio::select! {
            () = world.dirty.notified() => drop(publish::now(&world).await),
            _ = again.tick() => drop(publish::again(&world).await),
        }
    }
}
