//! A replica as every core sees it: shared counters, and whether it may get traffic.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use plimsoll_bundle::endpoints::{self, Address};
use tokio::sync::Notify;

use super::tally::Tally;
use crate::control::Health;
use crate::identity::Peer;

/// A replica. It lives as long as a snapshot or a request names it.
#[derive(Debug)]
pub(crate) struct Endpoint {
    /// Unique in this process; names its connection pools.
    pub(crate) key: u64,
    /// The service's name.
    pub(crate) service: String,
    /// The replica's id.
    pub(crate) id: String,
    /// The release that it runs.
    pub(crate) release: String,
    /// How to open a connection to each of its ports.
    pub(crate) ports: BTreeMap<String, Address>,
    /// Wakes its prober before the next turn.
    pub(crate) probe_now: Notify,
    /// How both prove who they are, where they do.
    pub(crate) peer: Option<Peer>,
    /// What it did with its requests.
    pub(crate) tally: Arc<Tally>,
    /// Requests that it failed.
    pub(crate) failures: AtomicU64,
    /// Requests per weight that it was chosen for, as the balancer counts them.
    pub(crate) turn: AtomicU64,
    in_flight: AtomicU32,
    sockets: AtomicU32,
    health: AtomicU8,
    draining: AtomicBool,
    last_error: Mutex<Option<String>>,
}

const UNKNOWN: u8 = 0;
const READY: u8 = 1;
const UNREADY: u8 = 2;

static NEXT_KEY: AtomicU64 = AtomicU64::new(1);

impl Endpoint {
    /// A replica that no probe has seen yet.
    pub(crate) fn new(
        service: &str,
        document: &endpoints::Endpoint,
        tally: Arc<Tally>,
        peer: Option<Peer>,
    ) -> Self {
        Self {
            key: NEXT_KEY.fetch_add(1, Ordering::Relaxed),
            service: service.to_owned(),
            id: document.id.clone(),
            release: document.release.clone(),
            ports: document.ports.clone(),
            probe_now: Notify::new(),
            tally,
            peer,
            failures: AtomicU64::new(0),
            turn: AtomicU64::new(0),
            in_flight: AtomicU32::new(0),
            sockets: AtomicU32::new(0),
            health: AtomicU8::new(UNKNOWN),
            draining: AtomicBool::new(false),
            last_error: Mutex::new(None),
        }
    }

    /// What the probe says.
    pub(crate) fn health(&self) -> Health {
        match self.health.load(Ordering::Relaxed) {
            READY => Health::Ready,
            UNREADY => Health::Unready,
            _ => Health::Unknown,
        }
    }

    /// Whether new requests may go there, as far as the gateway itself knows.
    pub(crate) fn takes_traffic(&self) -> bool {
        self.health.load(Ordering::Relaxed) == READY && !self.draining.load(Ordering::Relaxed)
    }

    /// A probe succeeded.
    pub(crate) fn mark_ready(&self) {
        self.health.store(READY, Ordering::Relaxed);
    }

    /// Enough probes failed, or a connection did: no traffic until a probe succeeds.
    pub(crate) fn mark_unready(&self, why: String) {
        self.health.store(UNREADY, Ordering::Relaxed);
        *self
            .last_error
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(why);
    }

    /// A connection could not be opened: withdraws traffic at once and asks for a probe.
    pub(crate) fn eject(&self, why: String) {
        self.failures.fetch_add(1, Ordering::Relaxed);
        self.mark_unready(why);
        self.probe_now.notify_one();
    }

    /// Why the last failed probe failed.
    pub(crate) fn last_error(&self) -> Option<String> {
        self.last_error
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Nothing new goes there from now on.
    pub(crate) fn start_drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Whether nothing new goes there.
    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// Traffic may go there again: a later endpoints document says so.
    pub(crate) fn end_drain(&self) {
        self.draining.store(false, Ordering::Relaxed);
    }

    /// Requests in flight, without sockets.
    pub(crate) fn in_flight(&self) -> u32 {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Tunnels and event streams.
    pub(crate) fn sockets(&self) -> u32 {
        self.sockets.load(Ordering::Relaxed)
    }

    /// Counts a request until the returned value is dropped.
    pub(crate) fn begin(self: &Arc<Self>) -> InFlight {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        InFlight {
            endpoint: Arc::clone(self),
            socket: false,
        }
    }
}

/// A request, or a socket, that a replica serves now.
#[derive(Debug)]
pub(crate) struct InFlight {
    endpoint: Arc<Endpoint>,
    socket: bool,
}

impl InFlight {
    /// Counts as a socket from now on: it ends by the second budget of the drain, not by the first.
    pub(crate) fn becomes_socket(&mut self) {
        if !self.socket {
            self.socket = true;
            self.endpoint.sockets.fetch_add(1, Ordering::Relaxed);
            self.endpoint.in_flight.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// The replica.
    pub(crate) fn endpoint(&self) -> &Arc<Endpoint> {
        &self.endpoint
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let counter = if self.socket {
            &self.endpoint.sockets
        } else {
            &self.endpoint.in_flight
        };
        counter.fetch_sub(1, Ordering::Relaxed);
    }
}
