//! This machine as a [`Target`]: each step is one question to the daemon.

use std::sync::Arc;
use std::time::{Duration, Instant};

use plimsoll_deploy::judge::Rules;
use plimsoll_deploy::{Fault, Observed, Step, StepError, Target, Watch};

use crate::LocalError;
use crate::control::client::Client;
use crate::control::wire::{Answer, JobKind, Verb};
use crate::event::Event;
use crate::judging::{self, Trial};

/// This machine, reached through the daemon of one environment.
pub(crate) struct LocalTarget<'a> {
    /// Stops when the caller wants to.
    pub(crate) client: &'a mut Client,
    pub(crate) way_back: WayBack<'a>,
    /// For one step.
    pub(crate) deadline: Duration,
    /// For all of them together; the way back is not bounded by it.
    pub(crate) budget: Option<Budget>,
    pub(crate) rules: Rules,
    pub(crate) watch: Option<Arc<dyn Watch>>,
    pub(crate) on_event: &'a mut dyn FnMut(Event),
}

/// The time of a whole change.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Budget {
    /// All of it.
    pub(crate) within: Duration,
    /// When it is over.
    pub(crate) until: Instant,
}

/// A connection of its own for taking steps back: the wish to stop, which made it necessary, must not stop it too,
/// and a connection that was stopped in the middle of an answer is of no further use.
pub(crate) struct WayBack<'a> {
    connect: &'a dyn Fn() -> Result<Client, LocalError>,
    client: Option<Client>,
}

impl<'a> WayBack<'a> {
    /// `connect` gives a connection that nobody can stop.
    pub(crate) fn new(connect: &'a dyn Fn() -> Result<Client, LocalError>) -> Self {
        Self {
            connect,
            client: None,
        }
    }

    fn client(&mut self) -> Result<&mut Client, LocalError> {
        let client = match self.client.take() {
            Some(client) => client,
            None => (self.connect)()?,
        };
        Ok(self.client.insert(client))
    }
}

impl LocalTarget<'_> {
    /// Time that the next question may take, or an error where the change has none left.
    pub(crate) fn left(&self) -> Result<Duration, StepError> {
        let Some(Budget { within, until }) = self.budget else {
            return Ok(self.deadline);
        };
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(StepError {
                message: format!("the whole change took longer than {within:?}"),
                hint: Some("give it more time: rollout.within".into()),
                fault: Fault::App,
            });
        }
        Ok(left.min(self.deadline))
    }
}

impl Target for LocalTarget<'_> {
    fn observe(&mut self) -> Result<Observed, StepError> {
        match self
            .client
            .call(Verb::Observe, Some(self.deadline), self.on_event)?
        {
            Answer::Observed { observed } => Ok(*observed),
            Answer::Nothing | Answer::Status { .. } | Answer::Samples { .. } => Err(confused()),
        }
    }

    fn apply(&mut self, step: &Step) -> Result<(), StepError> {
        let deadline = self.left()?;
        match ask(step) {
            Ask::Daemon(verb) => {
                self.client.call(verb, Some(deadline), self.on_event)?;
                Ok(())
            }
            Ask::Judge(trial) => judging::judge(self, &trial),
        }
    }

    fn undo(&mut self, step: &Step) -> Result<(), StepError> {
        let back = match step {
            Step::Rehearse { release, service } => Some(Ask::Daemon(Verb::ForgetRehearsal {
                release: release.clone(),
                service: service.clone(),
            })),
            step => step.inverse().as_ref().map(ask),
        };
        match back {
            Some(Ask::Daemon(verb)) => {
                let client = self.way_back.client()?;
                client.call(verb, Some(self.deadline), self.on_event)?;
                Ok(())
            }
            Some(Ask::Judge(_)) | None => Ok(()),
        }
    }
}

/// Who carries out a step.
enum Ask {
    /// The daemon, in one go.
    Daemon(Verb),
    /// This process, which looks again and again: nothing is left behind when it dies.
    Judge(Trial),
}

fn ask(step: &Step) -> Ask {
    Ask::Daemon(match step.clone() {
        Step::Judge {
            release,
            hold_ms,
            share,
        } => {
            return Ask::Judge(Trial {
                release: release.to_string(),
                share,
                hold_ms,
            });
        }
        Step::Resource {
            name, to: release, ..
        } => Verb::Resource { name, release },
        Step::Listen { to: release, .. } => Verb::Listen { release },
        Step::Rehearse { release, service } => Verb::Rehearse { release, service },
        Step::Migrate { release, service } => Verb::Job {
            release,
            service,
            job: JobKind::Migrate,
        },
        Step::Seed { release, service } => Verb::Job {
            release,
            service,
            job: JobKind::Seed,
        },
        Step::Scale {
            service,
            revision,
            release,
            cohort,
            to,
            ..
        } => Verb::Scale {
            service,
            revision,
            release,
            cohort,
            to,
        },
        Step::Shift {
            to_release: release,
            to: share,
            table,
            ..
        } => Verb::Shift {
            release,
            share,
            table,
        },
        Step::Promote {
            release,
            services,
            from,
            to,
        } => Verb::Promote {
            release,
            services,
            from,
            to,
        },
        Step::Cool { .. } => Verb::Cool,
        Step::Route { to: release, .. } => Verb::Route { release },
        Step::Commit {
            to: release,
            warm_ms,
            ..
        } => Verb::Commit { release, warm_ms },
    })
}

pub(crate) fn confused() -> StepError {
    StepError {
        message: "the supervisor gave an answer that does not belong to the question".into(),
        hint: None,
        fault: Fault::Ours,
    }
}
