//! Rate limits.

use serde::{Deserialize, Serialize};

use crate::units::Rate;

/// A bucket per client. The most specific route's limit is charged, and no other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// Requests in a span.
    pub rate: Rate,
    /// Requests that may come at once; the rate's count unless given.
    pub burst: u64,
    /// What makes a client: the first that a request has.
    pub by: Vec<LimitKey>,
    /// The requests that it is for, of those of its route: `scope:NAME`; absent is all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// The resource (Redis) in which replicas of the edge share the buckets; absent: each has its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shared: Option<String>,
}

/// What tells one client from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LimitKey {
    /// The subject of a bearer token.
    User,
    /// An API key.
    Key,
    /// The client's address.
    Ip,
}
