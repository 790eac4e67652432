//! Promises.

use serde::{Deserialize, Serialize};

use crate::units::{Bound, Date};

/// One promise: decided by a measurement, or stated by a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Claim {
    /// A bound on a measure.
    Measured(Measured),
    /// What only a person can state.
    Attested(Attested),
}

/// A bound on a measure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measured {
    /// What is measured: `app`, `edge`, or `service.NAME`, `route.NAME`, `resource.NAME`, ….
    pub of: String,
    /// A name of the closed registry of measures.
    pub measure: String,
    /// The bound; its value has the measure's dimension.
    pub bound: Bound,
    /// The load scenario under which it holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub under: Option<String>,
    /// The measure's parameter: a file, a header, a need, …, as [`crate::measure`] says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub with: Option<String>,
    /// The environment that it is made for; absent: the one that is certified.
    #[serde(rename = "in", skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// What the measure is taken relative to, where it is a ratio or a saving.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub baseline: Option<String>,
    /// Whether the owner still makes the promise.
    pub standing: Standing,
    /// Why it was withdrawn: a contradiction's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
    /// By which other means its purpose is met, where its means were replaced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub means: Option<String>,
    /// Where the promise was made, or a remark for readers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// What only a person can state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attested {
    /// The statement.
    pub attested: String,
    /// Who states it: the app's `owner`, a contact or an approval.
    pub by: String,
    /// The day of the statement.
    pub on: Date,
    /// The last day on which it counts.
    pub until: Date,
    /// Where the promise was made, or a remark for readers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Whether the owner still makes a promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// It counts.
    Made,
    /// It is judged and shown, and counts in no grade.
    Withdrawn,
}
