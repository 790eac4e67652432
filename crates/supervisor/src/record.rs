//! What is written about a process beside its orders: `spec.json` by the supervisor before it starts, `shim.json` by
//! its shim before and after the fork, `exit.json` by its shim when it has ended.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;

use plimsoll_bundle::Digest;
use plimsoll_stdx::process::ProcessId;
use plimsoll_store::state::Format;
use serde::{Deserialize, Serialize};

use crate::cgroup::Hierarchies;
use crate::order::{Kind, Order};

/// File name of [`Spec`].
pub const SPEC_FILE: &str = "spec.json";
/// File name of [`ShimRecord`].
pub const SHIM_FILE: &str = "shim.json";
/// File name of [`ExitRecord`].
pub const EXIT_FILE: &str = "exit.json";
/// File name of a shim's control socket.
pub const SHIM_SOCKET: &str = "shim.sock";
/// File name of a keeper's control socket, through which the server fetches its listening sockets too.
pub const KEEPER_SOCKET: &str = "keeper.sock";
/// Folder of the captured output.
pub const LOG_DIR: &str = "log";

/// The version of the shim's four verbs. Old shims meet new supervisors, so it does not change.
pub const PROTOCOL: u32 = 1;

pub(crate) const SPEC_FORMAT: Format = Format {
    name: "plimsoll.spec",
    version: 1,
};
pub(crate) const SHIM_FORMAT: Format = Format {
    name: "plimsoll.shim",
    version: 1,
};
pub(crate) const EXIT_FORMAT: Format = Format {
    name: "plimsoll.exit",
    version: 1,
};

/// The file name of the control socket above a process of this kind.
pub fn socket_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Keeper => KEEPER_SOCKET,
        Kind::Replica | Kind::Resource | Kind::Job => SHIM_SOCKET,
    }
}

/// The file name of the socket behind which [`crate::order::Door`] finds the instance.
pub fn door_name(instance: &str) -> String {
    format!("{instance}.sock")
}

/// One start of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spec {
    /// What to run.
    pub order: Order,
    /// Unique in the environment for all time, and rising.
    pub generation: u64,
    /// The port numbers chosen, by port name.
    pub ports: BTreeMap<String, u16>,
    /// In the environment of everything that descends from this start; 32 hexadecimal digits.
    pub token: String,
    /// The name of its kernel groups, where it has any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Where kernel groups are made here; looked for again where nothing is said.
    #[serde(default, skip_serializing_if = "Hierarchies::is_empty")]
    pub hierarchies: Hierarchies,
}

impl Spec {
    /// The id with its generation: `backend-2-17`.
    pub fn instance(&self) -> String {
        format!("{}-{}", self.order.id, self.generation)
    }
}

/// What the shim knows of itself and of its program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShimRecord {
    /// The id with its generation.
    pub instance: String,
    /// The shim.
    pub shim: ProcessId,
    /// The boot that both process ids belong to.
    pub boot_id: String,
    /// The verbs that the shim understands.
    pub protocol: u32,
    /// The digest of the bytes of `spec.json`.
    pub spec: Digest,
    /// The program, once it runs.
    pub program: Option<Program>,
    /// How often a keeper has started its program again.
    pub respawns: u64,
    /// A keeper's listening addresses by name, with the port that the system chose.
    pub listening: BTreeMap<String, SocketAddr>,
}

/// The program behind a shim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    /// The process.
    pub process: ProcessId,
    /// The init of its process namespace, where it has one of its own: with it everything in there dies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub init: Option<ProcessId>,
    /// When it started, in milliseconds since the Unix epoch.
    pub since_ms: u64,
    /// Its mount namespace, where it has one of its own.
    pub mount_ns: Option<u64>,
    /// What holds it in.
    pub class: IsolationClass,
    /// Each control that was applied, or wanted and not applied, in words.
    pub controls: Vec<String>,
}

/// What holds a process in, as it was observed to be applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum IsolationClass {
    /// A plain process.
    #[serde(rename = "by convention")]
    ByConvention,
    /// Not root, no new privileges, and a file tree or file rules of its own.
    #[serde(rename = "confined")]
    Confined,
    /// Namespaces of its own of every kind, a read-only root, no capability, a filter of system calls, and every
    /// limit that was ordered, by the kernel.
    #[serde(rename = "contained")]
    Contained,
}

impl fmt::Display for IsolationClass {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::ByConvention => "by convention",
            Self::Confined => "confined",
            Self::Contained => "contained",
        })
    }
}

/// How a process ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "how", rename_all = "kebab-case")]
pub enum ExitReason {
    /// By itself.
    Code {
        /// Its exit code.
        code: i32,
    },
    /// By a signal.
    Signal {
        /// Its number.
        signal: i32,
        /// Whether the kernel killed it for want of memory; `None` is not known.
        out_of_memory: Option<bool>,
    },
    /// It never ran.
    NotStarted {
        /// Why.
        reason: String,
    },
    /// Its shim was killed and could not say; what was left of it has been killed.
    Unknown,
}

impl fmt::Display for ExitReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code { code } => write!(formatter, "ended with code {code}"),
            Self::Signal {
                signal,
                out_of_memory: Some(true),
            } => write!(formatter, "killed by signal {signal}: out of memory"),
            Self::Signal { signal, .. } => write!(formatter, "killed by signal {signal}"),
            Self::NotStarted { reason } => write!(formatter, "could not be started: {reason}"),
            Self::Unknown => write!(formatter, "died together with its shim"),
        }
    }
}

/// What the shim writes last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExitRecord {
    /// The id with its generation.
    pub instance: String,
    /// How it ended.
    pub reason: ExitReason,
    /// When, in milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// The largest resident memory of any of its processes, in bytes.
    pub max_rss_bytes: u64,
    /// CPU of all its processes, user and system, in milliseconds.
    pub cpu_ms: u64,
    /// Descendants that outlived it and were killed.
    pub killed_descendants: u32,
    /// Lines of output that could not be kept.
    pub lost_lines: u64,
}
