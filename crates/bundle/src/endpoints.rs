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
    /// Its part in a change. Left out where there is none, so that documents of before stay as they are.
    #[serde(default, skip_serializing_if = "Cohort::is_stable")]
    pub cohort: Cohort,
}

/// The part of a replica in a change of releases. Traffic is shared out among (release, cohort) first, so that each
/// gets exactly the weights of its replicas, and among those second.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Cohort {
    /// The release being left, or the only one.
    #[default]
    Stable,
    /// The stable release in newly started replicas: what a canary with cold caches is fairly compared with.
    Fresh,
    /// The new release.
    Canary,
}

impl Cohort {
    /// Whether it is what a replica is outside a change.
    pub fn is_stable(&self) -> bool {
        *self == Self::Stable
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &str =
        r#"{"id":"api-1","release":"r1","ports":{},"weight":1,"traffic":"admitted"}"#;

    #[test]
    fn a_replica_outside_a_change_is_written_as_before_there_were_cohorts() {
        let read: Endpoint = serde_json::from_str(BEFORE).unwrap();
        assert_eq!(read.cohort, Cohort::Stable);
        assert_eq!(serde_json::to_string(&read).unwrap(), BEFORE);
    }

    #[test]
    fn a_canary_says_so() {
        let mut replica: Endpoint = serde_json::from_str(BEFORE).unwrap();
        replica.cohort = Cohort::Canary;
        let text = serde_json::to_string(&replica).unwrap();
        assert!(text.ends_with(r#","cohort":"canary"}"#), "{text}");
        assert_eq!(serde_json::from_str::<Endpoint>(&text).unwrap(), replica);
    }
}
