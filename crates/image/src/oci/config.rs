//! The image configuration: what a container of the image starts, and what its layers unpack to.

use std::collections::{BTreeMap, BTreeSet};

use plimsoll_bundle::Digest;
use serde::{Deserialize, Serialize};

use super::{OciError, Platform, from_bytes, null_is_empty};

/// The configuration of an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageConfig {
    /// When it was made, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// Who made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// The machine, in Go's words: `amd64`.
    pub architecture: String,
    /// `v8` and the like.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// `linux`.
    pub os: String,
    /// How a container starts.
    #[serde(default, deserialize_with = "null_is_empty")]
    pub config: RuntimeConfig,
    /// What the layers unpack to.
    pub rootfs: RootFs,
    /// How each layer came to be.
    #[serde(
        default,
        deserialize_with = "null_is_empty",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub history: Vec<History>,
}

/// How a container starts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct RuntimeConfig {
    /// `user`, `uid`, `user:group` or `uid:gid`; empty means root.
    #[serde(
        deserialize_with = "null_is_empty",
        skip_serializing_if = "String::is_empty"
    )]
    pub user: String,
    /// `port/protocol`.
    #[serde(with = "names", skip_serializing_if = "BTreeSet::is_empty")]
    pub exposed_ports: BTreeSet<String>,
    /// `NAME=value`.
    #[serde(
        deserialize_with = "null_is_empty",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub env: Vec<String>,
    /// The program and its first arguments.
    #[serde(
        deserialize_with = "null_is_empty",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub entrypoint: Vec<String>,
    /// More arguments, or the program where there is no entry point; replaced by what a user asks to run.
    #[serde(
        deserialize_with = "null_is_empty",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub cmd: Vec<String>,
    /// Folders that want a volume.
    #[serde(with = "names", skip_serializing_if = "BTreeSet::is_empty")]
    pub volumes: BTreeSet<String>,
    /// Where the program starts; empty means `/`.
    #[serde(
        deserialize_with = "null_is_empty",
        skip_serializing_if = "String::is_empty"
    )]
    pub working_dir: String,
    /// More about the image.
    #[serde(
        deserialize_with = "null_is_empty",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub labels: BTreeMap<String, String>,
    /// What asks the program to end; `SIGTERM` where nothing is said.
    #[serde(
        deserialize_with = "null_is_empty",
        skip_serializing_if = "String::is_empty"
    )]
    pub stop_signal: String,
}

/// What the layers unpack to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootFs {
    /// Always `layers`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Digests of the plain tars, from the lowest layer to the uppermost.
    #[serde(default, deserialize_with = "null_is_empty")]
    pub diff_ids: Vec<Digest>,
}

/// How a layer came to be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct History {
    /// When, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// By what.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_by: Option<String>,
    /// For people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// Whether the step made no layer.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub empty_layer: bool,
}

impl ImageConfig {
    /// An image of nothing yet for `platform`.
    pub fn new(platform: &Platform) -> Self {
        Self {
            created: None,
            author: None,
            architecture: platform.architecture.clone(),
            variant: platform.variant.clone(),
            os: platform.os.clone(),
            config: RuntimeConfig::default(),
            rootfs: RootFs {
                kind: "layers".to_owned(),
                diff_ids: Vec::new(),
            },
            history: Vec::new(),
        }
    }

    /// Reads a configuration; `place` says in an error where it came from.
    pub fn parse(bytes: &[u8], place: &str) -> Result<Self, OciError> {
        from_bytes(bytes, "the image configuration", place)
    }

    /// The machine that the image is for.
    pub fn platform(&self) -> Platform {
        Platform {
            architecture: self.architecture.clone(),
            os: self.os.clone(),
            variant: self.variant.clone(),
        }
    }
}

/// A set of names, which Go writes as a map to nothing: `{"80/tcp":{}}`.
mod names {
    use std::collections::BTreeSet;

    use serde::ser::SerializeMap;
    use serde::{Deserialize, Deserializer, Serializer};
    use serde_json::{Map, Value};

    pub(super) fn serialize<S: Serializer>(
        names: &BTreeSet<String>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(names.len()))?;
        for name in names {
            map.serialize_entry(name, &Map::new())?;
        }
        map.end()
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<BTreeSet<String>, D::Error> {
        let map: Option<Map<String, Value>> = Option::deserialize(deserializer)?;
        Ok(map
            .unwrap_or_default()
            .into_iter()
            .map(|(name, _)| name)
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_as_docker_writes_it_is_understood() {
        let text = r#"{"architecture":"amd64","config":{"Hostname":"","User":"","Env":["PATH=/bin"],"Cmd":["sh"],
            "ExposedPorts":{"80/tcp":{}},"Volumes":null,"Entrypoint":null,"OnBuild":null,"Labels":null},
            "container":"x","created":"2024-01-01T00:00:00Z","docker_version":"20","os":"linux",
            "history":[{"created_by":"ADD","empty_layer":true}],"rootfs":{"type":"layers","diff_ids":null}}"#;
        let config = ImageConfig::parse(text.as_bytes(), "here").unwrap();
        assert_eq!(config.config.cmd, ["sh"]);
        assert!(config.config.exposed_ports.contains("80/tcp"));
        assert!(config.config.entrypoint.is_empty());
        assert!(config.history[0].empty_layer);
    }

    #[test]
    fn sets_are_written_as_go_writes_them_and_read_back() {
        let mut config = RuntimeConfig::default();
        config
            .exposed_ports
            .extend(["9091/tcp", "2000/tcp"].map(str::to_owned));
        let text = serde_json::to_string(&config).unwrap();
        assert_eq!(text, r#"{"ExposedPorts":{"2000/tcp":{},"9091/tcp":{}}}"#);
        assert_eq!(
            serde_json::from_str::<RuntimeConfig>(&text).unwrap(),
            config
        );
    }

    #[test]
    fn an_empty_configuration_is_written_short() {
        let config = ImageConfig::new(&Platform::linux("x86_64").unwrap());
        assert_eq!(
            serde_json::to_string(&config).unwrap(),
            r#"{"architecture":"amd64","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":[]}}"#
        );
    }
}
