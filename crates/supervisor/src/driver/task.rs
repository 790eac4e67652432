//! The loop itself.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use plimsoll_stdx::lock::Lock;
use plimsoll_stdx::random;
use tokio::sync::{broadcast, mpsc, oneshot};

use super::adopt::{self, Adopted};
use super::effects;
use super::generation::Generations;
use super::slot::Slot;
use super::status::Entry;
use super::{Config, Notice, SuperviseError};
use crate::machine::{Action, Announcement, Event, State};
use crate::order::{Kind, Order};
use crate::record::{ExitReason, ExitRecord};
use crate::runner::Running;

/// What the handle asks for.
#[derive(Debug)]
pub(super) enum Command {
    Start(Box<Order>, oneshot::Sender<Result<(), SuperviseError>>),
    Drain(String, oneshot::Sender<Result<(), SuperviseError>>),
    Exchange(String, oneshot::Sender<Result<(), SuperviseError>>),
    /// The answer is how long the end can take.
    Stop(String, oneshot::Sender<Result<Duration, SuperviseError>>),
    Forget(String, oneshot::Sender<Result<(), SuperviseError>>),
    Status(oneshot::Sender<Vec<Entry>>),
    Close(oneshot::Sender<()>),
}

/// What reaches the loop.
#[derive(Debug)]
pub(super) enum Message {
    Command(Command),
    /// Something happened to a start of a process.
    Happened {
        id: String,
        generation: u64,
        what: Happening,
    },
}

#[derive(Debug)]
pub(super) enum Happening {
    Spawned(Box<Running>),
    Exited(Option<ExitRecord>),
    Event(Event),
}

#[derive(Debug)]
pub(super) struct Task {
    pub(super) config: Config,
    pub(super) outbox: mpsc::WeakSender<Message>,
    notices: broadcast::Sender<Notice>,
    slots: BTreeMap<String, Slot>,
    generations: Generations,
    _lock: Lock,
}

impl Task {
    pub(super) async fn open(
        config: Config,
        outbox: mpsc::WeakSender<Message>,
        notices: broadcast::Sender<Notice>,
    ) -> Result<(Self, Vec<Adopted>), SuperviseError> {
        let for_thread = config.clone();
        let opened = tokio::task::spawn_blocking(move || adopt::open(&for_thread))
            .await
            .map_err(|_| SuperviseError::Closed)??;
        let mut task = Self {
            config,
            outbox,
            notices,
            slots: BTreeMap::new(),
            generations: opened.generations,
            _lock: opened.lock,
        };
        for running in opened.alive {
            task.adopt(running)?;
        }
        Ok((task, opened.report))
    }

    fn adopt(&mut self, running: Running) -> Result<(), SuperviseError> {
        let mut slot = Slot::try_new(running.spec.order.clone())?;
        let id = slot.order.id.clone();
        slot.adopt(Arc::new(running));
        self.slots.insert(id.clone(), slot);
        self.watch(&id);
        self.step(&id, Event::Adopted);
        Ok(())
    }

    pub(super) async fn run(mut self, mut inbox: mpsc::Receiver<Message>) {
        loop {
            let wait = self.time_to_tick();
            match tokio::time::timeout(wait, inbox.recv()).await {
                Ok(Some(Message::Command(Command::Close(reply)))) => {
                    // Let go of the lock before the answer, so that the next supervisor finds it free.
                    drop(self);
                    let _ = reply.send(());
                    return;
                }
                Ok(Some(message)) => self.take(message),
                Ok(None) => return,
                Err(_) => self.tick(),
            }
        }
    }

    /// Until the first machine wants a tick; a minute when none does.
    fn time_to_tick(&self) -> Duration {
        const IDLE: Duration = Duration::from_mins(1);
        let now = self.config.clock.monotonic();
        let deadlines = self
            .slots
            .values()
            .filter_map(|slot| slot.machine.deadline());
        deadlines
            .min()
            .map_or(IDLE, |due| due.saturating_sub(now).min(IDLE))
    }

    fn tick(&mut self) {
        let now = self.config.clock.monotonic();
        let due: Vec<String> = self
            .slots
            .iter()
            .filter(|(_, slot)| slot.machine.deadline().is_some_and(|due| due <= now))
            .map(|(id, _)| id.clone())
            .collect();
        for id in due {
            self.step(&id, Event::Tick);
        }
    }

    fn take(&mut self, message: Message) {
        match message {
            // A reply that nobody waits for any more is dropped.
            Message::Command(Command::Start(order, reply)) => {
                let _ = reply.send(self.start(*order));
            }
            Message::Command(Command::Drain(id, reply)) => {
                let _ = reply.send(self.known(&id, Event::Drain));
            }
            Message::Command(Command::Exchange(id, reply)) => {
                let _ = reply.send(self.exchange(&id));
            }
            Message::Command(Command::Stop(id, reply)) => {
                let bound = self.slots.get(&id).map(Slot::stop_bound);
                let done = self.known(&id, Event::Stop);
                let _ = reply.send(done.map(|()| bound.unwrap_or_default()));
            }
            Message::Command(Command::Forget(id, reply)) => {
                let _ = reply.send(self.forget(&id));
            }
            Message::Command(Command::Status(reply)) => {
                let runner = &self.config.runner;
                let entries = self.slots.values().map(|slot| slot.entry(runner)).collect();
                let _ = reply.send(entries);
            }
            Message::Command(Command::Close(reply)) => {
                let _ = reply.send(());
            }
            Message::Happened {
                id,
                generation,
                what,
            } => self.happened(&id, generation, what),
        }
    }

    fn start(&mut self, order: Order) -> Result<(), SuperviseError> {
        let id = order.id.clone();
        let new = Slot::try_new(order)?;
        match self.slots.get(&id) {
            Some(old) if old.digest == new.digest && *old.machine.state() != State::Draining => {}
            Some(old) if old.has_ended() => {
                let last_exit = old.last_exit.clone();
                self.slots.insert(id.clone(), Slot { last_exit, ..new });
            }
            Some(_) => return Err(SuperviseError::Busy(id)),
            None => {
                self.slots.insert(id.clone(), new);
            }
        }
        self.step(&id, Event::Start);
        Ok(())
    }

    fn known(&mut self, id: &str, event: Event) -> Result<(), SuperviseError> {
        if !self.slots.contains_key(id) {
            return Err(SuperviseError::Unknown(id.to_owned()));
        }
        self.step(id, event);
        Ok(())
    }

    fn exchange(&self, id: &str) -> Result<(), SuperviseError> {
        let known = self.slots.get(id);
        let slot = known.ok_or_else(|| SuperviseError::Unknown(id.to_owned()))?;
        if slot.order.kind != Kind::Keeper {
            return Err(SuperviseError::Orders {
                id: id.to_owned(),
                reason: "only a keeper can exchange its program".to_owned(),
            });
        }
        self.signal(id, effects::Means::Exchange);
        Ok(())
    }

    fn forget(&mut self, id: &str) -> Result<(), SuperviseError> {
        match self.slots.get(id) {
            None => Err(SuperviseError::Unknown(id.to_owned())),
            Some(slot) if !slot.has_ended() => Err(SuperviseError::Busy(id.to_owned())),
            Some(_) => {
                self.slots.remove(id);
                Ok(())
            }
        }
    }

    fn happened(&mut self, id: &str, generation: u64, what: Happening) {
        let Some(slot) = self.slots.get_mut(id) else {
            return;
        };
        if slot.generation != generation {
            return;
        }
        match what {
            Happening::Spawned(running) => {
                slot.adopt(Arc::from(running));
                self.watch(id);
                self.step(id, Event::Spawned);
            }
            Happening::Exited(exit) => {
                slot.running = None;
                let reason = exit
                    .as_ref()
                    .map_or(ExitReason::Unknown, |exit| exit.reason.clone());
                slot.last_exit = exit
                    .or_else(|| Some(effects::unrecorded(slot, &self.config, ExitReason::Unknown)));
                self.step(id, Event::Exited(reason));
            }
            Happening::Event(event) => {
                if let Event::SpawnFailed(reason) = &event {
                    let reason = ExitReason::NotStarted {
                        reason: reason.clone(),
                    };
                    slot.last_exit = Some(effects::unrecorded(slot, &self.config, reason));
                }
                self.step(id, event);
            }
        }
    }

    /// Steps one machine and carries out what it says.
    fn step(&mut self, id: &str, event: Event) {
        let now = self.config.clock.monotonic();
        let Some(slot) = self.slots.get_mut(id) else {
            return;
        };
        let actions = slot.machine.step(now, random::number(), event);
        for action in actions {
            self.carry_out(id, action);
        }
    }

    fn carry_out(&mut self, id: &str, action: Action) {
        match action {
            Action::Spawn => self.spawn(id),
            Action::Ask(question) => self.question(id, question),
            Action::Terminate => self.signal(id, effects::Means::Stop),
            Action::Kill => self.signal(id, effects::Means::Kill),
            Action::Destroy => self.signal(id, effects::Means::Destroy),
            Action::Announce(what) => self.announce(id, what),
        }
    }

    fn announce(&mut self, id: &str, what: Announcement) {
        let generation = self.slots.get(id).map_or(0, |slot| slot.generation);
        // Without a listener there is nobody to tell.
        let _ = self.notices.send(Notice {
            id: id.to_owned(),
            generation,
            what,
        });
    }

    fn spawn(&mut self, id: &str) {
        let generation = self.generations.take();
        let Some(slot) = self.slots.get_mut(id) else {
            return;
        };
        match generation {
            Ok(generation) => {
                slot.generation = generation;
                let order = Arc::clone(&slot.order);
                effects::spawn(self.effect(id, generation), order);
            }
            Err(error) => {
                let event = Event::SpawnFailed(error.to_string());
                let generation = slot.generation;
                effects::later(self.effect(id, generation), Happening::Event(event));
            }
        }
    }

    fn question(&self, id: &str, question: crate::machine::Question) {
        let Some(slot) = self.slots.get(id) else {
            return;
        };
        let effect = self.effect(id, slot.generation);
        effects::ask(effect, slot.target(), &slot.order, question);
    }

    fn signal(&self, id: &str, means: effects::Means) {
        if let Some(slot) = self.slots.get(id)
            && let Some(running) = &slot.running
        {
            let effect = self.effect(id, slot.generation);
            effects::signal(effect, Arc::clone(running), means);
        }
    }

    fn watch(&self, id: &str) {
        if let Some(slot) = self.slots.get(id)
            && let Some(running) = &slot.running
        {
            let effect = self.effect(id, slot.generation);
            effects::watch(effect, Arc::clone(running));
        }
    }

    fn effect(&self, id: &str, generation: u64) -> effects::Effect {
        effects::Effect {
            config: self.config.clone(),
            outbox: self.outbox.clone(),
            id: id.to_owned(),
            generation,
        }
    }
}
