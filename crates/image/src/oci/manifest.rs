//! A manifest lists the blobs of one image or artefact; an index lists manifests.

use std::collections::BTreeMap;

use plimsoll_bundle::Digest;
use serde::{Deserialize, Serialize};

use super::{Descriptor, OciError, Platform, from_bytes, media, null_is_empty};

/// Layers of one image, at the most: containerd and Docker mount no more than this on one another.
pub const MAX_LAYERS: usize = 127;
/// Manifests of one index, at the most: platforms and referrers of years fit, and reading stays in a millisecond.
pub const MAX_MANIFESTS: usize = 4096;

/// The manifest of an image or an artefact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// Always 2.
    pub schema_version: u32,
    /// [`media::MANIFEST`] in what we write; documents of the first years have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// What kind of artefact it is, when it is no image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// The configuration.
    pub config: Descriptor,
    /// From the lowest to the uppermost.
    #[serde(default, deserialize_with = "null_is_empty")]
    pub layers: Vec<Descriptor>,
    /// The image that this artefact speaks about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Descriptor>,
    /// More about the image.
    #[serde(
        default,
        deserialize_with = "null_is_empty",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub annotations: BTreeMap<String, String>,
}

/// A list of manifests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Index {
    /// Always 2.
    pub schema_version: u32,
    /// [`media::INDEX`] in what we write.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// The manifests.
    #[serde(default, deserialize_with = "null_is_empty")]
    pub manifests: Vec<Descriptor>,
    /// More about the list.
    #[serde(
        default,
        deserialize_with = "null_is_empty",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub annotations: BTreeMap<String, String>,
}

impl Manifest {
    /// The manifest of an image.
    pub fn image(config: Descriptor, layers: Vec<Descriptor>) -> Self {
        Self {
            schema_version: 2,
            media_type: Some(media::MANIFEST.to_owned()),
            artifact_type: None,
            config,
            layers,
            subject: None,
            annotations: BTreeMap::new(),
        }
    }

    /// The manifest of an artefact of kind `artifact_type` about `subject`, which holds `blob`. Its configuration is
    /// the [`Self::EMPTY`] one, whose blob the layout must hold too.
    pub fn artefact(
        artifact_type: impl Into<String>,
        blob: Descriptor,
        subject: Descriptor,
    ) -> Self {
        Self {
            artifact_type: Some(artifact_type.into()),
            subject: Some(subject),
            ..Self::image(Descriptor::of(media::EMPTY, Self::EMPTY), vec![blob])
        }
    }

    /// The bytes of the configuration of an artefact that has none.
    pub const EMPTY: &[u8] = b"{}";

    /// Reads a manifest; `place` says in an error where it came from. An index, an old Docker schema and a number
    /// of layers that nobody can mount are refused.
    pub fn parse(bytes: &[u8], place: &str) -> Result<Self, OciError> {
        let manifest: Self = from_bytes(bytes, "the image manifest", place)?;
        ensure_schema(manifest.schema_version, place)?;
        if let Some(media_type) = &manifest.media_type
            && !media::is_manifest(media_type)
        {
            return Err(OciError::WrongKind {
                expected: "an image manifest",
                found: media_type.clone(),
                place: place.to_owned(),
            });
        }
        if manifest.layers.len() > MAX_LAYERS {
            return Err(OciError::TooMany {
                what: "layers",
                place: place.to_owned(),
                limit: MAX_LAYERS,
            });
        }
        Ok(manifest)
    }

    /// All blobs that it names: the configuration first.
    pub fn blobs(&self) -> impl Iterator<Item = &Descriptor> {
        std::iter::once(&self.config).chain(&self.layers)
    }
}

impl Index {
    /// A list of `manifests`.
    pub fn new(manifests: Vec<Descriptor>) -> Self {
        Self {
            schema_version: 2,
            media_type: Some(media::INDEX.to_owned()),
            manifests,
            annotations: BTreeMap::new(),
        }
    }

    /// Reads an index; `place` says in an error where it came from.
    pub fn parse(bytes: &[u8], place: &str) -> Result<Self, OciError> {
        let index: Self = from_bytes(bytes, "the image index", place)?;
        ensure_schema(index.schema_version, place)?;
        if let Some(media_type) = &index.media_type
            && !media::is_index(media_type)
        {
            return Err(OciError::WrongKind {
                expected: "an image index",
                found: media_type.clone(),
                place: place.to_owned(),
            });
        }
        if index.manifests.len() > MAX_MANIFESTS {
            return Err(OciError::TooMany {
                what: "manifests",
                place: place.to_owned(),
                limit: MAX_MANIFESTS,
            });
        }
        Ok(index)
    }

    /// The manifest for `machine`. Entries without a platform count when there is nothing better; attestations of
    /// BuildKit (platform `unknown/unknown`) never.
    pub fn select(&self, machine: &Platform) -> Result<&Descriptor, OciError> {
        let fits = |one: &&Descriptor| {
            let platform = one.platform.as_ref();
            platform.is_some_and(|platform| platform.runs_on(machine))
        };
        let exact = self.manifests.iter().find(fits);
        let unsaid = || self.manifests.iter().find(|one| one.platform.is_none());
        exact.or_else(unsaid).ok_or_else(|| OciError::NoPlatform {
            wanted: machine.to_string(),
            offered: self.platforms(),
        })
    }

    /// The entry with this digest.
    pub fn by_digest(&self, digest: &Digest) -> Option<&Descriptor> {
        self.manifests.iter().find(|one| one.digest == *digest)
    }

    /// What it has images for, for people.
    pub fn platforms(&self) -> Vec<String> {
        let named = self
            .manifests
            .iter()
            .filter_map(|one| one.platform.as_ref());
        named
            .filter(|platform| platform.os != "unknown")
            .map(ToString::to_string)
            .collect()
    }
}

fn ensure_schema(version: u32, place: &str) -> Result<(), OciError> {
    if version == 2 {
        return Ok(());
    }
    Err(OciError::WrongKind {
        expected: "a document of schema version 2",
        found: format!("schema version {version}"),
        place: place.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_written_manifest_has_no_white_space_and_reads_back() {
        let manifest = Manifest::image(
            Descriptor::of(media::CONFIG, b"{}"),
            vec![Descriptor::of(media::LAYER_ZSTD, b"layer")],
        );
        let bytes = super::super::to_bytes(&manifest).unwrap();
        assert!(bytes.starts_with(br#"{"schemaVersion":2,"mediaType":"#));
        assert!(!bytes.contains(&b' '));
        assert_eq!(Manifest::parse(&bytes, "here").unwrap(), manifest);
    }

    #[test]
    fn an_index_an_old_schema_and_a_tower_of_layers_are_no_manifest() {
        let config = serde_json::to_string(&Descriptor::of(media::CONFIG, b"{}")).unwrap();
        let layer = serde_json::to_string(&Descriptor::of(media::LAYER_TAR, b"x")).unwrap();
        let tower = vec![layer; MAX_LAYERS + 1].join(",");
        for (text, word) in [
            (
                format!(
                    r#"{{"schemaVersion":2,"mediaType":"{}","config":{config}}}"#,
                    media::INDEX
                ),
                "index",
            ),
            (
                format!(r#"{{"schemaVersion":1,"config":{config}}}"#),
                "schema",
            ),
            (
                format!(r#"{{"schemaVersion":2,"config":{config},"layers":[{tower}]}}"#),
                "layers",
            ),
            ("[]".to_owned(), "manifest"),
            (" ".repeat((4 << 20) + 1), "limit"),
        ] {
            let error = Manifest::parse(text.as_bytes(), "there").unwrap_err();
            assert!(error.to_string().contains(word), "{error}");
        }
    }

    #[test]
    fn an_index_gives_the_machines_image_and_never_an_attestation() {
        let of = |name: &[u8], platform: Option<Platform>| Descriptor {
            platform,
            ..Descriptor::of(media::MANIFEST, name)
        };
        let unknown = Platform {
            architecture: "unknown".into(),
            os: "unknown".into(),
            variant: None,
        };
        let (x86, arm) = (
            Platform::linux("x86_64").unwrap(),
            Platform::linux("aarch64").unwrap(),
        );
        let index = Index::new(vec![
            of(b"proof", Some(unknown)),
            of(b"arm", Some(arm)),
            of(b"x86", Some(x86.clone())),
        ]);
        assert_eq!(index.select(&x86).unwrap().digest, Digest::of(b"x86"));
        let risc = Platform::linux("riscv64").unwrap();
        let error = index.select(&risc).unwrap_err().to_string();
        assert!(
            error.contains("riscv64") && error.contains("linux/arm64"),
            "{error}"
        );
        assert!(!error.contains("unknown"), "{error}");
        let plain = Index::new(vec![of(b"only", None)]);
        assert_eq!(plain.select(&risc).unwrap().digest, Digest::of(b"only"));
    }
}
