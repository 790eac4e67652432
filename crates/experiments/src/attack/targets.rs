//! What an attack is aimed at. Paths are as the attack sees them, unless they are what it must not see.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// What stands in every file, variable and greeting that a contained program must not come by.
pub(crate) const CANARY: &str = "plimsoll canary";
/// The variable and the secret's file name of the neighbour's canaries.
pub(crate) const CANARY_NAME: &str = "CANARY";

/// Everything that attacks are aimed at. Each takes what it needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Targets {
    /// A file of this machine that everybody may read.
    pub canary: PathBuf,
    /// A folder that the attack may write to.
    pub scratch: PathBuf,
    /// This program with the mark that lets it run as root; `None` where none could be made.
    pub setuid: Option<PathBuf>,
    /// A replica beside the attack: the number that this machine knows it by.
    pub neighbour: u32,
    /// Where that replica's folder of secrets is, as itself sees it.
    pub neighbour_secrets: String,
    /// A service on this machine's loopback that greets with the canary.
    pub loopback: SocketAddr,
    /// The same at another port, which the replica under attack is allowed.
    pub declared: SocketAddr,
    /// The same on an address that other machines reach; `None` where this machine has none.
    pub outward: Option<SocketAddr>,
    /// The same on an abstract Unix socket.
    pub abstract_name: String,
    /// The file by which a kernel group of version 1 runs a program of its choice outside; `None` without one.
    pub release_agent: Option<PathBuf>,
    /// The file by which a process leaves its kernel group.
    pub group_root: Option<PathBuf>,
}
