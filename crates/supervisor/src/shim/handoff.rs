//! What a shim or keeper tells the second stage, and what it hears back, over a socket that is the second stage's
//! standard input. Secrets travel here and nowhere else.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::space::Outside;
use crate::order::Order;
use crate::record::IsolationClass;
use crate::secrets::Secrets;

/// What the second stage is to do.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "handoff", rename_all = "lowercase")]
pub(crate) enum Handoff {
    /// Become the program.
    Run(Box<Run>),
    /// Try whether a root can be built on this empty folder, and end.
    Check {
        /// The folder.
        mount_point: PathBuf,
    },
}

/// Everything that the program is made of.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Run {
    pub(crate) order: Order,
    pub(crate) ports: BTreeMap<String, u16>,
    pub(crate) secrets: Secrets,
    pub(crate) token: String,
    pub(crate) mount_point: PathBuf,
    pub(crate) entered: Entered,
    pub(crate) tie: Tie,
    /// What the shim has left behind for a contained program; `None` for every other.
    pub(crate) outside: Option<Outside>,
}

/// Whether the sender has already entered the root and become the user, as a keeper has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Entered {
    Yes,
    No,
}

/// Whether the program dies with its shim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Tie {
    /// A replica without a shim is nobody's.
    Dies,
    /// A gateway serves on without its keeper.
    Survives,
}

/// What the second stage says. After `Applied` the socket closes when the program has been executed; above a contained
/// program, process 1 keeps it and speaks twice more.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "report", rename_all = "lowercase")]
pub(crate) enum Report {
    Applied(Applied),
    /// Of a contained program, whose conversation goes on: it is executed, and a handle of it comes along.
    Executed,
    /// The contained program has ended with a code or by a signal, and nothing of it is left.
    Ended {
        end: Result<i32, i32>,
        /// What outlived it and was killed.
        killed: u32,
    },
    Failed {
        reason: String,
    },
    Checked(Checked),
}

/// What this machine lets us apply.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Checked {
    /// Why there can be no root of its own; `None` when there can.
    pub(crate) no_root: Option<String>,
    /// The version of Landlock's rules, 0 without.
    pub(crate) landlock: u32,
    /// Why no program can be contained; `None` when it can.
    pub(crate) no_namespaces: Option<String>,
}

/// What holds the program in.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Applied {
    pub(crate) class: IsolationClass,
    pub(crate) controls: Vec<String>,
    pub(crate) mount_ns: Option<u64>,
}
