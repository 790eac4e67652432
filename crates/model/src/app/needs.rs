//! What a service needs: resources, other services, secrets.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::units::{DurationMs, PortRef};

/// A resource or another service that has to be there first, and whose address is injected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Need {
    /// The resource, or a service's port, that it is; unless given, that of the need's own name.
    pub to: PortRef,
    /// The variable with the address.
    #[serde(rename = "as")]
    pub variable: String,
    /// Whether the address, which may hold a password, comes as a file (`NAME_FILE`) or in the environment.
    pub by: SecretMeans,
    /// How a resource that Plimsoll runs is reached on this machine; absent: by its Unix socket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub over: Option<Over>,
    /// Connections that each replica may open; absent: no pool is declared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pool: Option<Pool>,
    /// The variable with the pool's size.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pool_as: Option<String>,
    /// Connections that each replica keeps open when idle.
    pub pool_min: u32,
    /// The variable with `pool_min`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pool_min_as: Option<String>,
    /// The variable with the resource's greatest number of connections.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_as: Option<String>,
    /// The variable with the address of a read replica.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_as: Option<String>,
    /// Times to live of what is cached there, by what it is; injected as `NAME_TTL` in seconds.
    pub ttl: BTreeMap<String, DurationMs>,
    /// Whether the service starts without it.
    pub optional: bool,
}

/// How PostgreSQL or Redis of Plimsoll is reached on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Over {
    /// By its Unix socket.
    Unix,
    /// By TCP, for a client that knows no Unix sockets.
    Tcp,
}

/// Connections that each replica may open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pool {
    /// As many as there are, less the reserve, over the most replicas that a rollout can have at once.
    Auto {
        /// The result of that division; at least 1.
        size: u32,
    },
    /// So many.
    Fixed(u32),
}

impl Pool {
    /// Connections of one replica.
    pub const fn size(self) -> u32 {
        match self {
            Self::Auto { size } | Self::Fixed(size) => size,
        }
    }
}

impl Serialize for Pool {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Auto { .. } => serializer.serialize_str("auto"),
            Self::Fixed(size) => serializer.serialize_u32(*size),
        }
    }
}

impl<'de> Deserialize<'de> for Pool {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        /// The two spellings.
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Spelling {
            Size(u32),
            Word(String),
        }
        match Spelling::deserialize(deserializer)? {
            Spelling::Size(size) => Ok(Self::Fixed(size)),
            Spelling::Word(word) if word == "auto" => Ok(Self::Auto { size: 0 }),
            Spelling::Word(word) => Err(serde::de::Error::custom(format!("`{word}` is no pool"))),
        }
    }
}

/// A secret that a service reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretUse {
    /// The variable: with `by = "file"`, `NAME_FILE` holds the path.
    #[serde(rename = "as")]
    pub variable: String,
    /// How it is handed over.
    pub by: SecretMeans,
}

/// How a secret reaches a replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SecretMeans {
    /// A file on a private tmpfs.
    File,
    /// A variable: only where the program can do no better.
    Env,
}
