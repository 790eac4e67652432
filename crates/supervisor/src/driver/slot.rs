//! One process as the loop knows it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use plimsoll_bundle::Digest;
use plimsoll_stdx::usage::Usage;

use super::SuperviseError;
use super::status::{Entry, ProcessStatus};
use crate::machine::{Machine, Rules, State};
use crate::order::{Isolation, Kind, Order, Root};
use crate::probe::Target;
use crate::record::ExitRecord;
use crate::runner::{Runner, Running, addresses};

/// Longest id. With a generation of 20 digits and a temporary file's suffix a directory name stays below 255.
const MAX_ID: usize = 64;

#[derive(Debug)]
pub(super) struct Slot {
    pub(super) order: Arc<Order>,
    pub(super) digest: Digest,
    pub(super) machine: Machine,
    pub(super) generation: u64,
    pub(super) running: Option<Arc<Running>>,
    pub(super) dir: Option<PathBuf>,
    pub(super) last_exit: Option<ExitRecord>,
}

impl Slot {
    pub(super) fn try_new(order: Order) -> Result<Self, SuperviseError> {
        ensure_order(&order)?;
        let digest = order.digest().map_err(|error| SuperviseError::Orders {
            id: order.id.clone(),
            reason: error.to_string(),
        })?;
        let machine = Machine::new(rules(&order));
        Ok(Self {
            order: Arc::new(order),
            digest,
            machine,
            generation: 0,
            running: None,
            dir: None,
            last_exit: None,
        })
    }

    /// Whether nothing of it runs and nothing will by itself.
    pub(super) fn has_ended(&self) -> bool {
        let ended = matches!(
            self.machine.state(),
            State::Idle | State::Stopped | State::Failed { .. }
        );
        ended && self.running.is_none()
    }

    pub(super) fn adopt(&mut self, running: Arc<Running>) {
        self.generation = running.spec.generation;
        self.dir = Some(running.dir.clone());
        self.running = Some(running);
    }

    /// Longest time that a stop can take: the machine's three steps and the shim's own tidying.
    pub(super) fn stop_bound(&self) -> Duration {
        let grace = Duration::from_millis(self.order.grace_ms);
        grace + crate::machine::KILL_PATIENCE * 2 + Duration::from_secs(20)
    }

    pub(super) fn target(&self) -> Option<Target> {
        let running = self.running.as_ref()?;
        Some(Target {
            instance: running.spec.instance(),
            order: Arc::clone(&self.order),
            ports: addresses(running),
        })
    }

    pub(super) fn entry(&self, runner: &Arc<dyn Runner>) -> Entry {
        let ports = self.running.as_deref().map(addresses);
        Entry {
            status: ProcessStatus {
                id: self.order.id.clone(),
                generation: self.generation,
                kind: self.order.kind,
                service: self.order.service.clone(),
                release: self.order.release.clone(),
                orders: self.digest.clone(),
                state: self.machine.state().clone(),
                pid: None,
                shim_pid: None,
                class: None,
                runtime: None,
                controls: Vec::new(),
                ports: ports.unwrap_or_default(),
                restarts: self.machine.restarts(),
                since_ms: None,
                usage: Usage::default(),
                group: None,
                last_exit: self.last_exit.clone(),
                dir: self.dir.clone(),
            },
            running: self.running.clone(),
            runner: Arc::clone(runner),
        }
    }
}

fn rules(order: &Order) -> Rules {
    Rules {
        health: order.health.clone(),
        warm_up: order.warm_up.clone(),
        drain: Duration::from_millis(order.drain_ms),
        grace: Duration::from_millis(order.grace_ms),
        restart: order.restart,
        once: order.kind == Kind::Job,
    }
}

fn ensure_order(order: &Order) -> Result<(), SuperviseError> {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let reason = if order.id.is_empty() || order.id.len() > MAX_ID {
        format!("an id has 1 to {MAX_ID} characters")
    } else if !order.id.bytes().all(fits) {
        "an id has lower-case letters, digits and `-` only".to_owned()
    } else if !order
        .command
        .first()
        .is_some_and(|program| program.starts_with('/'))
    {
        "the program is no absolute path".to_owned()
    } else if order.user.as_ref().is_some_and(|user| user.uid == 0) {
        "nothing runs as root".to_owned()
    } else if order.isolation == Isolation::Contained && order.kind == Kind::Keeper {
        "a keeper holds this machine's ports and cannot be contained".to_owned()
    } else if !order.backend.is_own() && order.isolation == Isolation::Shared {
        "only a contained process is started by an OCI runtime".to_owned()
    } else if matches!(order.root, Root::Image(_)) && order.isolation == Isolation::Shared {
        "only a contained process has an image's tree".to_owned()
    } else if order.isolation == Isolation::Contained && order.root == Root::Host {
        "a contained process has a file tree of its own".to_owned()
    } else if order.kind != Kind::Keeper && !order.listeners.is_empty() {
        "only a keeper has listeners".to_owned()
    } else if order
        .listeners
        .iter()
        .any(|listener| !(1..=16).contains(&listener.count))
    {
        "a listener has 1 to 16 sockets".to_owned()
    } else {
        return Ok(());
    };
    Err(SuperviseError::Orders {
        id: order.id.clone(),
        reason,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_that_could_leave_their_directory_or_run_as_root_are_refused() {
        let good = Order::new("backend-1", Kind::Replica, vec!["/bin/true".into()]);
        assert!(Slot::try_new(good.clone()).is_ok());
        for id in ["", "../x", "A", "a b", &"x".repeat(65)] {
            let order = Order {
                id: id.to_owned(),
                ..good.clone()
            };
            assert!(Slot::try_new(order).is_err(), "{id}");
        }
        let user = crate::order::User {
            uid: 0,
            gid: 0,
            name: "root".into(),
            inside: None,
        };
        assert!(
            Slot::try_new(Order {
                user: Some(user),
                ..good.clone()
            })
            .is_err()
        );
        assert!(
            Slot::try_new(Order {
                command: vec!["true".into()],
                ..good.clone()
            })
            .is_err()
        );
        assert!(
            Slot::try_new(Order {
                command: vec![],
                ..good
            })
            .is_err()
        );
    }
}
