//! `plimsoll.status`: every process of ours in one environment, and where it can be reached.

use plimsoll_bundle::Digest;
use plimsoll_bundle::local::Header;
use plimsoll_deploy::Release;
use plimsoll_supervisor::GroupUsage;
use serde::{Deserialize, Serialize};

/// The whole status. Stable: fields are added, never changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// `plimsoll.status`, version 1.
    #[serde(flatten)]
    pub header: Header,
    /// The app's name.
    pub app: String,
    /// The environment.
    pub environment: String,
    /// The app's name and a hash of the project's path: tells two clones apart.
    pub instance: String,
    /// Whether it is up.
    pub phase: Phase,
    /// The release in force.
    pub release: Option<String>,
    /// The images of that release. A service that runs with this machine's own programs has none.
    #[serde(default)]
    pub images: Vec<ServiceImage>,
    /// Every process of ours, supervisor and gateway included.
    pub processes: Vec<ProcessStatus>,
    /// Where people and programs reach the app.
    pub urls: Vec<String>,
}

/// The image of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceImage {
    /// The service.
    pub service: String,
    /// The digest of the image's manifest: what `build` prints, and what a registry knows it by.
    pub digest: Digest,
}

impl ServiceImage {
    /// The images of `release`, by service.
    pub(crate) fn of(release: &Release) -> Vec<Self> {
        let images = release.parts.images.iter();
        let image = |(service, digest): (&String, &Digest)| Self {
            service: service.clone(),
            digest: digest.clone(),
        };
        images.map(image).collect()
    }
}

impl Status {
    /// The name of this format.
    pub const FORMAT: &'static str = "plimsoll.status";
    /// The version that this tool writes.
    pub const VERSION: u32 = 1;
}

/// Whether an environment is up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// No process of ours runs.
    Down,
    /// Something runs, and not all of it is ready.
    Changing,
    /// All that is asked for is ready.
    Up,
    /// No supervisor lives; what runs goes on unattended until the next `up`.
    Unattended,
}

/// One process of ours.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProcessStatus {
    /// What it is.
    pub kind: ProcessKind,
    /// Its name, unique within the environment.
    pub name: String,
    /// The service or resource that it belongs to, where it belongs to one.
    pub of: Option<String>,
    /// Its process id, while it runs.
    pub pid: Option<u32>,
    /// Its state.
    pub state: ProcessState,
    /// What holds it in, as observed: `by convention`, `confined` or `contained`.
    pub isolation: String,
    /// The OCI runtime that brought it up, where one did: `runc`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime: Option<String>,
    /// CPU time of it and its children since its start, in milliseconds.
    pub cpu_ms: u64,
    /// CPU use since the last look, in thousandths of one CPU; `None` on the first look.
    pub cpu_millis: Option<u32>,
    /// Resident memory of it and its children.
    pub rss_bytes: u64,
    /// Restarts since it was asked for.
    pub restarts: u32,
    /// The release that it runs.
    pub release: Option<String>,
    /// Why it is not ready, where it is not.
    pub reason: Option<String>,
    /// How it ended the last time, where it has.
    #[serde(default)]
    pub last_exit: Option<String>,
    /// Each control that holds it in, and each that was wanted and does not.
    #[serde(default)]
    pub controls: Vec<String>,
    /// What its kernel group counts, where it has one: memory, CPU, how often it was held back, and kills for want of
    /// memory.
    #[serde(default)]
    pub group: Option<GroupUsage>,
}

/// What a process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProcessKind {
    /// Decides what runs.
    Supervisor,
    /// Holds the listening sockets and brings the gateway back.
    Keeper,
    /// The edge.
    Gateway,
    /// PostgreSQL, Redis.
    Resource,
    /// A replica of a service.
    Replica,
    /// A program that runs to its end.
    Job,
    /// Holds one of the processes above.
    Shim,
}

/// The state of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProcessState {
    /// Runs, and has not yet said that it is well.
    Starting,
    /// Well.
    Ready,
    /// Runs, and says that it is not well.
    Unready,
    /// Gets nothing new, and finishes what it has.
    Draining,
    /// Ended as asked, or not begun.
    Stopped,
    /// Ended or failed, and will be started again.
    Restarting,
    /// Given up after too many failures.
    Failed,
}
