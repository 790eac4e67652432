//! What the machine is told, what it says, and where it can be.

use std::fmt;
use std::time::Duration;

use plimsoll_bundle::local::{HealthSpec, WarmUpSpec};
use serde::{Deserialize, Serialize};

use super::RestartPolicy;
use crate::record::ExitReason;

/// Where a process is in its life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Never started.
    Idle,
    /// Being started; nothing runs yet, or nothing is known to.
    Spawning,
    /// Runs and has not yet said that it is well.
    Starting,
    /// Answers its warm-up requests.
    WarmingUp,
    /// Takes traffic.
    Ready,
    /// Has been ready and asks for no traffic now.
    Unready,
    /// Gets no new traffic and finishes what it has.
    Draining,
    /// Has been asked to end.
    Ending,
    /// Waits to be started again.
    Backoff,
    /// Ended as ordered.
    Stopped,
    /// Given up.
    Failed {
        /// Why.
        reason: String,
    },
}

impl fmt::Display for State {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Idle => "idle",
            Self::Spawning => "being started",
            Self::Starting => "starting",
            Self::WarmingUp => "warming up",
            Self::Ready => "ready",
            Self::Unready => "not ready",
            Self::Draining => "draining",
            Self::Ending => "ending",
            Self::Backoff => "waiting to be started again",
            Self::Stopped => "stopped",
            Self::Failed { reason } => return write!(formatter, "given up: {reason}"),
        })
    }
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Somebody wants it to run.
    Start,
    /// The runner started it.
    Spawned,
    /// It was found running, and is ours.
    Adopted,
    /// The runner could not start it; nothing runs.
    SpawnFailed(String),
    /// A question was answered.
    Answered(Question, Result<(), String>),
    /// Nothing of it runs any more.
    Exited(ExitReason),
    /// Somebody wants no new traffic there, and its end when that is done.
    Drain,
    /// Somebody wants its end.
    Stop,
    /// Time has passed.
    Tick,
}

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Question {
    /// Has it started?
    Startup,
    /// Does it want traffic?
    Readiness,
    /// Does it live?
    Liveness,
    /// Is it warm?
    WarmUp,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Start a process. The answer is [`Event::Spawned`] or [`Event::SpawnFailed`], always.
    Spawn,
    /// Ask. The answer is [`Event::Answered`], always, and at most one question of a kind is open.
    Ask(Question),
    /// Send the stop signal.
    Terminate,
    /// SIGKILL the program, through its shim.
    Kill,
    /// SIGKILL the shim and everything that belongs to it.
    Destroy,
    /// Tell everybody.
    Announce(Announcement),
}

/// What everybody may know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Announcement {
    /// It takes traffic.
    Ready,
    /// It takes none, for the reason given.
    Unready(String),
    /// It finishes what it has.
    Draining,
    /// It ended and will be started again after the wait.
    Restarting {
        /// Why.
        reason: String,
        /// From now.
        after: Duration,
    },
    /// It ended as ordered.
    Stopped,
    /// It will not be started again.
    GaveUp(String),
}

/// What the machine knows of its orders.
#[derive(Debug, Clone)]
pub struct Rules {
    /// How it is asked whether it is well; `None` is ready as soon as it runs.
    pub health: Option<HealthSpec>,
    /// What warms it up.
    pub warm_up: Option<WarmUpSpec>,
    /// Longest farewell before the stop signal.
    pub drain: Duration,
    /// From the stop signal to SIGKILL.
    pub grace: Duration,
    /// When and how often it is started again.
    pub restart: RestartPolicy,
    /// Whether it runs to its end: however it ends, it has then stopped.
    pub once: bool,
}
