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
        /// So many of its first steps stay as they are ([`Plan::harmless`]).
        #[serde(default, skip_serializing_if = "is_zero")]
        keep: usize,
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
    /// The change is over: it failed, and what does no harm was left standing. The next one begins from there.
    Stopped {
        /// What is known of it.
        standing: Standing,
    },
}

/// A change that failed and was not taken back as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// The release that it wanted.
    pub to: ReleaseId,
    /// Why it failed, for people.
    pub because: String,
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
    /// So many of the first steps are not taken back.
    pub keep: usize,
    /// Why the way back had begun.
    pub because: Option<String>,
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
                    keep: 0,
                    because: None,
                });
            }
            Record::End { .. } | Record::Stopped { .. } => open = None,
            Record::Applying { index } => change(&mut open, |run| run.begun = index + 1),
            Record::Applied { index } => change(&mut open, |run| run.applied = index + 1),
            Record::Undoing { because, keep } => change(&mut open, |run| {
                run.undoing = Some(run.begun);
                run.keep = *keep;
                run.because = Some(because.clone());
            }),
            Record::Undone { index } => change(&mut open, |run| run.undoing = Some(*index)),
        }
    }
    open
}

/// What a change that failed has left standing. One that was taken back leaves what an earlier one had left.
pub fn standing(records: &[Record]) -> Option<Standing> {
    let mut left = None;
    for record in records {
        match record {
            Record::Stopped { standing } => left = Some(standing.clone()),
            Record::End { ended: Ended::Done } => left = None,
            Record::End {
                ended: Ended::Undone,
            }
            | Record::Begin { .. }
            | Record::Applying { .. }
            | Record::Applied { .. }
            | Record::Undoing { .. }
            | Record::Undone { .. } => {}
        }
    }
    left
}

/// What has to be remembered: what an earlier change has left standing, and the records of the change whose end is not
/// among them.
pub(crate) fn story(records: &[Record]) -> Vec<Record> {
    let is_end = |record: &Record| matches!(record, Record::End { .. } | Record::Stopped { .. });
    let is_begin = |record: &Record| matches!(record, Record::Begin { .. });
    let after = records.iter().rposition(is_end).map_or(0, |end| end + 1);
    let (over, open) = records.split_at(after);
    let left = standing(over).map(|standing| Record::Stopped { standing });
    let begin = open.iter().rposition(is_begin);
    let open = begin.map_or(&[][..], |begin| &open[begin..]);
    left.into_iter().chain(open.iter().cloned()).collect()
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

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature that serde asks for"
)]
fn is_zero(count: &usize) -> bool {
    *count == 0
}
