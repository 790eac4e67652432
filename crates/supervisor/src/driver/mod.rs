//! The loop that drives every process of one environment, and the handle through which it is told what to do.
//!
//! One task owns all state. Whatever takes time (starting, asking, waiting for an end) is done elsewhere and comes
//! back as a message, tagged with the generation that it is about, so that an answer about a process that is gone
//! changes nothing.

mod adopt;
mod effects;
mod generation;
mod job;
mod slot;
mod status;
mod task;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use plimsoll_stdx::clock::Clock;
use plimsoll_stdx::fs::FsError;
use plimsoll_stdx::lock::LockError;
use plimsoll_store::StateError;
use tokio::sync::{broadcast, mpsc, oneshot};

pub use adopt::{Adopted, starts};
pub use job::JobExit;
pub use status::ProcessStatus;

use crate::machine::{Announcement, State};
use crate::order::Order;
use crate::probe::Probe;
use crate::runner::{Runner, RunnerError};
use crate::secrets::SecretSource;
use task::{Command, Message, Task};

/// Messages that may wait: a thousand processes with one open question each.
const INBOX: usize = 1024;
/// Notices that a slow listener may lag behind; it is told how many it missed and reads the status then.
const NOTICES: usize = 1024;

/// What a supervisor needs.
#[derive(Debug, Clone)]
pub struct Config {
    /// The environment's directory: `replicas/`, `keeper/`, `supervisor.json` and the lock are in it.
    pub dir: PathBuf,
    /// Runs processes.
    pub runner: Arc<dyn Runner>,
    /// Asks whether they are well.
    pub probe: Arc<dyn Probe>,
    /// Brings their secrets.
    pub secrets: Arc<dyn SecretSource>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
}

/// Something that everybody may know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// [`Order::id`].
    pub id: String,
    /// Which start of it; `id-generation` is the instance.
    pub generation: u64,
    /// What happened.
    pub what: Announcement,
}

/// Why the supervisor did not do it.
#[derive(Debug, thiserror::Error)]
pub enum SuperviseError {
    /// Another supervisor has this environment.
    #[error("another supervisor runs this environment")]
    Lock(#[from] LockError),
    /// The directory cannot be used.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// A document cannot be used.
    #[error(transparent)]
    State(#[from] StateError),
    /// The runner refused.
    #[error(transparent)]
    Runner(#[from] RunnerError),
    /// Nothing has this id.
    #[error("nothing is called {0}")]
    Unknown(String),
    /// Something else has this id and runs.
    #[error("{0} runs with other orders: stop it first")]
    Busy(String),
    /// The orders cannot be carried out.
    #[error("the orders of {id} cannot be carried out: {reason}")]
    Orders {
        /// Whose.
        id: String,
        /// Why.
        reason: String,
    },
    /// It has ended, or was given up, before it was what was waited for.
    #[error("{id} is {state}")]
    Ended {
        /// Which.
        id: String,
        /// Where it is.
        state: State,
    },
    /// It did not get there in time.
    #[error("{id} is still {state} after {waited:?}")]
    Late {
        /// Which.
        id: String,
        /// Where it is.
        state: State,
        /// How long was waited.
        waited: Duration,
    },
    /// The loop has ended.
    #[error("the supervisor has been closed")]
    Closed,
}

/// The handle. Clones speak to the same loop; the loop ends when the last is gone or one is closed, and what runs
/// goes on running.
#[derive(Debug, Clone)]
pub struct Supervisor {
    dir: PathBuf,
    commands: mpsc::Sender<Message>,
    notices: broadcast::Sender<Notice>,
}

impl Supervisor {
    /// Takes the environment's lock, adopts what runs, and starts the loop on the current tokio runtime.
    ///
    /// What was adopted is driven from here on, without having been restarted; the report names also what has ended
    /// since, and what was found and killed because it could not be trusted.
    pub async fn open(config: Config) -> Result<(Self, Vec<Adopted>), SuperviseError> {
        let (commands, inbox) = mpsc::channel(INBOX);
        let (notices, _) = broadcast::channel(NOTICES);
        let dir = config.dir.clone();
        // The loop's own sender must not keep it alive after the last handle.
        let outbox = commands.downgrade();
        let (task, report) = Task::open(config, outbox, notices.clone()).await?;
        tokio::spawn(task.run(inbox));
        let handle = Self {
            dir,
            commands,
            notices,
        };
        Ok((handle, report))
    }

    /// Makes it run. The same orders running already: nothing is done. Returns when the loop has taken the orders;
    /// [`Self::wait_ready`] waits for the rest.
    pub async fn start(&self, order: Order) -> Result<(), SuperviseError> {
        self.ask(|reply| Command::Start(Box::new(order), reply))
            .await?
    }

    /// Says that it gets no new traffic: it is ended after its drain budget, or by [`Self::stop`] as soon as the
    /// gateway says that it is idle.
    pub async fn drain(&self, id: &str) -> Result<(), SuperviseError> {
        let id = id.to_owned();
        self.ask(|reply| Command::Drain(id, reply)).await?
    }

    /// Has a keeper start its program anew beside the one that runs, which leaves when the new one serves. Returns when
    /// the keeper is told; [`ProcessStatus::pid`] is another when it has.
    pub async fn exchange(&self, id: &str) -> Result<(), SuperviseError> {
        let id = id.to_owned();
        self.ask(|reply| Command::Exchange(id, reply)).await?
    }

    /// Ends it (stop signal, grace, SIGKILL) and returns when nothing of it runs. At most the grace and 15 s.
    pub async fn stop(&self, id: &str) -> Result<(), SuperviseError> {
        let owned = id.to_owned();
        let bound = self.ask(|reply| Command::Stop(owned, reply)).await??;
        self.wait_ended(id, bound).await
    }

    /// Ends everything in parallel: replicas and jobs first, then keepers, then resources.
    pub async fn stop_all(&self) -> Result<(), SuperviseError> {
        status::stop_all(self).await
    }

    /// Forgets one that has ended, so that its id is free for other orders. Its output stays on disk.
    pub async fn forget(&self, id: &str) -> Result<(), SuperviseError> {
        let id = id.to_owned();
        self.ask(|reply| Command::Forget(id, reply)).await?
    }

    /// Every process, with what it uses now.
    pub async fn status(&self) -> Result<Vec<ProcessStatus>, SuperviseError> {
        let snapshot = self.ask(Command::Status).await?;
        status::measure(snapshot).await
    }

    /// One process.
    pub async fn status_of(&self, id: &str) -> Result<ProcessStatus, SuperviseError> {
        let mut snapshot = self.ask(Command::Status).await?;
        snapshot.retain(|entry| entry.status.id == id);
        let found = status::measure(snapshot).await?.pop();
        found.ok_or_else(|| SuperviseError::Unknown(id.to_owned()))
    }

    /// What happens from now on. A listener that lags misses notices and is told so.
    pub fn notices(&self) -> broadcast::Receiver<Notice> {
        self.notices.subscribe()
    }

    /// Waits until it takes traffic. An error when it is given up or stopped, or after `within`.
    pub async fn wait_ready(&self, id: &str, within: Duration) -> Result<(), SuperviseError> {
        status::wait(self, id, within, |state| match state {
            State::Ready => Some(true),
            State::Stopped | State::Failed { .. } => Some(false),
            State::Idle
            | State::Spawning
            | State::Starting
            | State::WarmingUp
            | State::Unready
            | State::Draining
            | State::Ending
            | State::Backoff => None,
        })
        .await
    }

    /// Waits until nothing of it runs and it will not be started again.
    pub async fn wait_ended(&self, id: &str, within: Duration) -> Result<(), SuperviseError> {
        status::wait(self, id, within, |state| match state {
            State::Stopped | State::Failed { .. } => Some(true),
            State::Idle
            | State::Spawning
            | State::Starting
            | State::WarmingUp
            | State::Ready
            | State::Unready
            | State::Draining
            | State::Ending
            | State::Backoff => None,
        })
        .await
    }

    /// Runs a program to its end, at most for `within`; then it is stopped. Its id must be free and is free again
    /// afterwards. Cancelled, the job goes on and has to be stopped by its id.
    pub async fn run_job(&self, order: Order, within: Duration) -> Result<JobExit, SuperviseError> {
        job::run(self, order, within).await
    }

    /// Ends the loop and lets go of the lock. What runs goes on running and is adopted by the next supervisor.
    pub async fn close(self) -> Result<(), SuperviseError> {
        self.ask(Command::Close).await
    }

    /// The environment's directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    async fn ask<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<T>) -> Command,
    ) -> Result<T, SuperviseError> {
        let (reply, answer) = oneshot::channel();
        let message = Message::Command(command(reply));
        self.commands
            .send(message)
            .await
            .map_err(|_| SuperviseError::Closed)?;
        answer.await.map_err(|_| SuperviseError::Closed)
    }
}
