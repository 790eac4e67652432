//! Who the app is.

use serde::{Deserialize, Serialize};

use crate::units::Date;

/// The app's name and owner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// Lower-case letters, digits and dashes: the slug in every name that is rendered.
    pub name: String,
    /// The name for people; the same as `name` unless given.
    pub title: String,
    /// One line.
    pub description: String,
    /// Address of the team that answers for it.
    pub owner: String,
    /// The version of the app itself, without a leading `v`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Where the source is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// When somebody looked last, and when somebody has to look next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub review: Option<Review>,
}

/// A review by people, with its term.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Review {
    /// The day of the last one.
    pub on: Date,
    /// The day after which certificates call it stale.
    pub next: Date,
}
