//! Connections that live long: WebSocket tunnels and event streams. They are counted, and told to close one by one
//! when a replica or the gateway says farewell, because everybody reconnecting at the same moment is an outage.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::random::Random;

/// Farewells are spread over this much of the budget for sockets, or all of it where it is shorter. Five seconds
/// turn 1,000 clients into 200 reconnections per second.
const SPREAD: Duration = Duration::from_secs(5);

/// The sockets of one core.
#[derive(Debug, Default)]
pub(crate) struct Sockets {
    next: Cell<u64>,
    open: RefCell<HashMap<u64, Entry>>,
    /// The gateway itself is leaving.
    leaving: Cell<bool>,
}

#[derive(Debug)]
struct Entry {
    endpoint: u64,
    farewell: Rc<Farewell>,
}

/// Tells one socket to close.
#[derive(Debug, Default)]
pub(crate) struct Farewell {
    said: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl Farewell {
    fn say(&self) {
        self.said.set(true);
        if let Some(waker) = self.waker.borrow_mut().take() {
            waker.wake();
        }
    }

    /// Whether it is time to close; the task is woken when it is.
    pub(crate) fn poll(&self, context: &Context<'_>) -> Poll<()> {
        if self.said.get() {
            return Poll::Ready(());
        }
        *self.waker.borrow_mut() = Some(context.waker().clone());
        Poll::Pending
    }

    /// Waits until it is time to close.
    pub(crate) async fn wait(&self) {
        poll_fn(|context| self.poll(context)).await;
    }
}

/// A socket's place in the list; it leaves when this is dropped.
#[derive(Debug)]
pub(crate) struct Ticket {
    sockets: Rc<Sockets>,
    id: u64,
    pub(crate) farewell: Rc<Farewell>,
}

impl Sockets {
    /// Adds a socket that leads to the endpoint with this key. It was asked for before and opens only now: where the
    /// endpoint is `leaving` meanwhile, or the gateway is, the farewell to all others does not reach it, so it is told
    /// at once.
    pub(crate) fn enter(self: &Rc<Self>, endpoint: u64, leaving: bool) -> Ticket {
        let id = self.next.get();
        self.next.set(id + 1);
        let farewell = Rc::new(Farewell::default());
        farewell.said.set(leaving || self.leaving.get());
        let entry = Entry {
            endpoint,
            farewell: Rc::clone(&farewell),
        };
        self.open.borrow_mut().insert(id, entry);
        Ticket {
            sockets: Rc::clone(self),
            id,
            farewell,
        }
    }

    /// Open sockets.
    pub(crate) fn len(&self) -> usize {
        self.open.borrow().len()
    }

    /// Says farewell to the sockets of one endpoint, or to all, spread over a part of `budget`. Returns at once.
    pub(crate) fn close(&self, endpoint: Option<u64>, budget: Duration, random: &Random) {
        self.leaving.set(self.leaving.get() || endpoint.is_none());
        let spread = budget.min(SPREAD);
        let spread_ms = u64::try_from(spread.as_millis()).unwrap_or(u64::MAX);
        for entry in self.open.borrow().values() {
            if endpoint.is_some_and(|endpoint| endpoint != entry.endpoint) {
                continue;
            }
            let farewell = Rc::clone(&entry.farewell);
            let after = Duration::from_millis(random.below(spread_ms.saturating_add(1)));
            tokio::task::spawn_local(async move {
                tokio::time::sleep(after).await;
                farewell.say();
            });
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.sockets.open.borrow_mut().remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_that_opens_while_its_replica_or_the_gateway_leaves_is_told_to_close() {
        let sockets = Rc::new(Sockets::default());
        let told = |ticket: &Ticket| ticket.farewell.said.get();
        assert!(!told(&sockets.enter(1, false)));
        assert!(told(&sockets.enter(1, true)));
        sockets.close(Some(1), Duration::ZERO, &Random::seeded());
        assert!(!told(&sockets.enter(2, false)));
        sockets.close(None, Duration::ZERO, &Random::seeded());
        assert!(told(&sockets.enter(2, false)));
    }
}
