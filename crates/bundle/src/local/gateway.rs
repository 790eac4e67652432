//! What the gateway does: routes, limits, headers, TLS. Where the replicas are is not here but in
//! [`crate::endpoints`].

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::header::Header;
use super::service::{DrainSpec, Probe};
use crate::Digest;

/// The whole edge of one environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GatewayTable {
    /// `plimsoll.gateway-table`, version 1.
    #[serde(flatten)]
    pub header: Header,
    /// The release that it belongs to is known to whoever puts the table; the app's name is for logs.
    pub app: String,
    /// The environment's name, for logs.
    pub environment: String,
    /// Ports of this machine.
    pub listeners: Listeners,
    /// TLS, where there is an https listener.
    pub tls: TlsSpec,
    /// Response headers that every answer carries, complete and in lower case. Set, never added.
    pub headers: Vec<HeaderValue>,
    /// Encodings for answers that are not yet compressed, best first.
    pub compress: Vec<Encoding>,
    /// Rate limits by name.
    pub limits: BTreeMap<String, RateLimit>,
    /// Routes; the longest path wins, then the order here.
    pub routes: Vec<RouteSpec>,
    /// What the gateway knows of each service that routes name.
    pub services: BTreeMap<String, GatewayService>,
    /// Networks (CIDR) whose `x-forwarded-for` is believed.
    pub trusted: Vec<String>,
    /// Networks (CIDR) that may reach anything here; empty is all.
    pub allow: Vec<String>,
    /// A page instead of the app, for all but its own list.
    pub maintenance: Option<MaintenanceSpec>,
    /// `max-age` of static files whose names hold a hash.
    pub cache_hashed_s: u64,
}

impl GatewayTable {
    /// The name of this format.
    pub const FORMAT: &'static str = "plimsoll.gateway-table";
    /// The version that this tool writes, and the newest that it reads.
    pub const VERSION: u32 = 1;
}

/// A page instead of the app: 503 with `retry-after`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MaintenanceSpec {
    /// When to come back.
    pub retry_after_s: u64,
    /// Networks (CIDR) that still reach the app.
    pub allow: Vec<String>,
}

/// Ports of this machine that the keeper binds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listeners {
    /// Plain HTTP.
    pub http: Option<u16>,
    /// HTTP over TLS.
    pub https: Option<u16>,
    /// Metrics of the gateway in the text format of Prometheus, on 127.0.0.1 only.
    #[serde(default)]
    pub metrics: Option<u16>,
}

/// TLS at the edge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TlsSpec {
    /// Lowest version accepted.
    pub min: TlsVersion,
    /// Who issues certificates.
    pub issuer: TlsIssuer,
    /// Every name that a certificate must cover.
    pub names: Vec<String>,
    /// Whether plain HTTP is answered with a redirect.
    pub redirect: bool,
}

/// A TLS version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TlsVersion {
    /// TLS 1.2.
    #[serde(rename = "1.2")]
    V1_2,
    /// TLS 1.3.
    #[serde(rename = "1.3")]
    V1_3,
}

/// Who issues certificates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TlsIssuer {
    /// The instance's own authority, constrained to names of this machine.
    Local,
    /// An ACME authority.
    Acme,
    /// Files that somebody else keeps fresh.
    Files,
}

/// One response header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeaderValue {
    /// Lower-case name.
    pub name: String,
    /// The whole value.
    pub value: String,
    /// Whether it is sent over TLS only (strict-transport-security).
    pub tls_only: bool,
}

/// A content encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// Brotli.
    Br,
    /// Zstandard.
    Zstd,
    /// Gzip.
    Gzip,
}

/// A rate limit: a bucket per key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RateLimit {
    /// Requests per period.
    pub requests: u64,
    /// The period.
    pub per_ms: u64,
    /// Requests that may come at once.
    pub burst: u64,
    /// What makes a client: the first key that a request has is taken.
    pub by: Vec<LimitKey>,
    /// The Redis in which gateways share the buckets, by the name of its resource. The gateway finds its address, which
    /// holds a password, in a file of that name beside the table. Left out where each gateway has its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shared: Option<String>,
}

/// What tells one client from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LimitKey {
    /// The subject of a bearer token (not verified here: a forged one only limits itself).
    User,
    /// An `x-api-key` header.
    Key,
    /// The client's address (an IPv6 /64 counts as one).
    Ip,
}

/// A route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a key of the app's file, independent of the others"
)]
pub struct RouteSpec {
    /// Its name in the app's file.
    pub name: String,
    /// Host names; `*.` at the start stands for one label. Empty is every host.
    pub hosts: Vec<String>,
    /// Path prefix at segment borders.
    pub path: String,
    /// Only this path, and nothing below it.
    pub exact: bool,
    /// Methods; empty is all. A route with methods is more specific than one without.
    pub methods: Vec<String>,
    /// Whether `path` is taken off before the service sees it.
    pub strip: bool,
    /// Where requests go.
    pub to: Destination,
    /// The name of its rate limit.
    pub limit: Option<String>,
    /// Upper bound of a request body.
    pub body_bytes: u64,
    /// Time from the request's end to the response's head.
    pub timeout_ms: u64,
    /// Cross-origin rules.
    pub cors: Option<CorsSpec>,
    /// Whether connections may be upgraded (WebSocket).
    pub upgrade: bool,
    /// Addresses (CIDR) that may use it; empty is all.
    pub allow: Vec<String>,
    /// Headers of this route that replace those of the table.
    pub headers: Vec<HeaderValue>,
    /// Whether answers are streams of events, never compressed or held back.
    pub stream: bool,
    /// `cache-control` of successful answers, where the route sets it.
    pub cache_control: Option<String>,
    /// How long the gateway keeps answers at most, and those that say nothing themselves. Left out where it keeps none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_ms: Option<u64>,
}

/// Where a route's requests go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Destination {
    /// A program.
    Service {
        /// The service's name.
        service: String,
        /// The port's name.
        port: String,
    },
    /// A folder of files.
    Files {
        /// The service's name.
        service: String,
        /// The folder's content.
        artefact: Digest,
        /// The page for paths that no file answers.
        spa: Option<String>,
        /// Served as `/config.json`.
        settings: BTreeMap<String, String>,
    },
}

/// Cross-origin rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CorsSpec {
    /// Exact origins.
    pub origins: Vec<String>,
    /// Methods.
    pub methods: Vec<String>,
    /// Request headers that scripts may set.
    pub headers: Vec<String>,
    /// Response headers that scripts may read.
    pub expose: Vec<String>,
    /// Whether cookies and authorization may be sent.
    pub credentials: bool,
    /// How long a browser may keep the answer.
    pub max_age_s: u64,
}

/// What the gateway knows of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GatewayService {
    /// Its own readiness probe.
    pub readiness: Probe,
    /// The budgets of a farewell.
    pub drain: DrainSpec,
    /// What keeps one client on one side of a change. Left out where nothing does, so that tables of before stay as
    /// they are.
    #[serde(default, skip_serializing_if = "Sticky::is_none")]
    pub sticky: Sticky,
    /// The name in the certificate of its replicas, where they are spoken to by mutual TLS: on TCP addresses, which may
    /// have a network between. The gateway's own certificate lies beside the table. Left out where they are not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mutual_tls: Option<String>,
}

/// What keeps one client on one side of a change of releases.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sticky {
    /// Nothing: each request is drawn anew.
    #[default]
    None,
    /// A cookie; for a client without one, its address and its user agent.
    Cookie,
}

impl Sticky {
    /// Whether nothing does.
    pub fn is_none(&self) -> bool {
        *self == Self::None
    }
}
