//! This machine as a [`Target`]: each step is one question to the daemon.

use std::time::Duration;

use plimsoll_deploy::{Fault, Observed, Step, StepError, Target};

use crate::LocalError;
use crate::control::client::Client;
use crate::control::wire::{Answer, JobKind, Verb};
use crate::event::Event;

/// This machine, reached through the daemon of one environment.
pub(crate) struct LocalTarget<'a> {
    /// Stops when the caller wants to.
    pub(crate) client: &'a mut Client,
    pub(crate) way_back: WayBack<'a>,
    /// For one step.
    pub(crate) deadline: Duration,
    pub(crate) on_event: &'a mut dyn FnMut(Event),
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

impl Target for LocalTarget<'_> {
    fn observe(&mut self) -> Result<Observed, StepError> {
        match self
            .client
            .call(Verb::Observe, Some(self.deadline), self.on_event)?
        {
            Answer::Observed { observed } => Ok(*observed),
            Answer::Nothing | Answer::Status { .. } => Err(confused()),
        }
    }

    fn apply(&mut self, step: &Step) -> Result<(), StepError> {
        self.client
            .call(verb(step)?, Some(self.deadline), self.on_event)?;
        Ok(())
    }

    fn undo(&mut self, step: &Step) -> Result<(), StepError> {
        let Some(inverse) = step.inverse() else {
            return Ok(());
        };
        let client = self.way_back.client()?;
        client.call(verb(&inverse)?, Some(self.deadline), self.on_event)?;
        Ok(())
    }
}

fn verb(step: &Step) -> Result<Verb, StepError> {
    Ok(match step.clone() {
        Step::Resource {
            name, to: release, ..
        } => Verb::Resource { name, release },
        Step::Listen { to: release, .. } => Verb::Listen { release },
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
            to,
            ..
        } => Verb::Scale {
            service,
            revision,
            release,
            to,
        },
        Step::Route { to: release, .. } => Verb::Route { release },
        Step::Commit { to: release, .. } => Verb::Commit { release },
        Step::Shift { .. } | Step::Judge { .. } | Step::Promote { .. } | Step::Cool { .. } => {
            return Err(StepError {
                message: "this machine does not share requests out by weight yet".into(),
                hint: Some("choose rolling or recreate".into()),
                fault: Fault::Usage,
            });
        }
    })
}

fn confused() -> StepError {
    StepError {
        message: "the supervisor gave an answer that does not belong to the question".into(),
        hint: None,
        fault: Fault::Ours,
    }
}
