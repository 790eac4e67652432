//! OCI images as values and as a folder: descriptors, manifests, configurations, and the image layout on disk
//! (image-spec 1.1).
//!
//! What we write is canonical: members in the order of the structs, maps sorted, no white space, so that equal
//! values have equal digests. What we read may hold more than we know: unknown members are passed over, `null`
//! stands for "nothing", and every document has a bound. Bytes that came from others keep their digest: they are
//! stored as they came and never written again from the parsed value.
//!
//! Reading order: [`media`], [`descriptor`], [`manifest`], [`config`], [`layout`] (the folder), [`blob`] (writing
//! and reading one blob), [`prune`] (removing what no name leads to), `mend` (removing what is damaged).

pub mod blob;
pub mod config;
pub mod descriptor;
pub mod error;
pub mod layout;
pub mod manifest;
pub mod media;
mod mend;
pub mod prune;

pub use blob::{BlobReader, BlobWriter};
pub use config::{History, ImageConfig, RootFs, RuntimeConfig};
pub use descriptor::{Descriptor, Platform};
pub use error::OciError;
pub use layout::Layout;
pub use manifest::{Index, Manifest};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};

/// Bytes of a manifest, an index or a configuration, at the most: what registries accept (distribution-spec,
/// "registries SHOULD accept at least 4 megabytes"; docker-registry and the large hosted ones refuse more).
pub const MAX_DOCUMENT: u64 = 4 << 20;

/// The canonical bytes of a document.
pub fn to_bytes(document: &impl Serialize) -> Result<Vec<u8>, OciError> {
    serde_json::to_vec(document).map_err(|source| OciError::Malformed {
        what: "the document to write",
        place: String::new(),
        source,
    })
}

/// Reads a document. `what` and `place` say in an error what was read from where.
pub fn from_bytes<T: DeserializeOwned>(
    bytes: &[u8],
    what: &'static str,
    place: &str,
) -> Result<T, OciError> {
    if bytes.len() as u64 > MAX_DOCUMENT {
        return Err(OciError::TooLarge {
            what: format!("{what} at {place}"),
            size: bytes.len() as u64,
            limit: MAX_DOCUMENT,
        });
    }
    serde_json::from_slice(bytes).map_err(|source| OciError::Malformed {
        what,
        place: place.to_owned(),
        source,
    })
}

/// Builders written in Go write `null` for an empty list or map.
fn null_is_empty<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
