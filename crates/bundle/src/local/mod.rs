//! The bundle of the local target: what this machine runs and routes.
//!
//! Units are in the field names: `_ms`, `_bytes`, `_millis` (thousandths of a CPU). Everything is an integer or a
//! text, so that the canonical encoding is exact.

mod gateway;
mod header;
mod image;
mod resource;
mod service;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use gateway::{
    CorsSpec, Destination, Encoding, GatewayService, GatewayTable, HeaderValue, LimitKey,
    Listeners, MaintenanceSpec, RateLimit, RouteSpec, Sticky, TlsIssuer, TlsSpec, TlsVersion,
};
pub use header::{Header, HeaderError};
pub use image::ImageSpec;
pub use resource::{PostgresSpec, RedisClass, RedisSpec, ResourceSpec};
pub use service::{
    Check, CommandSpec, DrainSpec, HealthSpec, JobSpec, Limits, LogSpec, MigrateSpec, NeedSpec,
    Over, PoolSpec, Probe, ProgramSpec, ScaleSpec, SecretMeans, SecretSpec, ServiceSpec,
    StaticSpec, VolumeSpec, WarmUpSpec,
};

use crate::Digest;
use crate::canonical::{self, CanonicalError};

/// Everything that one release runs and routes on this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocalBundle {
    /// `plimsoll.local-bundle`, version 1.
    #[serde(flatten)]
    pub header: Header,
    /// The app's name.
    pub app: String,
    /// The environment that it was rendered for.
    pub environment: String,
    /// Services by name.
    pub services: BTreeMap<String, ServiceSpec>,
    /// Resources by name.
    pub resources: BTreeMap<String, ResourceSpec>,
    /// Jobs that run on a schedule, by name.
    pub jobs: BTreeMap<String, JobSpec>,
    /// What the gateway does.
    pub gateway: GatewayTable,
}

impl LocalBundle {
    /// The name of this format.
    pub const FORMAT: &'static str = "plimsoll.local-bundle";
    /// The version that this tool writes, and the newest that it reads.
    pub const VERSION: u32 = 1;

    /// The canonical digest: equal bundles, and no others, have it.
    pub fn digest(&self) -> Result<Digest, CanonicalError> {
        canonical::digest(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the first tool wrote it, before services had images.
    const FIRST: &str = include_str!("../../tests/formats/local-bundle.v1.json");
    const ITS_DIGEST: &str =
        "sha256:1cf93d0c017c0969488e2c7d2670c2f10da77b6e9869426a5a01b2e5aeae90bc";

    #[test]
    fn a_bundle_from_before_images_reads_and_keeps_its_digest() {
        let bundle: LocalBundle = serde_json::from_str(FIRST).unwrap();
        assert_eq!(bundle.digest().unwrap().as_str(), ITS_DIGEST);
        let ServiceSpec::Program(program) = &bundle.services["backend"] else {
            panic!("the backend is a program")
        };
        assert!(program.artefact.is_some());
        assert_eq!(program.image, None);
    }
}
