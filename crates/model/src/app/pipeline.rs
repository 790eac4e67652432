//! The delivery pipeline that `render ci` writes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::units::Percent;

/// Stages between a push and production.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pipeline {
    /// Branch to environment.
    pub branches: BTreeMap<String, String>,
    /// Commands, by the name of the gate (`unit`, `integration`, `e2e`, `security`, …), each a program and arguments.
    pub gate: BTreeMap<String, PipelineStage>,
    /// Lowest line coverage of the tests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub coverage: Option<Percent>,
    /// Requests after a deploy: method and path.
    pub smoke: Vec<String>,
    /// Names of `notify` that hear of the end.
    pub notify: Vec<String>,
}

/// A gate before a deploy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PipelineStage {
    /// Program and arguments.
    pub run: Vec<String>,
    /// Gates that have to pass before.
    pub after: Vec<String>,
}
