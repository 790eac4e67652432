//! What the supervisor is told to run: one [`Order`] per process. Orders are made by the target; what is in them
//! is what runs, nothing is added but ports, secrets and the marker variables.

mod backend;
pub(crate) mod edge;

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use plimsoll_bundle::Digest;
use plimsoll_bundle::canonical::{self, CanonicalError};
use plimsoll_bundle::local::{HealthSpec, LogSpec, WarmUpSpec};
use serde::{Deserialize, Serialize};

pub use backend::Backend;
pub use edge::{Edge, MAX_EDGES, Towards};

use crate::machine::RestartPolicy;

/// Everything needed to run one process and to run it again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Unique in the environment: `backend-2`, `db`, `gateway`. Lower-case letters, digits and `-`, at most 64.
    /// Every start of it adds a generation: `backend-2-17`.
    pub id: String,
    /// What it is.
    pub kind: Kind,
    /// The service, resource or job that it belongs to; for people.
    pub service: String,
    /// The release; for people and for the endpoints document.
    pub release: String,
    /// Program and arguments. The program is an absolute path as the process sees it.
    pub command: Vec<String>,
    /// The whole environment but for ports and secrets. `PATH` and `HOME` are set here or not at all.
    pub env: BTreeMap<String, String>,
    /// Where it starts, as the process sees it.
    pub workdir: String,
    /// Which file tree it sees.
    pub root: Root,
    /// Which namespaces it has.
    #[serde(default, skip_serializing_if = "Isolation::is_shared")]
    pub isolation: Isolation,
    /// Who puts it into these namespaces.
    #[serde(default, skip_serializing_if = "Backend::is_own")]
    pub backend: Backend,
    /// Where others open connections to its ports, when it has a network of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub door: Option<Door>,
    /// What it can connect to, when it has a network of its own; beside this, nothing. At most [`MAX_EDGES`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub edges: Vec<Edge>,
    /// Whom the process runs as that carries the edges; `None` is whom the supervisor runs as.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relay: Option<User>,
    /// Folders in memory that it may write, with their size in bytes; in a tree of its own. `/tmp` is there in any
    /// case, and has the size that is given here or one that is derived from the memory that it may use.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub writable: BTreeMap<PathBuf, u64>,
    /// What it sees beside the system. With [`Root::Host`] `target` is not used, and the sources are what Landlock
    /// allows beside the system.
    pub binds: Vec<Bind>,
    /// Whom it runs as; `None` is whom the supervisor runs as.
    pub user: Option<User>,
    /// Where secret files are written, as the process sees it: `/run/secrets` with [`Root::Tools`] (a private
    /// tmpfs); with [`Root::Host`] a folder of the process alone, made and removed by the shim, in a directory that
    /// exists.
    pub secrets_dir: String,
    /// Limits.
    pub limits: Limits,
    /// Ports by name, on 127.0.0.1.
    pub ports: BTreeMap<String, PortOrder>,
    /// Listening sockets that a keeper binds; empty for every other kind.
    pub listeners: Vec<Listener>,
    /// How much output is kept.
    pub logs: LogSpec,
    /// The signal that asks it to end.
    pub stop_signal: StopSignal,
    /// From that signal to SIGKILL, in milliseconds.
    pub grace_ms: u64,
    /// Longest farewell before that signal, in milliseconds: budgets A and B of DESIGN.md section 6 together.
    pub drain_ms: u64,
    /// How it is asked whether it is well; `None` is ready as soon as it runs.
    pub health: Option<HealthSpec>,
    /// What is asked of it before it is ready.
    pub warm_up: Option<WarmUpSpec>,
    /// When and how often it is started again.
    pub restart: RestartPolicy,
}

impl Order {
    /// The canonical digest of these orders: equal orders, and no others, have it.
    pub fn digest(&self) -> Result<Digest, CanonicalError> {
        canonical::digest(self)
    }

    /// Orders with nothing but a command, on the host's tree, as the caller's user; for a caller to complete.
    pub fn new(id: &str, kind: Kind, command: Vec<String>) -> Self {
        Self {
            id: id.to_owned(),
            kind,
            service: id.to_owned(),
            release: String::new(),
            command,
            env: BTreeMap::new(),
            workdir: "/".to_owned(),
            root: Root::Host,
            isolation: Isolation::Shared,
            backend: Backend::Own,
            door: None,
            edges: Vec::new(),
            relay: None,
            writable: BTreeMap::new(),
            binds: Vec::new(),
            user: None,
            secrets_dir: "/run/secrets".to_owned(),
            limits: Limits::default(),
            ports: BTreeMap::new(),
            listeners: Vec::new(),
            logs: LogSpec {
                max_bytes: 16 << 20,
                keep_ms: 7 * 24 * 3_600_000,
            },
            stop_signal: StopSignal::Term,
            grace_ms: 10_000,
            drain_ms: 0,
            health: None,
            warm_up: None,
            restart: RestartPolicy::default(),
        }
    }
}

/// What a process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A replica of a service.
    Replica,
    /// PostgreSQL, Redis.
    Resource,
    /// Runs to its end.
    Job,
    /// Holds listening sockets and respawns the program that serves them.
    Keeper,
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Replica => "replica",
            Self::Resource => "resource",
            Self::Job => "job",
            Self::Keeper => "keeper",
        })
    }
}

/// Which file tree a process sees.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Root {
    /// This machine's.
    Host,
    /// Its own: `/usr` read-only, an own small `/etc`, `/proc`, a small `/dev`, a private `/tmp`, and the binds.
    Tools,
    /// An image's, with [`Isolation::Contained`] only.
    Image(ImageRoot),
}

/// An image that is unpacked on this machine.
///
/// The tree is shown read-only, and `/proc`, `/dev`, `/tmp` and `/run` are put on top: a read-only tree cannot grow
/// folders, so it must have these, and one for each bind whose target is not below `/run`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ImageRoot {
    /// Where it is unpacked: once for each digest, shared by all that run it.
    pub rootfs: PathBuf,
    /// What names it.
    pub digest: Digest,
}

/// Which namespaces a process has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Isolation {
    /// This machine's, but for the file tree that [`Root`] names.
    #[default]
    Shared,
    /// Its own of every kind, with an init, a network of nothing but its own loopback, limits by the kernel, no
    /// capability and a filter of system calls. Where the kernel refuses a namespace it is not started; where a limit
    /// has no controller it is, and its class says so.
    Contained,
}

impl Isolation {
    /// Whether it is [`Self::Shared`]; so written, it is left out of documents, which then are what they were before
    /// there was another.
    pub fn is_shared(&self) -> bool {
        *self == Self::Shared
    }
}

/// Where others open connections to the ports of a process that has a network of its own.
///
/// A socket called `<instance>.sock` that answers [`crate::protocol::Request::Dial`] for the ports of the orders and
/// nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Door {
    /// A folder that exists, and that those who come can see.
    pub dir: PathBuf,
    /// Who may come, beside root and the shim's own user.
    pub uid: u32,
    /// The user, and the group, of those who come for other programs ([`Order::relay`]).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relays: Option<u32>,
}

/// A file or folder that a process sees.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bind {
    /// Where it lies.
    pub source: PathBuf,
    /// Where the process sees it: an absolute path, not below `/proc`, `/dev`, `/usr` or `/etc`.
    pub target: PathBuf,
    /// Whether the process may write, as far as the permissions let its user.
    pub writable: bool,
}

/// A user that need not exist in this machine's `/etc/passwd`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Its number; not 0.
    pub uid: u32,
    /// Its group's number; it has no other group.
    pub gid: u32,
    /// Its name in the `/etc/passwd` of [`Root::Tools`].
    pub name: String,
    /// Its number and its group's as [`Isolation::Contained`] shows them to itself; `None` is the same as outside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inside: Option<u32>,
}

/// What a process may use.
///
/// `open_files` and core dumps are rlimits and hold everywhere (clamped to the hard limit of this machine). Memory,
/// CPU and processes need a cgroup, which [`Isolation::Contained`] has where the machine lets it; without one they are
/// NOT enforced, and the record of the process says so.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// CPU in thousandths of one; 0 is no limit.
    pub cpu_millis: u32,
    /// Memory in bytes; 0 is no limit.
    pub memory_bytes: u64,
    /// Processes and threads; 0 is no limit.
    pub pids: u32,
    /// Open files; 0 keeps what the supervisor has.
    pub open_files: u64,
}

/// A port of the process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortOrder {
    /// The variable that tells the process its number.
    pub variable: String,
    /// The number in a network of its own, where nobody else can have it; `None` lets the runner choose. Elsewhere
    /// the runner chooses a free one always.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<u16>,
}

/// Listening sockets on one address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listener {
    /// How the server asks for them: `http`, `https`.
    pub name: String,
    /// Where. Port 0 is chosen by the system and kept for the keeper's life.
    pub address: SocketAddr,
    /// Sockets that share the address, one per accepting thread; 1 to 16.
    pub count: u32,
}

/// The signal that asks a process to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StopSignal {
    /// SIGTERM.
    Term,
    /// SIGINT: what PostgreSQL calls a fast shutdown.
    Int,
    /// SIGQUIT.
    Quit,
}
