//! Does a plan, or takes it back, and writes down each step before and after.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use plimsoll_store::{CrashPoint, Journal, JournalError};

use crate::record::{self, Ended, Record, Standing, Unfinished};
use crate::{Fault, Plan, ReleaseId, Step, StepError, Target, Watch};

/// Does plans on one target, one at a time. The caller holds the lock of the environment.
#[derive(Debug)]
pub struct Executor {
    journal: Journal,
    /// The records of `open`, and of what an earlier change has left standing.
    story: Vec<Record>,
    open: Option<Unfinished>,
    watch: Option<Arc<dyn Watch>>,
    undo: bool,
}

/// What happens meanwhile.
#[derive(Debug, Clone, Copy)]
pub enum Progress<'a> {
    /// A step begins.
    Started {
        /// Its place in the plan.
        index: usize,
        /// Steps in all.
        of: usize,
        /// The step.
        step: &'a Step,
    },
    /// A step was applied.
    Applied {
        /// Its place in the plan.
        index: usize,
    },
    /// A step failed; the way back begins.
    Failed {
        /// Its place in the plan.
        index: usize,
        /// Why.
        error: &'a StepError,
    },
    /// A step was taken back.
    Undone {
        /// Its place in the plan.
        index: usize,
    },
}

/// How a change ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finished {
    /// All steps were applied.
    Done,
    /// A step failed, and the target is as it was before.
    Undone {
        /// The step that failed.
        step: Step,
        /// Why.
        error: StepError,
    },
    /// A step failed, and all requests go where they went before; what does no harm was left standing.
    Stopped {
        /// The step that failed.
        step: Step,
        /// Why.
        error: StepError,
        /// The steps that were not taken back; none where only an earlier change has left something.
        kept: Vec<Step>,
    },
}

/// What was done about a change that an earlier run left half done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settled {
    /// It went on, and this is how it ended.
    Resumed(Finished),
    /// It was taken back.
    Undone,
    /// It had failed before, and was taken back as far as it was to be.
    Stopped,
}

/// Why a change has no known end: the journal keeps it open, and the next run resumes or undoes it.
#[derive(Debug, thiserror::Error)]
pub enum ExecuteError {
    /// The journal cannot be read or written.
    #[error("the journal of this environment is out of order")]
    Journal(#[from] JournalError),
    /// A record is none that this tool knows.
    #[error("record {seq} of the journal cannot be understood")]
    Record {
        /// Its sequence number.
        seq: u64,
        /// What the parser said.
        #[source]
        source: serde_json::Error,
    },
    /// A step failed, and so did the way back.
    #[error("the way back failed at `{}` after `{because}`", step.describe())]
    Undo {
        /// The step that could not be taken back.
        step: Box<Step>,
        /// What had made the way back necessary.
        because: String,
        /// Why it failed.
        #[source]
        source: StepError,
    },
    /// A change is open; [`Executor::settle`] comes first.
    #[error("an earlier change to {0} is not finished")]
    Unfinished(ReleaseId),
}

/// Receives progress.
pub type Sink<'a> = dyn FnMut(Progress<'_>) + 'a;

impl Executor {
    /// Opens the journal in `dir`. `crash` arms the seam that tests use.
    pub fn open(dir: &Path, crash: Option<CrashPoint>) -> Result<Self, ExecuteError> {
        let (mut journal, replay) = Journal::open(dir)?;
        journal.crash_at(crash);
        let mut records = Vec::with_capacity(replay.records.len());
        for found in replay.records {
            let decoded = found.decode::<Record>();
            records.push(decoded.map_err(|source| ExecuteError::Record {
                seq: found.seq,
                source,
            })?);
        }
        Ok(Self {
            journal,
            story: record::story(&records),
            open: record::unfinished(&records),
            watch: None,
            undo: true,
        })
    }

    /// Whether a change that fails is taken back as a whole, as it is unless somebody says otherwise. Otherwise it is
    /// taken back to where nothing had moved a request yet ([`Plan::harmless`]).
    #[must_use]
    pub fn undoing(mut self, undo: bool) -> Self {
        self.undo = undo;
        self
    }

    /// Asks `watch` before each step; a reason of its makes everything that was begun go back.
    #[must_use]
    pub fn watched_by(mut self, watch: Option<Arc<dyn Watch>>) -> Self {
        self.watch = watch;
        self
    }

    /// What an earlier change has left standing when it failed.
    pub fn standing(&self) -> Option<Standing> {
        record::standing(&self.story)
    }

    /// The change that an earlier run left half done.
    pub fn unfinished(&self) -> Option<&Unfinished> {
        self.open.as_ref()
    }

    /// Deals with a change that an earlier run left half done: goes on with it when it leads to `release`, takes it
    /// back otherwise. Nothing happens when there is none.
    pub fn settle(
        &mut self,
        release: &ReleaseId,
        target: &mut dyn Target,
        progress: &mut Sink<'_>,
    ) -> Result<Option<Settled>, ExecuteError> {
        let Some(open) = self.open.clone() else {
            return Ok(None);
        };
        self.claim()?;
        if open.can_resume_to(release) {
            let finished = self.go_on(&open.plan, open.applied, target, progress)?;
            return Ok(Some(Settled::Resumed(finished)));
        }
        let because = open
            .because
            .as_deref()
            .unwrap_or("an earlier change was left half done");
        let left = open.undoing.unwrap_or(open.begun);
        if open.undoing.is_none() {
            self.journal.append(&Record::Undoing {
                because: because.into(),
                keep: 0,
            })?;
        }
        let back = open.keep..left;
        self.go_back(&open.plan, back, because, (target, progress))?;
        Ok(Some(if open.keep == 0 {
            Settled::Undone
        } else {
            Settled::Stopped
        }))
    }

    /// Does `plan`. A step that fails makes all that was begun go back.
    ///
    /// Killed at any moment, it leaves a journal from which [`Executor::settle`] goes on.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a plan is carried out once: doing it consumes it"
    )]
    pub fn run(
        &mut self,
        plan: Plan,
        target: &mut dyn Target,
        progress: &mut Sink<'_>,
    ) -> Result<Finished, ExecuteError> {
        if let Some(open) = &self.open {
            return Err(ExecuteError::Unfinished(open.plan.to.clone()));
        }
        if plan.is_empty() {
            if self.standing().is_some() {
                self.claim()?;
                self.end(Record::End { ended: Ended::Done })?;
            }
            return Ok(Finished::Done);
        }
        self.claim()?;
        self.journal.append(&Record::Begin { plan: plan.clone() })?;
        self.go_on(&plan, 0, target, progress)
    }

    /// Goes on in a segment of its own: whoever wrote to this journal before, stood still, and wakes up now, writes to
    /// one that nobody reads any more.
    fn claim(&mut self) -> Result<(), ExecuteError> {
        Ok(self.journal.compact(&self.story)?)
    }

    fn go_on(
        &mut self,
        plan: &Plan,
        first: usize,
        target: &mut dyn Target,
        progress: &mut Sink<'_>,
    ) -> Result<Finished, ExecuteError> {
        let of = plan.steps.len();
        for (index, step) in plan.steps.iter().enumerate().skip(first) {
            if let Some(error) = self.doubt() {
                return self.give_up((plan, index, index), error, (target, progress));
            }
            self.journal.append(&Record::Applying { index })?;
            progress(Progress::Started { index, of, step });
            if let Err(error) = target.apply(step) {
                return self.give_up((plan, index, index + 1), error, (target, progress));
            }
            self.journal.append(&Record::Applied { index })?;
            progress(Progress::Applied { index });
        }
        self.end(Record::End { ended: Ended::Done })?;
        Ok(Finished::Done)
    }

    /// What somebody who looks on has against going on.
    fn doubt(&self) -> Option<StepError> {
        let message = self.watch.as_ref()?.verdict()?;
        Some(StepError {
            message,
            hint: None,
            fault: Fault::App,
        })
    }

    /// Takes back the first `begun` steps, or those of them that do harm, because of `error` at step `index`.
    fn give_up(
        &mut self,
        (plan, index, begun): (&Plan, usize, usize),
        error: StepError,
        (target, progress): (&mut dyn Target, &mut Sink<'_>),
    ) -> Result<Finished, ExecuteError> {
        progress(Progress::Failed {
            index,
            error: &error,
        });
        let because = error.message.clone();
        let keep = if self.undo {
            0
        } else {
            plan.harmless(index).min(begun)
        };
        self.journal.append(&Record::Undoing {
            because: because.clone(),
            keep,
        })?;
        self.go_back(plan, keep..begun, &because, (target, progress))?;
        let step = plan.steps[index].clone();
        let stands = keep > 0 || self.standing().is_some();
        if self.undo || !stands {
            return Ok(Finished::Undone { step, error });
        }
        let kept = plan.steps[..keep].to_vec();
        Ok(Finished::Stopped { step, error, kept })
    }

    fn go_back(
        &mut self,
        plan: &Plan,
        back: Range<usize>,
        because: &str,
        (target, progress): (&mut dyn Target, &mut Sink<'_>),
    ) -> Result<(), ExecuteError> {
        let keep = back.start;
        let steps = plan.steps.iter().enumerate().take(back.end);
        for (index, step) in steps.skip(keep).rev() {
            target.undo(step).map_err(|source| ExecuteError::Undo {
                step: Box::new(step.clone()),
                because: because.to_owned(),
                source,
            })?;
            self.journal.append(&Record::Undone { index })?;
            progress(Progress::Undone { index });
        }
        if keep == 0 {
            return self.end(Record::End {
                ended: Ended::Undone,
            });
        }
        let standing = Standing {
            to: plan.to.clone(),
            because: because.to_owned(),
        };
        self.end(Record::Stopped { standing })
    }

    fn end(&mut self, record: Record) -> Result<(), ExecuteError> {
        self.journal.append(&record)?;
        self.open = None;
        self.story.push(record);
        self.story = record::story(&self.story);
        Ok(())
    }
}
