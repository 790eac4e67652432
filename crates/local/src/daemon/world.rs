//! What the daemon of one environment knows, shared by everything that runs in it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use plimsoll_bundle::endpoints::Cohort;
use plimsoll_deploy::Fault;
use plimsoll_supervisor::machine::State;
use plimsoll_supervisor::{Kind, ProcessStatus, Supervisor};
use tokio::sync::{Notify, broadcast};

use super::documents::Documents;
use super::intent::{Intent, Wanted};
use super::publish::Publisher;
use crate::LocalError;
use crate::error::Refusal;
use crate::event::Event;
use crate::start::DaemonFile;

/// Events that a slow listener may lag behind; it loses the oldest.
const EVENTS: usize = 1024;

/// The daemon's world.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) file: DaemonFile,
    pub(crate) documents: Arc<Documents>,
    pub(crate) supervisor: Supervisor,
    pub(crate) publisher: tokio::sync::Mutex<Publisher>,
    /// Something changed that the gateway should know.
    pub(crate) dirty: Notify,
    /// One change at a time: a command that was killed leaves its last step running here.
    pub(crate) change: tokio::sync::Mutex<()>,
    pub(crate) events: broadcast::Sender<Event>,
    /// Everything has been ended, and the daemon should end too.
    pub(crate) over: Notify,
    pub(crate) adopted: u32,
    /// The last look at each process: when, and its CPU time, for a rate.
    pub(crate) looks: Mutex<BTreeMap<String, (Instant, u64)>>,
    intent: Mutex<Intent>,
}

impl World {
    pub(crate) fn new(
        file: DaemonFile,
        documents: Arc<Documents>,
        supervisor: Supervisor,
        (intent, adopted): (Intent, u32),
    ) -> Self {
        let publisher = Publisher::new(&documents.env, &file.instance, intent.epoch);
        Self {
            file,
            documents,
            supervisor,
            publisher: tokio::sync::Mutex::new(publisher),
            dirty: Notify::new(),
            change: tokio::sync::Mutex::new(()),
            events: broadcast::Sender::new(EVENTS),
            over: Notify::new(),
            adopted,
            looks: Mutex::default(),
            intent: Mutex::new(intent),
        }
    }

    /// What is asked now.
    pub(crate) fn intent(&self) -> Intent {
        self.locked().clone()
    }

    /// Changes what is asked; durable when it returns.
    pub(crate) fn ask(&self, edit: impl FnOnce(&mut Intent)) -> Result<(), LocalError> {
        let mut intent = self.locked();
        let mut changed = intent.clone();
        edit(&mut changed);
        if changed != *intent {
            changed.save(&self.documents.env)?;
            *intent = changed;
        }
        Ok(())
    }

    /// Lets nobody act any more who holds an older lease than this one, or refuses whoever does so now.
    pub(crate) fn fence(&self, token: u64) -> Result<(), LocalError> {
        let newest = self.intent().fence;
        if token < newest {
            return Err(LocalError::Refused(Refusal {
                message: format!(
                    "another plimsoll has taken over this environment (lease {newest}, and this is {token})"
                ),
                hint: Some(
                    "this one stood still for too long: nothing of it is carried out any more"
                        .into(),
                ),
                fault: Fault::Usage,
            }));
        }
        self.ask(|intent| intent.fence = token)
    }

    /// Tells everybody who listens.
    pub(crate) fn tell(&self, event: Event) {
        // Nobody listening is no error.
        let _ = self.events.send(event);
    }

    /// The replicas of one group, whatever their state.
    pub(crate) async fn members(
        &self,
        service: &str,
        group: &Wanted,
    ) -> Result<Vec<ProcessStatus>, LocalError> {
        let intent = self.intent();
        let mut found = self.supervisor.status().await?;
        found.retain(|process| {
            let release = &process.release;
            let is_fresh = intent.cohort(service, release, &process.id) == Cohort::Fresh;
            process.kind == Kind::Replica
                && process.service == service
                && *release == group.release.as_str()
                && is_fresh == (group.cohort == Cohort::Fresh)
        });
        found.sort_by_key(|process| slot(&process.id));
        Ok(found)
    }

    fn locked(&self) -> MutexGuard<'_, Intent> {
        // A panic elsewhere leaves an intent that was valid before.
        self.intent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The number of a replica, the last part of its id.
pub(crate) fn slot(id: &str) -> u32 {
    id.rsplit_once('-')
        .and_then(|(_, number)| number.parse().ok())
        .unwrap_or(0)
}

/// Whether a process is there, or on its way.
pub(crate) fn is_wanted(state: &State) -> bool {
    match state {
        State::Spawning
        | State::Starting
        | State::WarmingUp
        | State::Ready
        | State::Unready
        | State::Backoff => true,
        State::Idle | State::Draining | State::Ending | State::Stopped | State::Failed { .. } => {
            false
        }
    }
}
