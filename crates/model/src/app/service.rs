//! A long-running program of the app, or a folder of static files.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::build::{Build, StaticBuild};
use super::health::{Check, Health, WarmUp};
use super::needs::{Need, SecretUse};
use super::scale::{CpuBudget, Disruption, MemoryBudget, Scale, Spread};
use crate::units::{Bytes, DurationMs, HostPort};

/// A long-running program of the app, or a folder of static files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// Where its files come from.
    pub build: Build,
    /// Program and arguments; empty: the image's own entrypoint, or `/app/BIN` of a Cargo build.
    pub run: Vec<String>,
    /// Ports by name; `http` is the one that routes take, `metrics` the one that is scraped. A replica that shares the
    /// machine's network is told another one in `PORT` and `METRICS_PORT`.
    #[serde(rename = "port")]
    pub ports: BTreeMap<String, u16>,
    /// Variables.
    pub env: BTreeMap<String, String>,
    /// Feature flags: variables too, listed apart, changed without a build.
    pub flags: BTreeMap<String, String>,
    /// Served to browsers as `/config.json`, for static services.
    pub settings: BTreeMap<String, String>,
    /// CPU of one replica.
    pub cpu: CpuBudget,
    /// Memory of one replica.
    pub memory: MemoryBudget,
    /// Processes and threads of one replica.
    pub pids: u32,
    /// Open files of one replica.
    pub files: u32,
    /// How many replicas.
    pub scale: Scale,
    /// What a drain of machines has to leave.
    pub disruption: Disruption,
    /// Where replicas go.
    pub spread: Spread,
    /// Logs of one replica.
    pub logs: Logs,
    /// Addresses outside the app that it may reach; empty is none.
    pub egress: Vec<HostPort>,
    /// How a replica says farewell.
    pub drain: Drain,
    /// Resources and services that have to be there first.
    pub needs: BTreeMap<String, Need>,
    /// Secrets that it reads.
    pub secrets: BTreeMap<String, SecretUse>,
    /// Probes.
    pub health: Health,
    /// Requests before a replica may be ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warm_up: Option<WarmUp>,
    /// Database migration, once per release and before its replicas.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub migrate: Option<Migrate>,
    /// Data for development, once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<Seed>,
    /// Folders that outlive a replica.
    #[serde(rename = "volume")]
    pub volumes: BTreeMap<String, Volume>,
    /// Where metrics are.
    pub metrics: MetricsEndpoint,
    /// The user id inside, never 0; a given image's own, or 1001, unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<u32>,
    /// The group id inside; never 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<u32>,
    /// Folders in memory that it may write, beside its volumes; all else is read-only.
    pub writable: BTreeMap<String, Bytes>,
    /// The people who answer for it; the app's owner unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
}

impl Service {
    /// The files for browsers, when that is all that the service is.
    pub const fn as_static(&self) -> Option<&StaticBuild> {
        match &self.build {
            Build::Static(files) => Some(files),
            Build::Cargo(_) | Build::Command(_) | Build::Docker(_) | Build::Image(_) => None,
        }
    }

    /// What the startup probe does.
    pub fn startup_check(&self) -> Check<'_> {
        self.check(
            &self.health.startup.port,
            self.health.startup.get.as_deref(),
        )
    }

    /// What the readiness probe does.
    pub fn readiness_check(&self) -> Check<'_> {
        self.check(
            &self.health.readiness.port,
            self.health.readiness.get.as_deref(),
        )
    }

    /// What the liveness probe does.
    pub fn liveness_check(&self) -> Check<'_> {
        self.check(
            &self.health.liveness.port,
            self.health.liveness.get.as_deref(),
        )
    }

    fn check<'a>(&self, port: &'a str, path: Option<&'a str>) -> Check<'a> {
        match (self.ports.contains_key(port), path) {
            (false, _) => Check::Alive,
            (true, None) => Check::Connect { port },
            (true, Some(path)) => Check::Get { port, path },
        }
    }
}

/// Logs of one replica.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Logs {
    /// What its lines are.
    pub format: LogFormat,
    /// How long they are kept.
    pub keep: DurationMs,
    /// The most disk that they take.
    pub max: Bytes,
}

/// What lines of a log are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One JSON object each.
    Json,
    /// Text.
    Text,
}

/// How a replica says farewell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Drain {
    /// Time for requests in flight.
    pub requests: DurationMs,
    /// Time for WebSocket and SSE connections.
    pub sockets: DurationMs,
    /// Time from SIGTERM to SIGKILL.
    pub grace: DurationMs,
}

/// Database migration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Migrate {
    /// Program and arguments.
    pub run: Vec<String>,
    /// Program and arguments that print `{"head":…,"compatible_from":…}`; empty: it has none.
    pub status: Vec<String>,
    /// Program and arguments that go back one step; empty: it cannot.
    pub down: Vec<String>,
    /// Whether it is tried on a copy of the schema first.
    pub dry_run: bool,
    /// Time to wait for locks.
    pub lock_timeout: DurationMs,
    /// Time for the whole migration.
    pub within: DurationMs,
}

/// Data for development.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seed {
    /// Program and arguments.
    pub run: Vec<String>,
    /// Time for it.
    pub within: DurationMs,
}

/// A folder that outlives a replica.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Volume {
    /// Where it is inside.
    pub mount: String,
    /// Its size.
    pub size: Bytes,
    /// How many replicas may write it at once.
    pub access: VolumeAccess,
    /// The variable with the path.
    #[serde(rename = "as", skip_serializing_if = "Option::is_none")]
    pub variable: Option<String>,
}

/// How many replicas may write a volume at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VolumeAccess {
    /// One, so the service has one replica.
    One,
    /// Many, which the target's storage has to allow.
    Many,
}

/// Where metrics are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetricsEndpoint {
    /// The port's name; without such a port nothing is scraped.
    pub port: String,
    /// The path.
    pub path: String,
}
