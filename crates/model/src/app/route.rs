//! Host and path to service.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::units::{Bytes, DurationMs, Origin, PortRef};

/// What the gateway does with requests for a host and a path. The most specific route wins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a key of its own in the file"
)]
pub struct Route {
    /// Host names; `*.` at the start stands for one label; empty is every host.
    pub hosts: Vec<String>,
    /// The path and everything below it.
    pub path: String,
    /// Only this path, and nothing below it.
    pub exact: bool,
    /// Methods; empty is all. A route with methods is more specific than one without.
    pub methods: Vec<String>,
    /// The service's port.
    pub to: PortRef,
    /// Whether `path` is taken off before the service sees it.
    pub strip: bool,
    /// The name of its limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<String>,
    /// Further limits with a `when`, the first that fits being charged instead.
    pub tiers: Vec<String>,
    /// The largest request body.
    pub body: Bytes,
    /// From the request's end to the answer's head.
    pub timeout: DurationMs,
    /// Cross-origin rules; absent: no other origin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cors: Option<Cors>,
    /// Whether connections may be upgraded (WebSocket).
    pub upgrade: bool,
    /// Whether answers are streams of events, never compressed or held back.
    pub stream: bool,
    /// Networks (CIDR) that may use it; empty is all.
    pub allow: Vec<String>,
    /// Response headers of this route that replace those of the edge, by lower-case name.
    pub headers: BTreeMap<String, String>,
    /// What browsers and proxies may keep.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache: Option<Cache>,
}

/// Cross-origin rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cors {
    /// Exact origins.
    pub origins: Vec<Origin>,
    /// Methods.
    pub methods: Vec<String>,
    /// Request headers that scripts may set.
    pub headers: Vec<String>,
    /// Response headers that scripts may read.
    pub expose: Vec<String>,
    /// Whether cookies and authorization may be sent.
    pub credentials: bool,
    /// How long a browser may keep the answer.
    pub max_age: DurationMs,
}

/// What browsers and proxies may keep.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cache {
    /// `max-age`.
    pub max_age: DurationMs,
    /// Whether proxies may keep it too.
    pub public: bool,
    /// Whether it never changes.
    pub immutable: bool,
    /// How long the gateway itself keeps answers at most; 0 is not at all.
    pub edge: DurationMs,
}
