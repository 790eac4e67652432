//! The document of one examination: printed for programs and kept as evidence.

use std::path::{Path, PathBuf};

use plimsoll_stdx::clock::rfc3339;
use plimsoll_stdx::fs::{FsError, create_dir_private};
use plimsoll_store::StateError;
use plimsoll_store::state::{self, Format, Header};
use plimsoll_supervisor::IsolationClass;
use serde::{Deserialize, Serialize};

use super::judge::Judgement;
use super::machine::Machine;
use crate::attack::{Answer, Control, Outcome};

/// What every document begins with.
pub const FORMAT: Format = Format {
    name: "plimsoll.evidence",
    version: 1,
};
/// The folder of evidence in a state directory.
const FOLDER: &str = "evidence";

/// Everything that one examination observed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The procedure: `doctor`.
    pub experiment: String,
    /// When it ended, in UTC.
    pub at: String,
    /// Where.
    pub machine: Machine,
    /// What holds replicas in here, as the record of one says.
    pub class: IsolationClass,
    /// The OCI runtime that brought it up; `None` where we did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime: Option<String>,
    /// Each control of that replica in words.
    pub controls: Vec<String>,
    /// How many attacks came to what.
    pub summary: Summary,
    /// One for each attack.
    pub rows: Vec<Row>,
}

/// How many attacks came to what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Worked outside, refused inside.
    pub held: usize,
    /// Worked inside.
    pub broken: usize,
    /// Showed nothing.
    pub inapplicable: usize,
}

/// What one attack came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// The sentence that it tests.
    pub control: Control,
    /// Its name.
    pub attack: String,
    /// What was done.
    pub does: String,
    /// As a plain process of the doctor's own user.
    pub uncontained: Seen,
    /// As a replica.
    pub contained: Seen,
    /// As a replica that asks for no more than it may have, where the attack has such a form.
    pub within: Option<Seen>,
    /// What that says about the control.
    pub result: Judgement,
    /// Why, where the observations alone do not say it.
    pub reason: Option<String>,
}

/// One observation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// What the attack came to.
    pub outcome: Outcome,
    /// What was seen.
    pub detail: String,
}

impl From<Answer> for Seen {
    fn from(answer: Answer) -> Self {
        Self {
            outcome: answer.outcome,
            detail: answer.detail,
        }
    }
}

/// A report under its header.
#[derive(Debug, Serialize)]
pub struct Document<'a> {
    #[serde(flatten)]
    header: Header,
    #[serde(flatten)]
    report: &'a Report,
}

impl Report {
    pub(super) fn new(
        (at_ms, machine): (u64, Machine),
        (class, controls): (IsolationClass, Vec<String>),
        rows: Vec<Row>,
    ) -> Self {
        Self {
            experiment: "doctor".to_owned(),
            at: rfc3339(at_ms),
            machine,
            class,
            runtime: None,
            controls,
            summary: Summary::of(&rows),
            rows,
        }
    }

    /// Whether no control was seen to be broken.
    pub fn is_sound(&self) -> bool {
        self.summary.broken == 0
    }

    /// Keeps it in the state directory `state`, durably and for its owner alone; where.
    pub fn store(&self, state: &Path) -> Result<PathBuf, StateError> {
        let folder = state.join(FOLDER);
        create_dir_private(&folder).map_err(|error: FsError| StateError::from(error))?;
        // A name that every file system takes.
        let path = folder.join(format!("doctor-{}.json", self.at.replace(':', "-")));
        state::save(&path, FORMAT, self)?;
        Ok(path)
    }

    /// The whole document as [`Self::store`] keeps it.
    pub fn document(&self) -> Document<'_> {
        Document {
            header: Header {
                format: FORMAT.name.to_owned(),
                version: FORMAT.version,
                tool: env!("CARGO_PKG_VERSION").to_owned(),
            },
            report: self,
        }
    }
}

impl Summary {
    fn of(rows: &[Row]) -> Self {
        let mut summary = Self::default();
        for row in rows {
            match row.result {
                Judgement::Held => summary.held += 1,
                Judgement::Broken => summary.broken += 1,
                Judgement::Inapplicable => summary.inapplicable += 1,
            }
        }
        summary
    }
}
