//! A release: everything that says what runs, and nothing that says where or how many.

use std::collections::BTreeMap;
use std::fmt;

use plimsoll_bundle::canonical::{self, CanonicalError};
use plimsoll_bundle::digest::Digest;
use plimsoll_bundle::local::Header;
use serde::{Deserialize, Serialize};

/// The name of a release: `r` and twelve hexadecimal digits of its own content, so that the same content has the
/// same name on every machine and a repeated `up` finds nothing to do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ReleaseId(String);

/// A text that is not a release's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a release: expected `r` and twelve lower-case hexadecimal digits")]
pub struct ReleaseIdError(String);

/// An immutable release. Written once as `release.json`, never changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// `plimsoll.release`, version 1.
    #[serde(flatten)]
    pub header: Header,
    /// Its name, computed from all that follows.
    pub id: ReleaseId,
    /// What it is made of.
    #[serde(flatten)]
    pub parts: ReleaseParts,
}

/// What a release is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseParts {
    /// The app's name.
    pub app: String,
    /// The environment.
    pub environment: String,
    /// The canonical digest of the rendered bundle.
    pub bundle: Digest,
    /// Artefacts by service name; a service that is given as an image has none.
    pub artefacts: BTreeMap<String, Digest>,
    /// Images by service name: the digests of their manifests. Releases of older tools have none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub images: BTreeMap<String, Digest>,
    /// Versions of the secrets that its services read, by secret name.
    pub secrets: BTreeMap<String, u32>,
    /// The migrations that it can run on, where it has a database.
    pub schema: Option<SchemaRange>,
    /// The version of the tool that made it.
    pub tool: String,
}

/// The span of migrations that a release can run on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchemaRange {
    /// The oldest migration that it still understands.
    pub compatible_from: String,
    /// The newest migration that it ships.
    pub head: String,
}

impl Release {
    /// The name of this format.
    pub const FORMAT: &'static str = "plimsoll.release";
    /// The version that this tool writes, and the newest that it reads.
    pub const VERSION: u32 = 1;

    /// Names `parts`.
    pub fn try_new(parts: ReleaseParts) -> Result<Self, CanonicalError> {
        let digest = canonical::digest(&parts)?;
        let id = ReleaseId(format!("r{}", digest.short()));
        Ok(Self {
            header: Header::new(Self::FORMAT, Self::VERSION),
            id,
            parts,
        })
    }

    /// Whether the name still fits the content: false after someone edited the file.
    pub fn is_intact(&self) -> bool {
        Self::try_new(self.parts.clone()).is_ok_and(|made| made.id == self.id)
    }
}

impl ReleaseId {
    /// The text, fit for a file name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ReleaseId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl From<ReleaseId> for String {
    fn from(id: ReleaseId) -> Self {
        id.0
    }
}

impl TryFrom<String> for ReleaseId {
    type Error = ReleaseIdError;

    fn try_from(text: String) -> Result<Self, ReleaseIdError> {
        let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        let valid = text
            .strip_prefix('r')
            .is_some_and(|digits| digits.len() == 12 && digits.bytes().all(is_hex));
        if valid {
            Ok(Self(text))
        } else {
            Err(ReleaseIdError(text))
        }
    }
}

impl std::str::FromStr for ReleaseId {
    type Err = ReleaseIdError;

    fn from_str(text: &str) -> Result<Self, ReleaseIdError> {
        Self::try_from(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts() -> ReleaseParts {
        ReleaseParts {
            app: "shop".into(),
            environment: "development".into(),
            bundle: Digest::of(b"bundle"),
            artefacts: BTreeMap::from([("api".into(), Digest::of(b"api"))]),
            images: BTreeMap::new(),
            secrets: BTreeMap::from([("jwt".into(), 1)]),
            schema: None,
            tool: "0.1.0".into(),
        }
    }

    #[test]
    fn the_same_content_has_the_same_name_and_other_content_another() {
        let one = Release::try_new(parts()).unwrap();
        assert_eq!(one, Release::try_new(parts()).unwrap());
        let mut changed = parts();
        changed.secrets.insert("jwt".into(), 2);
        assert_ne!(one.id, Release::try_new(changed).unwrap().id);
        let mut changed = parts();
        changed.images.insert("api".into(), Digest::of(b"image"));
        assert_ne!(one.id, Release::try_new(changed).unwrap().id);
    }

    #[test]
    fn an_edited_release_file_is_found_out() {
        let mut release = Release::try_new(parts()).unwrap();
        assert!(release.is_intact());
        release.parts.tool = "9".into();
        assert!(!release.is_intact());
    }

    #[test]
    fn a_file_of_version_one_still_reads() {
        let text = include_str!("../tests/formats/release.v1.json");
        let release: Release = serde_json::from_str(text).unwrap();
        assert!(release.is_intact());
        assert_eq!(release, Release::try_new(parts()).unwrap());
    }

    #[test]
    fn a_name_that_could_leave_its_folder_is_refused() {
        for text in [
            "",
            "r",
            "r../../../etc",
            "R0123456789ab",
            "r0123456789AB",
            "r0123456789abc",
        ] {
            assert!(text.parse::<ReleaseId>().is_err(), "{text}");
        }
        assert!("r0123456789ab".parse::<ReleaseId>().is_ok());
    }
}
