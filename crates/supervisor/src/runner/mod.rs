//! How a process is really run. [`ProcessRunner`] runs what is shared with this machine and what is contained, as the
//! orders say; whether we or an OCI runtime contain it, the shim above it is the same.

mod addresses;
mod leftovers;
mod ports;
mod process;
mod tool;

use std::fmt;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use plimsoll_stdx::fs::FsError;
use plimsoll_stdx::net::frame::FrameError;
use plimsoll_stdx::usage::Usage;
use plimsoll_store::StateError;
use serde::{Deserialize, Serialize};

pub(crate) use addresses::addresses;
pub use process::{Capabilities, ProcessRunner};
pub use tool::Tool;

use crate::cgroup::GroupUsage;
use crate::order::{Limits, Order};
use crate::record::{ExitRecord, IsolationClass, ShimRecord, Spec};
use crate::secrets::Secrets;

/// Why something could not be run.
#[derive(Debug, thiserror::Error)]
pub enum RunnerError {
    /// Its directory cannot be used.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// One of its documents cannot be used.
    #[error(transparent)]
    State(#[from] StateError),
    /// The system refused.
    #[error("cannot {action}")]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// The system's answer.
        #[source]
        source: std::io::Error,
    },
    /// The shim did not understand, or was not understood.
    #[error("the shim of {} does not answer", dir.display())]
    Shim {
        /// Its directory.
        dir: PathBuf,
        /// What went wrong.
        #[source]
        source: FrameError,
    },
    /// The orders cannot be carried out.
    #[error("{id} cannot be run: {reason}")]
    Orders {
        /// Whose.
        id: String,
        /// Why.
        reason: String,
    },
    /// The shim tried and could not.
    #[error("{0}")]
    NotStarted(String),
    /// No free port was found.
    #[error("no free port between {from} and {to} on 127.0.0.1")]
    Ports {
        /// First tried.
        from: u16,
        /// Last tried.
        to: u16,
    },
}

/// A process that runs behind a shim.
#[derive(Debug)]
pub struct Running {
    /// Its directory.
    pub dir: PathBuf,
    /// Its orders and ports.
    pub spec: Spec,
    /// What the shim said of itself.
    pub record: ShimRecord,
    /// Becomes readable when the shim has ended.
    pub handle: OwnedFd,
}

/// What was found in the directory of an earlier start.
#[derive(Debug)]
pub enum Found {
    /// It runs, and is ours.
    Alive(Box<Running>),
    /// It has ended, and nothing of it is left; whatever was has been killed.
    Dead {
        /// Its orders, if they could be read.
        spec: Option<Box<Spec>>,
        /// What its shim wrote, if it could.
        exit: Option<ExitRecord>,
        /// Why a process that lived was not adopted but killed.
        killed: Option<String>,
    },
}

/// Runs processes. Every call blocks, for the bounded time that its text names, and is made on a blocking thread.
pub trait Runner: Send + Sync + fmt::Debug + 'static {
    /// The isolation class that a process with such orders can have here at best. What it has is in its record.
    fn class(&self, order: &Order) -> IsolationClass;

    /// Makes ready to start: the directory, the ports, `spec.json`.
    fn prepare(&self, spec: Spec, dir: &Path) -> Result<Prepared, RunnerError>;

    /// Starts it. When this returns an error, nothing of it runs. At most 15 s.
    fn start(&self, prepared: Prepared, secrets: &Secrets) -> Result<Running, RunnerError>;

    /// Looks whether what was started in `dir` still runs, and kills what is left if it is not to be trusted:
    /// another boot, another process with the number, a zombie, a shim that does not answer, other orders, a
    /// record half-written. At most 10 s.
    fn adopt(&self, dir: &Path) -> Result<Found, RunnerError>;

    /// Sends a signal to the program. At most 5 s. A process that is already dead is no error.
    fn signal(&self, running: &Running, signal: i32) -> Result<(), RunnerError>;

    /// Kills the shim and everything that belongs to it. At most 5 s.
    fn destroy(&self, running: &Running) -> Result<(), RunnerError>;

    /// What is known of the end, once the handle is readable; kills what a killed shim left behind. At most 5 s.
    fn bury(&self, running: &Running) -> Result<Option<ExitRecord>, RunnerError>;

    /// What each process and its descendants use now, in the same order.
    fn stats(&self, running: &[&Running]) -> Result<Vec<Stats>, RunnerError>;

    /// Changes the limits of memory, CPU and processes of a contained process while it runs. What came of them is
    /// returned in words; the record goes on naming those of its start.
    fn update(&self, running: &Running, limits: &Limits) -> Result<Vec<String>, RunnerError>;

    /// Kills and removes what is left of the environment in `env` beside what is `alive`: kernel groups whose records
    /// are gone. At most 5 s for each.
    fn sweep(&self, env: &Path, alive: &[&Running]);

    /// The shim's record as it is now (a keeper's program changes).
    fn record(&self, running: &Running) -> Result<ShimRecord, RunnerError>;
}

/// What one process uses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stats {
    /// Of the living processes, from `/proc`; with the shim.
    pub usage: Usage,
    /// By its kernel group, the dead included and the shim not; `None` without one.
    pub group: Option<GroupUsage>,
}

/// Ready to be started.
#[derive(Debug)]
pub struct Prepared {
    /// Its directory.
    pub dir: PathBuf,
    /// Orders and ports, as written to `spec.json`.
    pub spec: Spec,
}
