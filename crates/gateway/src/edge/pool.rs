//! Connections to replicas, kept per core.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::SendRequest;

use super::endpoint::InFlight;
use super::request_body::{Progress, RequestBody};
use super::timers::{Timers, ticks};

/// Idle connections per replica and core: as many as the requests that one core has in flight at saturation.
const MAX_IDLE: usize = 64;
/// Age of an idle connection: below the 5 s after which Node's server closes one, the shortest default around.
pub(crate) const MAX_AGE: Duration = Duration::from_secs(4);

/// A connection's sending half.
pub(crate) type Sender = SendRequest<RequestBody>;
/// What came of sending on it.
pub(crate) type Sent = Result<Response<Incoming>, TrySendError<Request<RequestBody>>>;

/// The idle connections of one core.
#[derive(Debug)]
pub(crate) struct Pools {
    idle: RefCell<HashMap<u64, Vec<Idle>>>,
    timers: Rc<Timers>,
    count: Cell<usize>,
}

#[derive(Debug)]
struct Idle {
    sender: Sender,
    since: u32,
}

impl Pools {
    /// No connections.
    pub(crate) fn new(timers: Rc<Timers>) -> Self {
        Self {
            idle: RefCell::default(),
            timers,
            count: Cell::new(0),
        }
    }

    /// An idle connection that is open, as far as can be known, and ready. The one used last comes first, so that
    /// the others may age.
    pub(crate) async fn take(&self, key: u64) -> Option<Sender> {
        loop {
            let mut idle = self.idle.borrow_mut().get_mut(&key)?.pop()?;
            self.count.set(self.count.get().saturating_sub(1));
            let too_old = self.timers.now().saturating_sub(idle.since) > ticks(MAX_AGE);
            if too_old || idle.sender.is_closed() {
                continue;
            }
            if idle.sender.is_ready() || becomes_ready(&mut idle.sender).await {
                return Some(idle.sender);
            }
        }
    }

    fn put(&self, key: u64, sender: Sender) {
        if sender.is_closed() {
            return;
        }
        let mut idle = self.idle.borrow_mut();
        let list = idle.entry(key).or_default();
        if list.len() < MAX_IDLE {
            let since = self.timers.now();
            list.push(Idle { sender, since });
            self.count.set(self.count.get() + 1);
        }
    }

    /// Closes what is too old, closed already, or of a replica that is no longer there.
    pub(crate) fn sweep(&self, is_known: impl Fn(u64) -> bool) {
        let now = self.timers.now();
        let mut idle = self.idle.borrow_mut();
        idle.retain(|key, list| {
            list.retain(|idle| {
                !idle.sender.is_closed() && now.saturating_sub(idle.since) <= ticks(MAX_AGE)
            });
            !list.is_empty() && is_known(*key)
        });
        self.count.set(idle.values().map(Vec::len).sum());
    }

    /// Idle connections.
    pub(crate) fn len(&self) -> usize {
        self.count.get()
    }
}

/// A connection whose last response was read to its end becomes ready as soon as its own task has run. One turn
/// through the loop is enough; who is not ready then is still busy with something else, and is dropped.
async fn becomes_ready(sender: &mut Sender) -> bool {
    let mut turns = 0;
    poll_fn(|context| match sender.poll_ready(context) {
        Poll::Ready(outcome) => Poll::Ready(outcome.is_ok()),
        Poll::Pending if turns >= 2 => Poll::Ready(false),
        Poll::Pending => {
            turns += 1;
            context.waker().wake_by_ref();
            Poll::Pending
        }
    })
    .await
}

/// A connection in use, with the request's place in the replica's count. It goes back to its pool when the
/// response was read to its end and the request was sent to its end; otherwise it is closed.
#[derive(Debug)]
pub(crate) struct Lease {
    pub(crate) pools: Rc<Pools>,
    /// The core that it is used on.
    pub(crate) core: usize,
    pub(crate) key: u64,
    pub(crate) sender: Option<Sender>,
    /// Whether it served another request before.
    pub(crate) reused: bool,
    /// The request's body, where it was passed on as it came.
    pub(crate) progress: Option<Rc<Progress>>,
    pub(crate) in_flight: Option<InFlight>,
}

impl Lease {
    /// Begins to send a request; what it gives waits for the answer's head. `None` where the connection is gone.
    pub(crate) fn send(
        &mut self,
        request: Request<RequestBody>,
        progress: Option<Rc<Progress>>,
    ) -> Option<impl Future<Output = Sent> + use<>> {
        self.progress = progress;
        let sender = self.sender.as_mut()?;
        Some(sender.try_send_request(request))
    }

    /// The response was read to its end.
    pub(crate) fn finished(&mut self) {
        let sent = self
            .progress
            .as_ref()
            .is_none_or(|progress| progress.done.get());
        if let Some(sender) = self.sender.take().filter(|_| sent) {
            self.pools.put(self.key, sender);
        }
        self.in_flight = None;
    }

    /// The connection failed after the client had got a part of the answer.
    pub(crate) fn broken_off(&mut self) {
        if let Some(in_flight) = &self.in_flight {
            in_flight.endpoint().tally.broken_off(self.core);
        }
        self.failed();
    }

    /// The connection failed.
    pub(crate) fn failed(&mut self) {
        self.sender = None;
        if let Some(in_flight) = self.in_flight.take() {
            let failures = &in_flight.endpoint().failures;
            failures.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
    }
}
