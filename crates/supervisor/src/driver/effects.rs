//! What the loop has done elsewhere. Each effect ends in a message, except a signal, whose answer is an end.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use plimsoll_bundle::local::Probe as ProbeSpec;
use plimsoll_stdx::clock::unix_ms;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::mpsc;

use super::slot::Slot;
use super::task::{Happening, Message};
use super::{Config, adopt};
use crate::cgroup::Hierarchies;
use crate::machine::{Event, Question};
use crate::order::{Order, StopSignal};
use crate::probe::{Ask, Target};
use crate::record::{ExitReason, ExitRecord, Spec};
use crate::runner::{RunnerError, Running};

/// Where an effect comes from, and where its answer goes.
#[derive(Debug)]
pub(super) struct Effect {
    pub(super) config: Config,
    pub(super) outbox: mpsc::WeakSender<Message>,
    pub(super) id: String,
    pub(super) generation: u64,
}

/// How a process is ended.
#[derive(Debug, Clone, Copy)]
pub(super) enum Means {
    Stop,
    /// What tells a keeper to start its program beside the one that runs.
    Exchange,
    Kill,
    Destroy,
}

impl Effect {
    /// Sends the answer. When the loop has ended nobody wants it.
    async fn answer(self, what: Happening) {
        if let Some(outbox) = self.outbox.upgrade() {
            let message = Message::Happened {
                id: self.id,
                generation: self.generation,
                what,
            };
            let _ = outbox.send(message).await;
        }
    }
}

pub(super) fn later(effect: Effect, what: Happening) {
    tokio::spawn(effect.answer(what));
}

/// Starts a process on a blocking thread.
pub(super) fn spawn(effect: Effect, order: Arc<Order>) {
    tokio::spawn(async move {
        let (config, generation) = (effect.config.clone(), effect.generation);
        let started = tokio::task::spawn_blocking(move || start(&config, &order, generation)).await;
        let what = match started {
            Ok(Ok(running)) => Happening::Spawned(Box::new(running)),
            Ok(Err(error)) => Happening::Event(Event::SpawnFailed(chain(&error))),
            Err(error) => Happening::Event(Event::SpawnFailed(error.to_string())),
        };
        effect.answer(what).await;
    });
}

fn start(config: &Config, order: &Order, generation: u64) -> Result<Running, RunnerError> {
    let secrets = config
        .secrets
        .secrets_for(order)
        .map_err(|error| RunnerError::Orders {
            id: order.id.clone(),
            reason: error.to_string(),
        })?;
    let dir = adopt::start_dir(&config.dir, order.kind, &order.id, generation);
    adopt::prune(&config.dir, &order.id, &dir);
    let spec = Spec {
        order: order.clone(),
        generation,
        ports: std::collections::BTreeMap::new(),
        token: format!(
            "{:032x}",
            u128::from_ne_bytes(plimsoll_stdx::random::bytes())
        ),
        group: None,
        hierarchies: Hierarchies::default(),
    };
    let prepared = config.runner.prepare(spec, &dir)?;
    config.runner.start(prepared, &secrets)
}

/// An error with its causes on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// Asks and bounds the answer.
pub(super) fn ask(effect: Effect, target: Option<Target>, order: &Order, question: Question) {
    let asked = question_of(order, question);
    tokio::spawn(async move {
        let answer = match (target, asked) {
            (Some(target), Some((ask, within))) => {
                let answer = effect.config.probe.ask(&target, &ask);
                tokio::time::timeout(within, answer)
                    .await
                    .unwrap_or_else(|_| Err(format!("no answer within {} ms", within.as_millis())))
            }
            (Some(_) | None, _) => Err("it does not run".to_owned()),
        };
        effect
            .answer(Happening::Event(Event::Answered(question, answer)))
            .await;
    });
}

fn question_of(order: &Order, question: Question) -> Option<(Ask, Duration)> {
    let bound = |probe: &ProbeSpec| Duration::from_millis(probe.timeout_ms.max(1));
    if question == Question::WarmUp {
        let warm_up = order.warm_up.clone()?;
        let within = Duration::from_millis(warm_up.within_ms);
        return Some((Ask::WarmUp(warm_up), within));
    }
    let health = order.health.as_ref()?;
    match question {
        Question::Startup => {
            let probe = health.startup.clone();
            let within = bound(&probe);
            Some((Ask::Startup(probe), within))
        }
        Question::Readiness => {
            let probe = health.readiness.clone();
            let within = bound(&probe);
            Some((Ask::Readiness(probe), within))
        }
        Question::Liveness => {
            let probe = health.liveness.clone();
            let within = bound(&probe);
            Some((Ask::Liveness(probe), within))
        }
        Question::WarmUp => None,
    }
}

/// Sends a signal on a blocking thread. A failure needs no message: the machine uses more force when its time is
/// over.
pub(super) fn signal(effect: Effect, running: Arc<Running>, means: Means) {
    tokio::task::spawn_blocking(move || {
        let runner = &effect.config.runner;
        let done = match means {
            Means::Stop => runner.signal(&running, number(running.spec.order.stop_signal)),
            Means::Exchange => runner.signal(&running, libc::SIGUSR2),
            Means::Kill => runner.signal(&running, libc::SIGKILL),
            Means::Destroy => runner.destroy(&running),
        };
        drop(done);
    });
}

fn number(signal: StopSignal) -> i32 {
    match signal {
        StopSignal::Term => libc::SIGTERM,
        StopSignal::Int => libc::SIGINT,
        StopSignal::Quit => libc::SIGQUIT,
    }
}

/// Waits for the end of the shim, and reads what it left.
pub(super) fn watch(effect: Effect, running: Arc<Running>) {
    tokio::spawn(async move {
        wait_for_end(&running).await;
        let runner = Arc::clone(&effect.config.runner);
        let exit = tokio::task::spawn_blocking(move || runner.bury(&running)).await;
        let exit = exit.ok().and_then(Result::ok).flatten();
        effect.answer(Happening::Exited(exit)).await;
    });
}

/// How often a process is looked at where the reactor cannot watch it.
const LOOK_EVERY: Duration = Duration::from_millis(200);

async fn wait_for_end(running: &Running) {
    if let Ok(watched) = watched(running)
        && watched.readable().await.is_ok()
    {
        return;
    }
    while running.record.shim.is_alive() {
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

#[expect(
    deprecated,
    reason = "unsound only for types that lend out a descriptor which they do not own; the successor is unsafe"
)]
fn watched(running: &Running) -> io::Result<AsyncFd<OwnedFd>> {
    AsyncFd::with_interest(running.handle.try_clone()?, Interest::READABLE)
}

/// What is known of an end that nobody recorded.
pub(super) fn unrecorded(slot: &Slot, config: &Config, reason: ExitReason) -> ExitRecord {
    ExitRecord {
        instance: format!("{}-{}", slot.order.id, slot.generation),
        reason,
        at_ms: unix_ms(config.clock.wall()),
        max_rss_bytes: 0,
        cpu_ms: 0,
        killed_descendants: 0,
        lost_lines: 0,
    }
}
