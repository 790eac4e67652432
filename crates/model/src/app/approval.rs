//! Sign-offs.

use serde::{Deserialize, Serialize};

use crate::units::Date;

/// A role that has to agree before a deploy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// Whether a deploy waits for it.
    pub required: bool,
    /// The role, for people.
    pub role: String,
    /// Who signed. Absent is unsigned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// The day of the signature.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on: Option<Date>,
    /// The last day on which it counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Date>,
    /// The key that signatures are checked with, as `minisign` or `ssh-ed25519` text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// When deploys may start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<Window>,
}

impl Approval {
    /// Whether somebody has put a name and a day under it.
    pub fn is_signed(&self) -> bool {
        self.by.is_some() && self.on.is_some()
    }
}

/// A deployment window, in UTC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// Days of the week: `mon` to `sun`.
    pub days: Vec<String>,
    /// `HH:MM`.
    pub from: String,
    /// `HH:MM`, exclusive.
    pub to: String,
}
