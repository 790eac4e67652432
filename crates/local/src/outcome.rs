//! What a deploy is given and what it answers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use plimsoll_bundle::local::LocalBundle;
use plimsoll_deploy::judge::Rules;
use plimsoll_deploy::{Fault, Release, ReleaseId, Strategy, Watch};
use serde::{Deserialize, Serialize};

use crate::secrets::SecretPlan;

/// What a deploy is given.
#[derive(Debug, Clone)]
pub struct DeployRequest {
    /// The rendered bundle. Its artefacts lie in [`StateDir::artefacts`], each in the folder of its digest.
    pub bundle: LocalBundle,
    /// Where secrets come from, by name: those that the bundle names and have no value yet.
    pub secrets: BTreeMap<String, SecretPlan>,
    /// How old replicas give way.
    pub strategy: Strategy,
    /// Whether development data is written and its logins are shown.
    pub seed: bool,
    /// What a canary is judged by; how many judgements there are is taken from the strategy.
    pub judge: Rules,
    /// Whether a change that fails is taken back as a whole, and not only as far as requests are concerned.
    pub undo: bool,
    /// Time for the whole change; one that takes longer is taken back. `None` bounds only each step.
    pub within: Option<Duration>,
    /// Somebody who looks on, and can have the change taken back.
    pub watch: Option<Arc<dyn Watch>>,
}

/// A release that is kept: one that can be gone back to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeptRelease {
    /// The release.
    pub release: Release,
    /// Whether it is the one in force.
    pub in_force: bool,
    /// Whether replicas of it are kept ready, so that the way back starts nothing.
    pub warm: bool,
    /// When it was made, in milliseconds since the Unix epoch.
    pub made_ms: u64,
}

/// How a deploy ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The release that was asked for.
    pub release: ReleaseId,
    /// What became of it.
    pub ending: Ending,
    /// Nothing ran before a deploy that was undone, so nothing was left running: no process of ours lives.
    pub stopped: bool,
    /// Where people and programs reach the app.
    pub urls: Vec<String>,
    /// Logins of the development data; empty where none was asked for.
    pub logins: Vec<Login>,
    /// From the call to the end.
    pub took: Duration,
}

/// What became of a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// It is in force.
    InForce,
    /// It was in force before, and nothing was to be done.
    Unchanged,
    /// A step failed, and everything is as it was before.
    Undone {
        /// The step in words.
        step: String,
        /// Why it failed.
        message: String,
        /// What to do about it.
        hint: Option<String>,
        /// Whose fault it is.
        fault: Fault,
    },
    /// A step failed, all requests go where they went before, and nobody wanted the rest to be taken back.
    Stopped {
        /// The step in words.
        step: String,
        /// Why it failed.
        message: String,
        /// What to do about it.
        hint: Option<String>,
        /// Whose fault it is.
        fault: Fault,
        /// What was left standing, in words.
        standing: Vec<String>,
        /// The release in force: `rollback` leads back to it.
        in_force: Option<ReleaseId>,
    },
}

impl Ending {
    /// Whether what was asked for is so.
    pub fn is_in_force(&self) -> bool {
        match self {
            Self::InForce | Self::Unchanged => true,
            Self::Undone { .. } | Self::Stopped { .. } => false,
        }
    }
}

/// A login of the development data: shown on purpose, and in no other environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Login {
    /// What it may do.
    pub role: String,
    /// The name to log in with.
    #[serde(alias = "user", alias = "username", alias = "login")]
    pub email: String,
    /// The password.
    pub password: String,
}

/// Whether `down` deletes data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Data {
    /// Databases, volumes and secrets stay.
    Keep,
    /// They are deleted. The caller has asked for a confirmation.
    Delete,
}
