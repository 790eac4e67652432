//! What is written down before and after each step, and what it says about a run that ended in the middle.

use serde::{Deserialize, Serialize};

use crate::{Plan, ReleaseId};

/// A record of the journal of one environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "kebab-case")]
pub enum Record {
    /// A change begins; the way back is known from here on.
    Begin {
        /// All of it.
        plan: Plan,
    },
    /// Step `index` is about to be applied.
    Applying {
        /// Its place in the plan.
        index: usize,
    },
    /// Step `index` was applied.
    Applied {
        /// Its place in the plan.
        index: usize,
    },
    /// From here on the change is taken back.
    Undoing {
        /// Why, for people.
        because: String,
    },
    /// Step `index` was taken back.
    Undone {
        /// Its place in the plan.
        index: usize,
    },
    /// The change is over.
    End {
        /// How it ended.
        ended: Ended,
    },
}

/// How a change ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ended {
    /// All steps were applied.
    Done,
    /// All steps that were begun were taken back.
    Undone,
}

/// A change whose end is not in the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfinished {
    /// Its plan.
    pub plan: Plan,
    /// Steps that were begun, whether or not they ended: those are the ones to take back.
    pub begun: usize,
    /// Steps that are known to be applied: resuming begins behind them.
    pub applied: usize,
    /// The way back had begun; holds how many steps are still to be taken back.
    pub undoing: Option<usize>,
}

/// Reads the journal's story from its first record to its last.
pub fn unfinished(records: &[Record]) -> Option<Unfinished> {
    let mut open: Option<Unfinished> = None;
    for record in records {
        match record {
            Record::Begin { plan } => {
                open = Some(Unfinished {
                    plan: plan.clone(),
                    begun: 0,
                    applied: 0,
                    undoing: None,
                });
            }
            Record::End { .. } => open = None,
            Record::Applying { index } => change(&mut open, |run| run.begun = index + 1),
            Record::Applied { index } => change(&mut open, |run| run.applied = index + 1),
            Record::Undoing { .. } => change(&mut open, |run| run.undoing = Some(run.begun)),
            Record::Undone { index } => change(&mut open, |run| run.undoing = Some(*index)),
        }
    }
    open
}

/// The records of the change whose end is not among them; none when there is no such change.
pub(crate) fn story(records: &[Record]) -> &[Record] {
    let is_end = |record: &Record| matches!(record, Record::End { .. });
    let is_begin = |record: &Record| matches!(record, Record::Begin { .. });
    let after = records.iter().rposition(is_end).map_or(0, |end| end + 1);
    let open = &records[after..];
    let begin = open.iter().rposition(is_begin);
    begin.map_or(&[], |begin| &open[begin..])
}

/// A record outside a change says nothing: its `Begin` was in a part of the journal that was let go.
fn change(open: &mut Option<Unfinished>, edit: impl FnOnce(&mut Unfinished)) {
    if let Some(run) = open {
        edit(run);
    }
}

impl Unfinished {
    /// Whether a run that wants `release` goes on where this one stopped; otherwise it takes this one back first.
    pub fn can_resume_to(&self, release: &ReleaseId) -> bool {
        self.undoing.is_none() && self.plan.to == *release
    }
}
