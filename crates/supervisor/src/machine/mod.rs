//! The life of one process as a pure state machine: events and time in, actions out.
//!
//! ```text
//!            ┌────────────────────── restart ──────────────────────┐
//!            ▼                                                     │
//! idle ─▶ spawning ─▶ starting ─▶ warming up ─▶ ready ⇄ unready ─▶ ending ─▶ backoff
//!            │            │           │           │         │        │          │
//!            │            └───────────┴──▶ draining ◀───────┘        ▼          ▼
//!            └─────────────────────────────────┴─────────────────▶ stopped   failed
//! ```
//!
//! Startup is asked until the first success, within a budget; readiness only withdraws traffic; liveness restarts
//! (DESIGN.md section 6). Every wait has a deadline, also the one for a process that ignores SIGKILL.

mod ask;
mod event;
mod policy;

use std::time::Duration;

use ask::Asking;
pub use event::{Action, Announcement, Event, Question, Rules, State};
pub use policy::RestartPolicy;
use policy::{Failures, Verdict};

use crate::record::ExitReason;

/// From SIGKILL to the next means, twice: a process that is still there afterwards hangs in the kernel.
pub const KILL_PATIENCE: Duration = Duration::from_secs(5);

/// What follows the end of the process.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Next {
    Stop,
    Restart(String),
}

/// How far an ending has gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Force {
    Asked,
    Killed,
    Destroyed,
}

/// The machine. Time is any clock that never goes back; `random` spreads restarts.
#[derive(Debug, Clone)]
pub struct Machine {
    rules: Rules,
    state: State,
    /// When the state began.
    since: Duration,
    /// When the state ends by itself.
    until: Option<Duration>,
    asking: Asking,
    failures: Failures,
    next: Next,
    force: Force,
    restarts: u64,
    ready_since: Option<Duration>,
}

impl Machine {
    /// A machine that has not been started.
    pub fn new(rules: Rules) -> Self {
        Self {
            rules,
            state: State::Idle,
            since: Duration::ZERO,
            until: None,
            asking: Asking::default(),
            failures: Failures::default(),
            next: Next::Stop,
            force: Force::Asked,
            restarts: 0,
            ready_since: None,
        }
    }

    /// Where it is.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// When it got there.
    pub fn since(&self) -> Duration {
        self.since
    }

    /// How often it was started again.
    pub fn restarts(&self) -> u64 {
        self.restarts
    }

    /// When [`Event::Tick`] is due; `None` while only an event from outside can change anything.
    pub fn deadline(&self) -> Option<Duration> {
        let question = self.question_due();
        match (self.until, question) {
            (Some(until), Some(question)) => Some(until.min(question)),
            (until, question) => until.or(question),
        }
    }

    /// Takes one event and says what to do. An event that has no meaning in this state changes nothing.
    pub fn step(&mut self, now: Duration, random: u64, event: Event) -> Vec<Action> {
        let mut actions = Vec::new();
        match event {
            Event::Start => self.start(now, &mut actions),
            Event::Spawned => self.spawned(now, true, &mut actions),
            Event::Adopted => self.adopted(now, &mut actions),
            Event::SpawnFailed(reason) => self.spawn_failed(now, random, reason, &mut actions),
            Event::Answered(question, answer) => {
                self.answered(now, question, answer, &mut actions);
            }
            Event::Exited(reason) => self.exited(now, random, &reason, &mut actions),
            Event::Drain => self.drain(now, &mut actions),
            Event::Stop => self.stop(now, &mut actions),
            Event::Tick => {}
        }
        self.pass_time(now, &mut actions);
        actions
    }

    fn enter(&mut self, now: Duration, state: State, until: Option<Duration>) {
        self.state = state;
        self.since = now;
        self.until = until;
    }

    fn start(&mut self, now: Duration, actions: &mut Vec<Action>) {
        match self.state {
            State::Idle | State::Stopped | State::Failed { .. } => {
                self.failures = Failures::default();
                self.spawn(now, actions);
            }
            State::Backoff => self.spawn(now, actions),
            // Somebody changed their mind: what is ending is started again when it has ended.
            State::Ending => {
                if self.next == Next::Stop {
                    self.next = Next::Restart("started again while it was ending".to_owned());
                }
            }
            State::Spawning
            | State::Starting
            | State::WarmingUp
            | State::Ready
            | State::Unready
            | State::Draining => {}
        }
    }

    fn spawn(&mut self, now: Duration, actions: &mut Vec<Action>) {
        self.next = Next::Restart(String::new());
        self.ready_since = None;
        self.enter(now, State::Spawning, None);
        actions.push(Action::Spawn);
    }

    fn adopted(&mut self, now: Duration, actions: &mut Vec<Action>) {
        if self.state == State::Idle {
            self.state = State::Spawning;
            self.next = Next::Restart(String::new());
            self.spawned(now, false, actions);
        }
    }

    /// `cold`: whether it has to be warmed up, which one that was adopted has been.
    fn spawned(&mut self, now: Duration, cold: bool, actions: &mut Vec<Action>) {
        if self.state != State::Spawning {
            return;
        }
        if self.next == Next::Stop {
            self.end(now, Next::Stop, actions);
            return;
        }
        self.asking = Asking::begin(now, cold);
        match &self.rules.health {
            Some(health) => {
                let until = now + Duration::from_millis(health.start_within_ms);
                self.enter(now, State::Starting, Some(until));
            }
            None => self.warm_up(now, actions),
        }
    }

    fn spawn_failed(
        &mut self,
        now: Duration,
        random: u64,
        reason: String,
        actions: &mut Vec<Action>,
    ) {
        if self.state == State::Spawning {
            self.exited(now, random, &ExitReason::NotStarted { reason }, actions);
        }
    }

    fn warm_up(&mut self, now: Duration, actions: &mut Vec<Action>) {
        match &self.rules.warm_up {
            Some(warm_up) if self.asking.cold => {
                let until = now + Duration::from_millis(warm_up.within_ms);
                self.enter(now, State::WarmingUp, Some(until));
                actions.push(Action::Ask(Question::WarmUp));
            }
            Some(_) | None => self.become_ready(now, actions),
        }
    }

    fn become_ready(&mut self, now: Duration, actions: &mut Vec<Action>) {
        self.ready_since.get_or_insert(now);
        if let Some(health) = &self.rules.health {
            self.asking.schedule_both(now, health);
        }
        self.enter(now, State::Ready, None);
        actions.push(Action::Announce(Announcement::Ready));
    }

    fn answered(
        &mut self,
        now: Duration,
        question: Question,
        answer: Result<(), String>,
        actions: &mut Vec<Action>,
    ) {
        self.asking.closed(question);
        match (question, &self.state) {
            (Question::Startup, State::Starting) => self.started(now, answer.is_ok(), actions),
            (Question::WarmUp, State::WarmingUp) => match answer {
                Ok(()) => self.become_ready(now, actions),
                Err(reason) => {
                    let reason = format!("warm-up failed: {reason}");
                    self.end(now, Next::Restart(reason), actions);
                }
            },
            (Question::Readiness, State::Ready | State::Unready) => {
                self.readiness(now, answer, actions);
            }
            (Question::Liveness, State::Ready | State::Unready | State::Draining) => {
                self.liveness(now, answer, actions);
            }
            // The answer to a question of an earlier state.
            (
                Question::Startup | Question::WarmUp | Question::Readiness | Question::Liveness,
                _,
            ) => {}
        }
    }

    fn started(&mut self, now: Duration, well: bool, actions: &mut Vec<Action>) {
        if well {
            self.warm_up(now, actions);
        } else if let Some(health) = &self.rules.health {
            self.asking.schedule_startup(now, health);
        }
    }

    fn readiness(&mut self, now: Duration, answer: Result<(), String>, actions: &mut Vec<Action>) {
        let Some(health) = &self.rules.health else {
            return;
        };
        let counted = self
            .asking
            .readiness(now, &health.readiness, answer.is_ok());
        match (answer, &self.state) {
            (Ok(()), State::Unready) => {
                self.enter(now, State::Ready, None);
                actions.push(Action::Announce(Announcement::Ready));
            }
            (Err(reason), State::Ready) if counted => {
                self.enter(now, State::Unready, None);
                actions.push(Action::Announce(Announcement::Unready(reason)));
            }
            (Ok(()) | Err(_), _) => {}
        }
    }

    fn liveness(&mut self, now: Duration, answer: Result<(), String>, actions: &mut Vec<Action>) {
        let Some(health) = &self.rules.health else {
            return;
        };
        let counted = self.asking.liveness(now, &health.liveness, answer.is_ok());
        if let (Err(reason), true) = (answer, counted) {
            let next = match self.state {
                State::Draining => Next::Stop,
                _ => Next::Restart(format!("liveness failed: {reason}")),
            };
            self.end(now, next, actions);
        }
    }

    fn drain(&mut self, now: Duration, actions: &mut Vec<Action>) {
        match self.state {
            State::Ready | State::Unready => {
                self.enter(now, State::Draining, Some(now + self.rules.drain));
                actions.push(Action::Announce(Announcement::Draining));
            }
            State::Draining => {}
            // It has no traffic to finish.
            State::Idle
            | State::Spawning
            | State::Starting
            | State::WarmingUp
            | State::Ending
            | State::Backoff
            | State::Stopped
            | State::Failed { .. } => self.stop(now, actions),
        }
    }

    fn stop(&mut self, now: Duration, actions: &mut Vec<Action>) {
        match self.state {
            State::Starting
            | State::WarmingUp
            | State::Ready
            | State::Unready
            | State::Draining => self.end(now, Next::Stop, actions),
            State::Spawning | State::Ending => self.next = Next::Stop,
            State::Idle | State::Backoff => self.stopped(now, actions),
            State::Stopped | State::Failed { .. } => {}
        }
    }

    fn stopped(&mut self, now: Duration, actions: &mut Vec<Action>) {
        self.enter(now, State::Stopped, None);
        actions.push(Action::Announce(Announcement::Stopped));
    }

    fn end(&mut self, now: Duration, next: Next, actions: &mut Vec<Action>) {
        if let Next::Restart(reason) = &next {
            actions.push(Action::Announce(Announcement::Unready(reason.clone())));
        }
        self.next = next;
        self.force = Force::Asked;
        self.enter(now, State::Ending, Some(now + self.rules.grace));
        actions.push(Action::Terminate);
    }

    fn exited(
        &mut self,
        now: Duration,
        random: u64,
        reason: &ExitReason,
        actions: &mut Vec<Action>,
    ) {
        let next = std::mem::replace(&mut self.next, Next::Stop);
        let reason = match (&self.state, next) {
            (State::Idle | State::Backoff | State::Stopped, next) => {
                self.next = next;
                return;
            }
            // The death of what had been given up: nothing of it runs now, and a start may follow.
            (State::Failed { .. }, _) => return,
            (_, _) if self.rules.once => {
                self.stopped(now, actions);
                return;
            }
            (State::Draining, _) | (State::Ending | State::Spawning, Next::Stop) => {
                self.stopped(now, actions);
                return;
            }
            (State::Ending, Next::Restart(why)) if !why.is_empty() => why,
            (
                State::Spawning
                | State::Starting
                | State::WarmingUp
                | State::Ready
                | State::Unready
                | State::Ending,
                _,
            ) => reason.to_string(),
        };
        let stable = self.ready_since.map(|since| now.saturating_sub(since));
        match self.failures.add(&self.rules.restart, now, stable, random) {
            Verdict::Again(after) => {
                self.restarts += 1;
                self.enter(now, State::Backoff, Some(now + after));
                actions.push(Action::Announce(Announcement::Restarting { reason, after }));
            }
            Verdict::GiveUp => self.give_up(now, reason, actions),
        }
    }

    fn give_up(&mut self, now: Duration, reason: String, actions: &mut Vec<Action>) {
        actions.push(Action::Announce(Announcement::GaveUp(reason.clone())));
        self.enter(now, State::Failed { reason }, None);
    }

    fn question_due(&self) -> Option<Duration> {
        let health = self.rules.health.as_ref()?;
        match self.state {
            State::Starting => self.asking.startup_due(health),
            State::Ready | State::Unready => self.asking.both_due(),
            State::Draining => self.asking.liveness_due(),
            State::Idle
            | State::Spawning
            | State::WarmingUp
            | State::Ending
            | State::Backoff
            | State::Stopped
            | State::Failed { .. } => None,
        }
    }

    /// Does what is due.
    fn pass_time(&mut self, now: Duration, actions: &mut Vec<Action>) {
        if self.until.is_some_and(|until| until <= now) {
            self.expire(now, actions);
        }
        while let Some(due) = self.question_due()
            && due <= now
        {
            let question = match self.state {
                State::Starting => Question::Startup,
                _ => self.asking.which_due(self.state == State::Draining),
            };
            self.asking.opened(question);
            actions.push(Action::Ask(question));
        }
    }

    fn expire(&mut self, now: Duration, actions: &mut Vec<Action>) {
        match self.state {
            State::Starting => {
                let reason = "did not start within its time".to_owned();
                self.end(now, Next::Restart(reason), actions);
            }
            State::WarmingUp => {
                let reason = "did not warm up within its time".to_owned();
                self.end(now, Next::Restart(reason), actions);
            }
            State::Draining => self.end(now, Next::Stop, actions),
            State::Ending => self.use_more_force(now, actions),
            State::Backoff => self.spawn(now, actions),
            State::Idle
            | State::Spawning
            | State::Ready
            | State::Unready
            | State::Stopped
            | State::Failed { .. } => self.until = None,
        }
    }

    fn use_more_force(&mut self, now: Duration, actions: &mut Vec<Action>) {
        self.until = Some(now + KILL_PATIENCE);
        match self.force {
            Force::Asked => {
                self.force = Force::Killed;
                actions.push(Action::Kill);
            }
            Force::Killed => {
                self.force = Force::Destroyed;
                actions.push(Action::Destroy);
            }
            Force::Destroyed => {
                let reason = "does not die: it hangs in the kernel".to_owned();
                self.give_up(now, reason, actions);
            }
        }
    }
}

#[cfg(test)]
mod tests;
