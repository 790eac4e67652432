//! What a shim or keeper gives the second stage, and what it hears back, over a socket between the two.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::containment::Containment;
use crate::order::Order;
use crate::record::IsolationClass;
use crate::secrets::Secrets;

/// Everything that the program is made of. It travels by the fork, and is written nowhere.
#[derive(Debug)]
pub(crate) struct Run<'a> {
    pub(crate) order: &'a Order,
    pub(crate) ports: &'a BTreeMap<String, u16>,
    pub(crate) secrets: &'a Secrets,
    pub(crate) token: &'a str,
    pub(crate) mount_point: &'a Path,
    pub(crate) entered: Entered,
    pub(crate) tie: Tie,
    /// What the shim has made for a contained program; `None` for every other.
    pub(crate) containment: Option<&'a Containment>,
}

/// Whether the sender has already entered the root and become the user, as a keeper has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entered {
    Yes,
    No,
}

/// Whether the program dies with its shim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tie {
    /// A replica without a shim is nobody's.
    Dies,
    /// A gateway serves on without its keeper.
    Survives,
}

/// What the second stage says.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "report", rename_all = "lowercase")]
pub(crate) enum Report {
    /// Before the program is executed, and the socket closes when it has been. Of a contained program it is said
    /// afterwards, by process 1, which sends a handle of the program along and speaks once more.
    Applied(Applied),
    /// The contained program has ended with a code or by a signal, and nothing of it is left.
    Ended {
        end: Result<i32, i32>,
        /// What outlived it and was killed.
        killed: u32,
    },
    /// Nothing runs.
    Failed { reason: String },
}

/// What holds the program in.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Applied {
    pub(crate) class: IsolationClass,
    pub(crate) controls: Vec<String>,
    pub(crate) mount_ns: Option<u64>,
}
