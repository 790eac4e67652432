//! What travels over the control socket.

use plimsoll_bundle::endpoints::{Cohort, Endpoints, Traffic};
use plimsoll_bundle::local::GatewayTable;
use serde::{Deserialize, Serialize};

/// Protocol versions that this build speaks, oldest and newest.
pub(crate) const PROTO: [u32; 2] = [1, 1];

/// The first message of a caller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// Oldest and newest protocol version that it speaks.
    pub proto: [u32; 2],
    /// Name and version of the tool.
    pub tool: String,
    /// The instance (name and hash of the path) that it works for.
    pub instance: String,
    /// The caller's fence: mutations of an epoch older than the newest one seen are refused.
    pub epoch: u64,
}

impl Hello {
    /// A hello of this build.
    pub fn new(instance: &str, epoch: u64) -> Self {
        Self {
            proto: PROTO,
            tool: concat!("plimsoll ", env!("CARGO_PKG_VERSION")).to_owned(),
            instance: instance.to_owned(),
            epoch,
        }
    }
}

/// The gateway's answer to a hello.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Info {
    /// Oldest and newest protocol version that it speaks.
    pub proto: [u32; 2],
    /// Name and version of the gateway's build.
    pub tool: String,
    /// The gateway's process id.
    pub pid: u32,
    /// Generation of the table in force; 0 before the first.
    pub table_generation: u64,
    /// Generation of the endpoints in force; 0 before the first.
    pub endpoints_generation: u64,
    /// The newest epoch that it has seen.
    pub epoch: u64,
}

/// What a caller may ask for.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "kebab-case")]
pub(crate) enum Request {
    Hello(Hello),
    TablePut {
        generation: u64,
        table: Box<GatewayTable>,
    },
    EndpointsPut {
        endpoints: Endpoints,
    },
    Status,
    Drain {
        endpoint: String,
    },
    Pause {
        service: String,
        pause: Pause,
    },
    Resume {
        service: String,
    },
    Metrics,
    /// The samples of replicas whose id is above `after`.
    Samples {
        after: String,
    },
    Shutdown,
    /// Another gateway serves the same sockets from now on.
    Succeed,
}

/// What the gateway answers.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "kebab-case")]
pub(crate) enum Reply {
    Hello(Info),
    Done,
    Status(Box<Status>),
    Drained(Drained),
    Metrics { text: String },
    Samples { samples: Vec<Sample>, more: bool },
    Refused { code: Refusal, message: String },
}

/// Why a request was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    /// No common protocol version, or the first message was no hello.
    Protocol,
    /// The peer's uid may not use this socket.
    Peer,
    /// A newer supervisor has spoken already.
    StaleEpoch,
    /// The generation is lower than the one in force, or equal with another content.
    StaleGeneration,
    /// The document cannot be used; the message says why.
    Invalid,
    /// There is no such endpoint, or service.
    Unknown,
    /// The gateway could not store it; nothing changed.
    Storage,
}

/// How a service is paused. What is over its bounds is answered with 503 and `retry-after`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// How long a request waits at most.
    pub wait_ms: u64,
    /// Requests that wait at once at most; more than 4096 is 4096.
    pub held: u32,
    /// When the pause ends by itself, so that nothing stays paused when who asked for it is gone; at most ten minutes.
    pub lasts_ms: u64,
}

/// What a drain ended with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drained {
    /// Requests still in flight when the budget was over; 0 is a clean farewell.
    pub requests_left: u32,
    /// WebSocket and event-stream connections still open when the budget was over.
    pub sockets_left: u32,
    /// How long it took.
    pub waited_ms: u64,
}

/// Whether the gateway's own readiness probe agrees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    /// Not yet probed.
    Unknown,
    /// Takes traffic.
    Ready,
    /// Failed its probes, or a connection to it failed and no probe has succeeded since.
    Unready,
}

/// The gateway now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The gateway's process id.
    pub pid: u32,
    /// Generation of the table in force; 0 before the first.
    pub table_generation: u64,
    /// Generation of the endpoints in force; 0 before the first.
    pub endpoints_generation: u64,
    /// Time since start.
    pub uptime_ms: u64,
    /// Open client connections.
    pub connections: u64,
    /// Requests in flight, tunnels and event streams included.
    pub in_flight: u64,
    /// WebSocket and event-stream connections.
    pub sockets: u64,
    /// Whether it is saying farewell itself.
    pub draining: bool,
    /// The certificate, where TLS is served.
    pub tls: Option<TlsStatus>,
    /// One entry per replica of the endpoints document.
    pub endpoints: Vec<EndpointStatus>,
    /// One entry per route of the table.
    pub routes: Vec<RouteStatus>,
    /// Services that are paused, with the requests that wait.
    #[serde(default)]
    pub paused: Vec<(String, u32)>,
    /// What a person should know: a table that could not be read, a certificate that could not be loaded.
    pub notes: Vec<String>,
}

/// The certificate in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TlsStatus {
    /// How often a certificate was loaded since start.
    pub loads: u64,
    /// Certificates in the chain.
    pub chain: usize,
}

/// One replica as the gateway sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointStatus {
    /// The service's name.
    pub service: String,
    /// The replica's id.
    pub id: String,
    /// The release that it runs.
    pub release: String,
    /// What the gateway's probe says.
    pub health: Health,
    /// What the endpoints document says.
    pub traffic: Traffic,
    /// Its share relative to its siblings.
    pub weight: u32,
    /// Requests in flight, without sockets.
    pub in_flight: u32,
    /// WebSocket and event-stream connections.
    pub sockets: u32,
    /// Requests sent to it since start.
    pub requests: u64,
    /// Requests that it failed: no connection, connection lost, no answer in time.
    pub failures: u64,
    /// Why the last failed probe failed.
    pub last_error: Option<String>,
}

/// What one replica did since it was first listed. Numbers only rise, also when the replica goes from one cohort to
/// another, and stay for a while after it left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// The service's name.
    pub service: String,
    /// The replica's id.
    pub id: String,
    /// The release that it runs.
    pub release: String,
    /// Its part in a change, as the last endpoints document with it said.
    pub cohort: Cohort,
    /// Requests sent to it, repetitions included. Those that are not in `classes` are in flight, or the client gave up.
    pub requests: u64,
    /// Its answers: 1xx to 5xx at index 1 to 5; requests that it did not answer at index 0.
    pub classes: [u64; 6],
    /// Requests that it failed: answered with 5xx, not answered (also where another replica then answered the client),
    /// or broken off in mid-answer.
    pub failed: u64,
    /// When the first request was sent to it, in milliseconds since the Unix epoch.
    pub first_ms: Option<u64>,
    /// When the last one was.
    pub last_ms: Option<u64>,
    /// From sending to an answer in hand (its first 64 KiB, or the head of a stream): the longest latency of a bucket
    /// in microseconds, and how many answers are in it. At most 3 % wide, ascending, without empty ones.
    pub latency: Vec<(u64, u64)>,
}

/// One route's counts since start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteStatus {
    /// The route's name in the app's file.
    pub name: String,
    /// Answers by status class: 1xx, 2xx, 3xx, 4xx, 5xx.
    pub classes: [u64; 5],
}
