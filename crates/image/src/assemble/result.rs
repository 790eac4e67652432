//! What came of a build.

use std::time::Instant;

use plimsoll_bundle::Digest;
use serde::Serialize;

use crate::layer::BuiltLayer;
use crate::oci::Descriptor;
use crate::package::Package;

/// An image that is in the layout. Its JSON is what `build --format json` prints for a service.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BuiltImage {
    /// The service.
    pub service: String,
    /// The manifest's digest.
    pub digest: Digest,
    /// Bytes of all layers as plain tars.
    pub unpacked_bytes: u64,
    /// Bytes that a machine without any of its layers pulls: manifest, configuration and compressed layers.
    pub pulled_bytes: u64,
    /// From the first byte read to the last one durable, without the tools that built the artefact.
    pub seconds: f64,
    /// From the lowest to the uppermost.
    pub layers: Vec<BuiltLayer>,
    /// What it is made of.
    pub packages: Vec<Package>,
    /// How an index or a registry names it.
    #[serde(skip)]
    pub descriptor: Descriptor,
}

/// Since `started`, in milliseconds' precision: more digits would be noise.
pub(super) fn seconds(started: Instant) -> f64 {
    (started.elapsed().as_secs_f64() * 1000.0).round() / 1000.0
}
