//! A descriptor names a blob: its kind, its digest, its size.

use std::collections::BTreeMap;
use std::fmt;

use plimsoll_bundle::Digest;
use serde::{Deserialize, Serialize};

use super::null_is_empty;

/// The annotation under which a layout keeps a descriptor's name.
pub const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// Names a blob.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// What the blob holds, see [`super::media`].
    pub media_type: String,
    /// The digest of its bytes.
    pub digest: Digest,
    /// Its bytes.
    pub size: u64,
    /// In an index: the machine that the image is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// In a list of referrers: the kind of artefact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// More about the blob.
    #[serde(
        default,
        deserialize_with = "null_is_empty",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub annotations: BTreeMap<String, String>,
}

/// The machine that an image is for, in Go's words (`amd64`, not `x86_64`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Platform {
    /// `amd64`, `arm64`, ...
    pub architecture: String,
    /// `linux`, ...
    pub os: String,
    /// `v8` and the like.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
}

impl Descriptor {
    /// The descriptor of a blob, with nothing more said about it.
    pub fn new(media_type: impl Into<String>, digest: Digest, size: u64) -> Self {
        Self {
            media_type: media_type.into(),
            digest,
            size,
            platform: None,
            artifact_type: None,
            annotations: BTreeMap::new(),
        }
    }

    /// The descriptor of `bytes`.
    pub fn of(media_type: impl Into<String>, bytes: &[u8]) -> Self {
        Self::new(media_type, Digest::of(bytes), bytes.len() as u64)
    }

    /// The name that a layout keeps it under.
    pub fn name(&self) -> Option<&str> {
        self.annotations.get(REF_NAME).map(String::as_str)
    }

    /// The same blob without platform, kind and annotations: how others refer to it.
    #[must_use]
    pub fn bare(&self) -> Self {
        Self::new(self.media_type.clone(), self.digest.clone(), self.size)
    }
}

impl Platform {
    /// Linux on the machine that Rust calls `arch`; nothing where the images' name of it is not known.
    pub fn linux(arch: &str) -> Option<Self> {
        let architecture = match arch {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            "riscv64" => "riscv64",
            _ => return None,
        };
        Some(Self {
            architecture: architecture.to_owned(),
            os: "linux".to_owned(),
            variant: None,
        })
    }

    /// Whether an image for `self` runs on `machine`: equal, and of no special variant. (`v8` is plain `arm64`.)
    pub fn runs_on(&self, machine: &Self) -> bool {
        let plain = |platform: &Self| match (&*platform.architecture, platform.variant.as_deref()) {
            ("arm64", Some("v8")) => None,
            (_, variant) => variant.map(str::to_owned),
        };
        self.architecture == machine.architecture
            && self.os == machine.os
            && plain(self) == plain(machine)
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.os, self.architecture)?;
        match &self.variant {
            Some(variant) => write!(formatter, "/{variant}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_that_we_do_not_know_are_passed_over_and_null_is_nothing() {
        let digest = Digest::of(b"x");
        let text = format!(
            r#"{{"mediaType":"a/b","digest":"{digest}","size":1,"urls":["https://example.com"],"annotations":null}}"#
        );
        let descriptor: Descriptor = serde_json::from_str(&text).unwrap();
        assert_eq!(descriptor, Descriptor::of("a/b", b"x"));
        let written = serde_json::to_string(&descriptor).unwrap();
        assert_eq!(
            written,
            format!(r#"{{"mediaType":"a/b","digest":"{digest}","size":1}}"#)
        );
    }

    #[test]
    fn an_image_runs_on_its_own_kind_of_machine_only() {
        let x86 = Platform::linux("x86_64").unwrap();
        let arm = Platform::linux("aarch64").unwrap();
        let v8 = Platform {
            variant: Some("v8".into()),
            ..arm.clone()
        };
        assert!(x86.runs_on(&x86) && v8.runs_on(&arm));
        assert!(!x86.runs_on(&arm));
        assert_eq!(v8.to_string(), "linux/arm64/v8");
        assert_eq!(Platform::linux("pdp11"), None);
    }
}
