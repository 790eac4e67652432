//! A resource as this machine provides it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A resource of the app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum ResourceSpec {
    /// PostgreSQL, supervised here.
    Postgres(PostgresSpec),
    /// Redis, supervised here.
    Redis(RedisSpec),
    /// A file of the service itself (SQLite): a folder is all it needs.
    Sqlite {
        /// Upper bound of its size.
        storage_bytes: u64,
    },
    /// Something that others run.
    External {
        /// `postgres`, `redis`, `s3`: the scheme of the address.
        scheme: String,
        /// `host:port` or URL without credentials.
        address: String,
        /// The secret that holds the credentials.
        secret: Option<String>,
    },
}

/// PostgreSQL in a private data directory, reachable over a Unix socket only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostgresSpec {
    /// Major version; another one on this machine is refused. Empty takes what is there.
    pub version: String,
    /// The database.
    pub database: String,
    /// The role that the app is.
    pub user: String,
    /// Connections in all.
    pub max_connections: u32,
    /// Connections kept for operators.
    pub reserve: u32,
    /// Extensions that the app may create.
    pub extensions: Vec<String>,
    /// Upper bound of one statement, 0 for none.
    pub statement_timeout_ms: u64,
    /// Slower statements are logged; 0 logs none.
    pub slow_query_ms: u64,
    /// Other settings of the server.
    pub settings: BTreeMap<String, String>,
    /// Memory that the server may count on.
    pub memory_bytes: u64,
    /// Upper bound of its size.
    pub storage_bytes: u64,
}

/// Redis, reachable over a Unix socket only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RedisSpec {
    /// `maxmemory`.
    pub memory_bytes: u64,
    /// Whether its content must survive.
    pub class: RedisClass,
    /// Other settings of the server.
    pub settings: BTreeMap<String, String>,
}

/// What Redis holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RedisClass {
    /// May be evicted and restored empty.
    Cache,
    /// Must survive: appended to disk, never evicted.
    State,
}
