//! A resource as this machine provides it.

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
    /// Major version; another one on this machine is refused.
    pub version: String,
    /// Database and role have this name.
    pub database: String,
    /// Connections in all.
    pub max_connections: u32,
    /// Connections kept for operators.
    pub reserve: u32,
    /// Extensions that the app may create.
    pub extensions: Vec<String>,
    /// Upper bound of one statement, 0 for none.
    pub statement_timeout_ms: u64,
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
