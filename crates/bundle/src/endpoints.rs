//! Where things run now: the second document beside the bundle, with a generation that only rises, so that
//! scaling and shifting traffic make no new release.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::Digest;
use crate::local::Header;

/// Where the services of one environment can be reached now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoints {
    /// `plimsoll.endpoints`, version 1.
    #[serde(flatten)]
    pub header: Header,
    /// Rises with every change; a reader refuses a lower one.
    pub generation: u64,
    /// Replicas by service name. A service without an entry, or with an empty one, has no replica now.
    pub services: BTreeMap<String, Vec<Endpoint>>,
    /// The folder that holds the files of a static artefact, by its digest.
    pub files: BTreeMap<Digest, PathBuf>,
}

/// One replica as the gateway sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// The replica's id, unique within the environment for all time (`backend-2-17`).
    pub id: String,
    /// The release that it runs.
    pub release: String,
    /// How to open a connection to each of its ports, by port name.
    pub ports: BTreeMap<String, Address>,
    /// Share of traffic relative to its siblings; 0 sends nothing new.
    pub weight: u32,
    /// Whether new requests may go there.
    pub traffic: Traffic,
}

/// Whether new requests may go to a replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Traffic {
    /// Yes, as long as the gateway's own readiness probe agrees.
    Admitted,
    /// No; requests in flight finish.
    Draining,
}

/// How to open a connection.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Address {
    /// TCP on this machine.
    Tcp(SocketAddr),
    /// A stream socket in the file system.
    Unix(PathBuf),
    /// A port inside the replica's own network namespace; the shim behind `socket` hands out connected sockets.
    Shim {
        /// The shim's control socket.
        socket: PathBuf,
        /// The port inside the namespace.
        port: u16,
    },
}

impl Endpoints {
    /// The name of this format.
    pub const FORMAT: &'static str = "plimsoll.endpoints";
    /// The version that this tool writes, and the newest that it reads.
    pub const VERSION: u32 = 1;

    /// A document that names nothing, older than every other.
    pub fn empty() -> Self {
        Self {
            header: Header::new(Self::FORMAT, Self::VERSION),
            generation: 0,
            services: BTreeMap::new(),
            files: BTreeMap::new(),
        }
    }
}
