//! What the app needs and does not build.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::units::{Bytes, CpuMillis, DurationMs, HostPort};

/// A database, a cache, a store: run by Plimsoll, or somebody else's by its `address`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resource {
    /// What it is.
    pub kind: ResourceKind,
    /// Its major version, as its makers write it; empty: whatever is there.
    pub version: String,
    /// Where it is, when somebody else runs it; absent: Plimsoll does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<HostPort>,
    /// The secret with the password or key for `address`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// Database or bucket; the app's name, in the form that the kind allows, unless given.
    pub name: String,
    /// The user that the app is there; the same as `name` unless given.
    pub user: String,
    /// PostgreSQL: connections that it accepts at most.
    pub max_connections: u32,
    /// PostgreSQL: connections that the app leaves to people, backups and migrations.
    pub reserve: u32,
    /// PostgreSQL: extensions that are made before the first migration.
    pub extensions: Vec<String>,
    /// PostgreSQL: a query is cancelled after this; 0 is never.
    pub statement_timeout: DurationMs,
    /// PostgreSQL: statements slower than this are logged; 0 logs none.
    pub slow_query: DurationMs,
    /// Other settings of the server.
    pub settings: BTreeMap<String, String>,
    /// Disk.
    pub storage: Bytes,
    /// Memory: of Redis for data, of PostgreSQL as a whole.
    pub memory: Bytes,
    /// CPU that it asks for.
    pub cpu: CpuMillis,
    /// Whether its content has to survive.
    pub class: DataClass,
    /// Copies of it.
    pub replicas: Replicas,
    /// Whether clients have to use TLS, on targets with a network between.
    pub tls: bool,
    /// The region of an object store.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
}

impl Resource {
    /// Whether somebody else runs it.
    pub const fn is_external(&self) -> bool {
        self.address.is_some()
    }
}

/// What a resource is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ResourceKind {
    /// PostgreSQL.
    Postgres,
    /// Redis.
    Redis,
    /// A SQLite file: one writer, so one replica.
    Sqlite,
    /// Object storage with the S3 protocol.
    S3,
    /// A mail server.
    Smtp,
    /// An HTTP service of somebody else.
    Http,
}

/// Whether content has to survive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DataClass {
    /// Persistent, never evicted, backed up.
    State,
    /// May be lost and evicted; restored empty.
    Cache,
}

/// Copies of a resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Replicas {
    /// Copies that answer reads.
    pub read: u32,
    /// Copies that take over.
    pub standby: u32,
}
