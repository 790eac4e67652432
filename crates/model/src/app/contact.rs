//! People and rooms.

use serde::{Deserialize, Serialize};

use crate::units::{Date, DurationMs};

/// A person, a team or a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contact {
    /// The name for people.
    pub name: String,
    /// The role.
    pub role: String,
    /// A mail address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// A Slack channel with its `#`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slack: Option<String>,
    /// A telephone number in international form.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
}

/// One step of an escalation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Escalation {
    /// How long after the alert.
    pub after: DurationMs,
    /// Who is told: a contact.
    pub contact: String,
    /// By which ways: names of `notify`.
    pub notify: Vec<String>,
}

/// Who is on call in one week.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OnCall {
    /// The first day.
    pub from: Date,
    /// A contact.
    pub primary: String,
    /// A contact.
    pub secondary: String,
}
