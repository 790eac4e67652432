//! What is served: a folder, and what stands around it.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use http::HeaderValue;
use plimsoll_bundle::digest::Hasher;

use crate::Folder;

/// A folder of files with its settings.
#[derive(Debug)]
pub struct Site {
    /// `None` while nobody has said where it is: every file is then unavailable (503).
    pub folder: Option<Arc<Folder>>,
    /// The page for paths that no file answers.
    pub spa: Option<String>,
    /// `/config.json`, where there are settings.
    pub settings: Option<Settings>,
    /// `cache-control` of names that hold a hash of their content.
    pub immutable: HeaderValue,
}

/// The document of runtime settings: the same build serves every environment.
#[derive(Debug, Clone)]
pub struct Settings {
    pub(crate) document: Bytes,
    pub(crate) etag: HeaderValue,
}

impl Settings {
    /// The document, which is JSON; its tag follows the content.
    pub fn new(document: Bytes) -> Self {
        let etag = tag(&document);
        Self { document, etag }
    }

    /// Names and values as one JSON object of strings.
    pub fn of(values: &BTreeMap<String, String>) -> Self {
        // A map of strings is always JSON.
        Self::new(serde_json::to_vec(values).unwrap_or_default().into())
    }
}

/// The entity tag of a content.
fn tag(content: &[u8]) -> HeaderValue {
    let mut hasher = Hasher::new();
    hasher.update(content);
    crate::index::etag(hasher)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_one_json_object_whose_tag_follows_the_values() {
        let of = |value: &str| Settings::of(&BTreeMap::from([("A".into(), value.into())]));
        assert_eq!(of("\"1\"").document, r#"{"A":"\"1\""}"#);
        assert_eq!(of("1").etag, of("1").etag);
        assert_ne!(of("1").etag, of("2").etag);
    }
}
