//! A service as this machine runs it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::ImageSpec;
use crate::Digest;

/// A service: a program with replicas, or a folder that the gateway serves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum ServiceSpec {
    /// A long-running program. (Boxed: it is many times the size of the other variant.)
    Program(Box<ProgramSpec>),
    /// A folder of static files.
    Static(StaticSpec),
}

/// A long-running program and everything that one replica of it needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgramSpec {
    /// The artefact: a folder that a replica sees as `/app` where it does not run from the image. A service that is
    /// given as an image has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artefact: Option<Digest>,
    /// The image that it runs from where processes can be contained. Releases of older tools have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageSpec>,
    /// Program and arguments; the program is an absolute path, usually below `/app`.
    pub command: Vec<String>,
    /// Environment of every replica, without what `ports`, `needs` and `secrets` add.
    pub env: BTreeMap<String, String>,
    /// Declared ports by name. `http` reaches the program as `PORT`, `metrics` as `METRICS_PORT`, any other as
    /// `PORT_<NAME>`. The number is the port where a replica has a network of its own.
    pub ports: BTreeMap<String, u16>,
    /// What it talks to, with the variables that carry the addresses.
    pub needs: BTreeMap<String, NeedSpec>,
    /// Secrets by name.
    pub secrets: BTreeMap<String, SecretSpec>,
    /// Writable folders by name.
    pub volumes: BTreeMap<String, VolumeSpec>,
    /// CPU, memory and process limits of one replica.
    pub limits: Limits,
    /// How many replicas there may be.
    pub scale: ScaleSpec,
    /// How it says that it is well.
    pub health: HealthSpec,
    /// What is sent to a new replica before it may be ready.
    pub warm_up: Option<WarmUpSpec>,
    /// What runs once per release before its replicas.
    pub migrate: Option<MigrateSpec>,
    /// What fills a development environment, after the migration.
    pub seed: Option<CommandSpec>,
    /// How much of its output is kept.
    pub logs: LogSpec,
    /// The budgets of a farewell.
    pub drain: DrainSpec,
    /// `host:port` that it may reach outside; empty is none.
    pub egress: Vec<String>,
    /// Folders in memory that it may write, with their size in bytes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub writable: BTreeMap<String, u64>,
}

/// A folder of static files, served by the gateway.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StaticSpec {
    /// The artefact: the folder, with precompressed siblings.
    pub artefact: Digest,
    /// The image of the same files with a server of their own, which other targets run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<Digest>,
    /// The page for paths that no file answers, relative to the folder.
    pub spa: Option<String>,
    /// Served as `/config.json`.
    pub settings: BTreeMap<String, String>,
}

/// A thing that a service talks to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NeedSpec {
    /// The resource or the service.
    pub to: String,
    /// The port's name, where `to` is a service.
    pub port: Option<String>,
    /// The variable that carries the address. By file it is `<variable>_FILE` and holds a path.
    pub variable: String,
    /// How the address, which may hold a password, is handed over.
    pub by: SecretMeans,
    /// How a resource of this machine is reached.
    #[serde(default, skip_serializing_if = "Over::is_unix")]
    pub over: Over,
    /// Whether the service starts without it.
    pub optional: bool,
    /// Connection pool settings, where the need has a pool.
    pub pool: Option<PoolSpec>,
    /// Further variables, such as time-to-live settings, by name.
    pub env: BTreeMap<String, String>,
}

/// How PostgreSQL or Redis of this machine is reached.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Over {
    /// By its Unix socket.
    #[default]
    Unix,
    /// By TCP, for a client that knows no Unix sockets.
    Tcp,
}

impl Over {
    /// Whether it is [`Self::Unix`]; so written, it is left out of documents, which then are what they were before
    /// there was another.
    pub fn is_unix(&self) -> bool {
        *self == Self::Unix
    }
}

/// A connection pool: how large, and which variables say so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolSpec {
    /// Connections per replica.
    pub size: u32,
    /// The variable that carries `size`.
    pub size_variable: Option<String>,
    /// Connections that a replica keeps open when idle.
    pub idle: u32,
    /// The variable that carries `idle`.
    pub idle_variable: Option<String>,
    /// The connections that the resource allows in all.
    pub max: Option<u32>,
    /// The variable that carries `max`.
    pub max_variable: Option<String>,
}

/// A secret as a service receives it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretSpec {
    /// The variable. By file it is `<variable>_FILE` and holds a path.
    pub variable: String,
    /// File or environment.
    pub by: SecretMeans,
}

/// How a secret reaches a replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SecretMeans {
    /// As a file on a private tmpfs.
    File,
    /// As an environment variable, because the service declares that it can do no better.
    Env,
}

/// A writable folder that outlives replicas.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VolumeSpec {
    /// Where the replica sees it.
    pub mount: String,
    /// Upper bound of its content.
    pub size_bytes: u64,
    /// The variable that carries the path.
    pub variable: Option<String>,
}

/// Limits of one replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// CPU that is reserved, in thousandths of one.
    pub cpu_request_millis: u64,
    /// CPU that it may use, in thousandths of one.
    pub cpu_limit_millis: u64,
    /// Memory that is reserved.
    pub memory_request_bytes: u64,
    /// Memory that it may use.
    pub memory_limit_bytes: u64,
    /// Processes and threads that it may have.
    pub pids: u32,
    /// Files that it may have open.
    pub files: u32,
}

/// How many replicas there may be, and what moves the count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScaleSpec {
    /// Never fewer.
    pub min: u32,
    /// Never more.
    pub max: u32,
    /// At the first start.
    pub initial: u32,
    /// CPU used over CPU requested that scaling aims at, in thousandths of a percent.
    pub cpu_target: Option<u32>,
    /// Memory used over memory requested that scaling aims at, in thousandths of a percent.
    pub memory_target: Option<u32>,
}

/// How a replica says that it is well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthSpec {
    /// Until the first success nothing else is asked.
    pub startup: Probe,
    /// Withdraws traffic, and gives it back.
    pub readiness: Probe,
    /// Restarts.
    pub liveness: Probe,
    /// The time from start to the first startup success, at the most.
    pub start_within_ms: u64,
}

/// One probe, sent from outside the replica, again and again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// What is asked.
    #[serde(flatten)]
    pub check: Check,
    /// Time between two probes.
    pub every_ms: u64,
    /// Time for one answer.
    pub timeout_ms: u64,
    /// Failures in a row that count.
    pub failures: u32,
}

/// What a probe asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "check", rename_all = "lowercase")]
pub enum Check {
    /// `GET path`; 200 to 399 is a success.
    Get {
        /// The port's name.
        port: String,
        /// The path, with query.
        path: String,
    },
    /// That a connection is accepted.
    Connect {
        /// The port's name.
        port: String,
    },
    /// That the process lives: it has no port to ask.
    Alive,
}

/// Requests that a new replica answers before it may be ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WarmUpSpec {
    /// `GET /path`, one after the other.
    pub requests: Vec<String>,
    /// Time for all of them.
    pub within_ms: u64,
}

/// A program that runs to its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandSpec {
    /// Program and arguments, with the service's own artefact, environment, needs and secrets.
    pub command: Vec<String>,
    /// Time for it.
    pub within_ms: u64,
}

/// The migration of a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MigrateSpec {
    /// Brings the schema up to date.
    pub command: Vec<String>,
    /// Prints `{"head":…,"compatible_from":…}`.
    pub status: Vec<String>,
    /// How long a statement may wait for a lock.
    pub lock_timeout_ms: u64,
    /// Time for the whole migration.
    pub within_ms: u64,
    /// Whether it is tried on a copy of the schema first.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub dry_run: bool,
}

fn yes() -> bool {
    true
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature that serde asks for"
)]
fn is_yes(value: &bool) -> bool {
    *value
}

/// A job on a schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobSpec {
    /// The service whose artefact, environment, needs and secrets it has.
    pub service: String,
    /// Program and arguments.
    pub command: Vec<String>,
    /// Five cron fields, UTC.
    pub at: String,
    /// More variables.
    pub env: BTreeMap<String, String>,
    /// Time for one run.
    pub within_ms: u64,
}

/// How much output is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogSpec {
    /// Bytes per replica, rotated files included.
    pub max_bytes: u64,
    /// Age of the oldest line.
    pub keep_ms: u64,
}

/// The budgets of a farewell (DESIGN.md section 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrainSpec {
    /// Budget A: requests in flight.
    pub requests_ms: u64,
    /// Budget B: WebSocket and event-stream connections.
    pub sockets_ms: u64,
    /// From SIGTERM to SIGKILL.
    pub grace_ms: u64,
}
