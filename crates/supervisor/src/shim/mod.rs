//! What stands above every program: a small single-threaded process that outlives the supervisor.
//!
//! The shim is its own session and the reaper of everything that descends from the program. It owns the pipe of the
//! program's output, writes `shim.json` before and `exit.json` after, answers four verbs on a socket, and leaves no
//! descendant behind. It runs with the supervisor's privileges; the program never does: between the two lies a
//! second stage, a fork of the shim that closes what is the shim's, builds the root, drops privileges and executes.
//! A fork is safe here, because no shim ever starts a thread: the supervisor, which has many, executes a shim and
//! never forks. It is cheap, because only the shim itself pays for loading this binary. What the fork carries along is
//! the shim's memory, secrets among it; the program's own are all there are, execution leaves them behind, and a
//! process 1, which stays, is not to be looked into.
//!
//! A contained program has process 1 of its own namespace between the two: the second stage stays, as `pid1`, and
//! executes the program in a child. The shim itself lives in the program's network, whose sockets it hands out.
//!
//! Reading order: `warden` (the loop), `child` (the program that it stands above), `launch` and `handoff` (starting
//! the second stage), `containment`, `space` and `loopback` (what the shim makes and enters for a contained program),
//! `relay` and `address` (what it can connect to from there), `init` (the second stage), `root`, `etc`, `image`,
//! `scratch`, `masks`, `confine` and `group` (what it applies), `contain`, `users`, `seccomp` and `observed` (what it
//! applies to a contained program), `pid1` and `spawn` (what it becomes above one), `oci` (one that a runtime of others
//! brings up), `output` (captured lines), `serve` and `door` (the verbs), `word` (what the supervisor hears), `keep`
//! (what is written down), `check` (what this machine can do), `sys` (the system calls that need `unsafe`).

mod address;
mod check;
mod child;
mod confine;
mod contain;
mod containment;
mod door;
mod etc;
pub(crate) mod group;
mod handoff;
mod image;
mod init;
mod keep;
mod launch;
mod loopback;
mod masks;
mod memory;
mod mounts;
mod observed;
pub(crate) mod oci;
pub(crate) mod output;
mod pid1;
mod relay;
pub(crate) mod root;
mod scratch;
pub(crate) mod seccomp;
mod serve;
mod space;
mod spawn;
pub(crate) mod sys;
mod users;
pub(crate) mod warden;
pub(crate) mod word;

use std::path::Path;

use serde::{Deserialize, Serialize};

pub use check::main as check_main;

use crate::record::ShimRecord;
use warden::Warden;

/// In the environment of everything that descends from a start; its value is [`crate::record::Spec::token`].
pub const TOKEN_VARIABLE: &str = "PLIMSOLL_TOKEN";
/// The same value in a root of its own, where a process cannot lose it.
pub const TOKEN_FILE: &str = "/run/plimsoll/token";
/// Below a start's directory: where its root is put together, in a mount namespace of its own.
pub const MOUNT_POINT: &str = "root";

/// The shim's first and only word on its standard output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "started", rename_all = "lowercase")]
pub enum Started {
    /// The program runs.
    Running(Box<ShimRecord>),
    /// Nothing runs.
    Failed {
        /// Why.
        reason: String,
    },
}

pub(crate) use check::check;
pub(crate) use confine::become_user as confine_user;

/// A shim above the program whose `spec.json` is in `dir`; returns the exit code when nothing of it is left.
pub fn main(dir: &Path) -> u8 {
    match Warden::open(dir).and_then(Warden::run) {
        Ok(()) => 0,
        Err(error) => word::complain(&error),
    }
}
