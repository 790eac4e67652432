//! Backups.

use serde::{Deserialize, Serialize};

use crate::units::{Cron, DurationMs};

/// How a resource, or a volume of a service, is saved. The name is that of what it saves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Backup {
    /// What it saves: `resource.NAME` or `service.NAME.volume.NAME`; unless given, the resource of the same name.
    pub of: String,
    /// When a full backup is taken.
    pub at: Cron,
    /// When only what changed is taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incremental: Option<Cron>,
    /// How long each is kept.
    pub keep: DurationMs,
    /// Whether the write-ahead log is shipped, which allows any point in time.
    pub wal: bool,
    /// The most time between two shipments of the log.
    pub wal_every: DurationMs,
    /// Where they go.
    pub to: Vec<BackupSink>,
    /// Whether they are encrypted (AES-256-GCM) before they leave.
    pub encrypt: bool,
    /// The most data that may be lost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rpo: Option<DurationMs>,
    /// The most time that a restore may take.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rto: Option<DurationMs>,
    /// Restores that are rehearsed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drill: Option<Drill>,
    /// Files that belong to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files: Option<Files>,
    /// Off-site copies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub off_site: Option<OffSite>,
}

/// Where backups go: `local`, or an object store `s3:SECRET`, or a resource `resource.NAME`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum BackupSink {
    /// The state directory of this machine.
    Local,
    /// An S3 bucket; the secret of this name holds the address and the key.
    S3(String),
    /// A resource of kind `s3`.
    Resource(String),
}

impl std::str::FromStr for BackupSink {
    type Err = crate::units::UnitError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "local" {
            return Ok(Self::Local);
        }
        let named = |prefix: &str| text.strip_prefix(prefix).filter(|name| !name.is_empty());
        if let Some(name) = named("s3:") {
            return Ok(Self::S3(name.to_owned()));
        }
        if let Some(name) = named("resource.") {
            return Ok(Self::Resource(name.to_owned()));
        }
        Err(crate::units::UnitError::new(format!(
            "`{text}` is not a place for backups: write `local`, `s3:SECRET` or `resource.NAME`"
        )))
    }
}

impl std::fmt::Display for BackupSink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Local => f.write_str("local"),
            Self::S3(secret) => write!(f, "s3:{secret}"),
            Self::Resource(name) => write!(f, "resource.{name}"),
        }
    }
}

crate::units::serde_as_text!(BackupSink);

/// A restore that is rehearsed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Drill {
    /// When.
    pub at: Cron,
    /// Rows are compared with those of the source at that moment.
    pub compare: bool,
}

/// Files saved together with a resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Files {
    /// Volumes as `service.NAME.volume.NAME`.
    pub volumes: Vec<String>,
    /// Whether the configuration and the certificates of the edge are saved too.
    pub configuration: bool,
}

/// Copies somewhere else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OffSite {
    /// The place.
    pub to: BackupSink,
    /// The most time that a copy may lag.
    pub within: DurationMs,
}
