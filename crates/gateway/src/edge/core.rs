//! What one core has: its snapshot, pools, timers, log buffer and random numbers. Nothing here is shared but what
//! stands in [`Shared`].

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, mpsc, oneshot};

use super::check::Reject;
use super::pool::Pools;
use super::resp::{Address, Link};
use super::sockets::Sockets;
use super::timers::{TICK, Timers};
use super::values::Values;
use super::watch::{Command as Tell, Watch};
use crate::access_log::LogBuffer;
use crate::random::Random;
use crate::snapshot::Snapshot;

/// Commands to one core that have not been handled yet. The control thread waits for each answer, so a handful.
pub(crate) const MAX_COMMANDS: usize = 64;
/// Idle connections and pools are looked at once per this many ticks, so once a second.
const TICKS_PER_SWEEP: u32 = 10;

/// Redis servers that one core is connected to: what one table names is one or two, and those of the table before.
const MAX_LINKS: usize = 8;

/// What all cores and the control thread share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) started: Instant,
    pub(crate) started_unix_ms: u64,
    pub(crate) gauges: Vec<Gauges>,
    rejects: [AtomicU64; Reject::ALL.len()],
    /// Requests that reached no route, by status class, for the metrics.
    pub(crate) unrouted: super::stats::RouteStats,
    pub(crate) tls_failures: AtomicU64,
    pub(crate) log_lost: Arc<AtomicU64>,
    /// Requests on which a shared limit had no say.
    pub(crate) limit_alone: AtomicU64,
}

/// One core's gauges, written by it ten times a second.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Gauges {
    pub(crate) connections: AtomicU64,
    pub(crate) accepted: AtomicU64,
    pub(crate) in_flight: AtomicU64,
    pub(crate) sockets: AtomicU64,
    pub(crate) idle_upstreams: AtomicU64,
}

impl Shared {
    /// Zeroes for `cores` cores.
    pub(crate) fn new(cores: usize) -> Self {
        Self {
            started: Instant::now(),
            started_unix_ms: plimsoll_stdx::clock::unix_ms(std::time::SystemTime::now()),
            gauges: (0..cores).map(|_| Gauges::default()).collect(),
            rejects: Default::default(),
            unrouted: super::stats::RouteStats::new(cores),
            tls_failures: AtomicU64::new(0),
            log_lost: Arc::default(),
            limit_alone: AtomicU64::new(0),
        }
    }

    /// Counts a request that was no request.
    pub(crate) fn rejected(&self, reject: Reject) {
        self.rejects[reject.index()].fetch_add(1, Ordering::Relaxed);
    }

    /// How many there were for this reason.
    pub(crate) fn rejects(&self, reject: Reject) -> u64 {
        self.rejects[reject.index()].load(Ordering::Relaxed)
    }

    /// Milliseconds since the Unix epoch at `now`.
    pub(crate) fn unix_ms(&self, now: Instant) -> u64 {
        let since = now.saturating_duration_since(self.started);
        self.started_unix_ms + u64::try_from(since.as_millis()).unwrap_or(0)
    }

    /// Nanoseconds since start, for the rate limits.
    pub(crate) fn nanoseconds(&self, now: Instant) -> u64 {
        let since = now.saturating_duration_since(self.started);
        u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
    }
}

/// What the control thread tells a core.
#[derive(Debug)]
pub(crate) enum Command {
    /// Use this snapshot from now on, and say when.
    Swap(Arc<Snapshot>, oneshot::Sender<()>),
    /// Say farewell to the sockets of one endpoint.
    CloseSockets {
        /// Its key.
        endpoint: u64,
        /// The budget for sockets.
        budget: Duration,
    },
    /// Accept nothing more, finish, and say when it is done or the budgets are over.
    Drain {
        /// For requests in flight.
        requests: Duration,
        /// For sockets.
        sockets: Duration,
        /// How long idle connections may still bring a request.
        linger: Duration,
        /// Answered at the end.
        done: oneshot::Sender<()>,
    },
}

/// The snapshot that one core routes by. Who has it is counted per core: one count for all would go from one core's
/// cache to the other's at each request.
pub(crate) type InForce = Rc<Arc<Snapshot>>;

/// One core.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) id: usize,
    pub(crate) shared: Arc<Shared>,
    pub(crate) random: Random,
    pub(crate) values: Values,
    pub(crate) timers: Rc<Timers>,
    pub(crate) pools: Rc<Pools>,
    pub(crate) sockets: Rc<Sockets>,
    pub(crate) log: LogBuffer,
    pub(crate) in_flight: Cell<u64>,
    snapshot: RefCell<InForce>,
    watches: RefCell<HashMap<u64, Arc<Watch>>>,
    links: RefCell<Vec<(Address, Rc<Link>)>>,
    next_connection: Cell<u64>,
    draining: Cell<bool>,
    /// Ends the loops that accept.
    pub(crate) leaving: Notify,
}

impl Core {
    /// A core that routes by `snapshot`.
    pub(crate) fn new(
        id: usize,
        shared: Arc<Shared>,
        snapshot: Arc<Snapshot>,
        log: LogBuffer,
    ) -> Rc<Self> {
        let timers = Rc::new(Timers::default());
        Rc::new(Self {
            id,
            shared,
            random: Random::seeded(),
            values: Values::default(),
            pools: Rc::new(Pools::new(Rc::clone(&timers))),
            timers,
            sockets: Rc::default(),
            log,
            in_flight: Cell::new(0),
            snapshot: RefCell::new(Rc::new(snapshot)),
            watches: RefCell::default(),
            links: RefCell::default(),
            next_connection: Cell::new(0),
            draining: Cell::new(false),
            leaving: Notify::new(),
        })
    }

    /// The snapshot in force.
    pub(crate) fn snapshot(&self) -> InForce {
        Rc::clone(&self.snapshot.borrow())
    }

    /// This core's connection to a Redis; the first who asks opens it.
    pub(crate) fn link(&self, address: &Address) -> Rc<Link> {
        let mut links = self.links.borrow_mut();
        if let Some((_, link)) = links.iter().find(|(known, _)| known == address) {
            return Rc::clone(link);
        }
        if links.len() >= MAX_LINKS {
            links.remove(0);
        }
        let link = Rc::new(Link::open(address.clone()));
        links.push((address.clone(), Rc::clone(&link)));
        link
    }

    /// Whether this core says farewell.
    pub(crate) fn is_draining(&self) -> bool {
        self.draining.get()
    }

    /// A new connection, watched until the returned id is given to [`Core::leave`].
    pub(crate) fn enter(&self) -> (u64, Arc<Watch>) {
        let id = self.next_connection.get();
        self.next_connection.set(id + 1);
        let watch = Arc::new(Watch::new(self.timers.now()));
        self.watches.borrow_mut().insert(id, Arc::clone(&watch));
        let accepted = &self.shared.gauges[self.id].accepted;
        accepted.store(accepted.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        (id, watch)
    }

    /// A connection has ended.
    pub(crate) fn leave(&self, id: u64) {
        self.watches.borrow_mut().remove(&id);
    }

    /// Ticks until the runtime ends.
    pub(crate) async fn keep_time(self: Rc<Self>) {
        let mut interval = tokio::time::interval(TICK);
        interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        loop {
            interval.tick().await;
            self.timers.sweep();
            self.store_gauges();
            if self.timers.now().is_multiple_of(TICKS_PER_SWEEP) {
                self.sweep();
            }
        }
    }

    fn sweep(&self) {
        let now = self.timers.now();
        for watch in self.watches.borrow().values() {
            watch.sweep(now);
        }
        let snapshot = self.snapshot();
        self.pools.sweep(|pool| snapshot.knows_pool(pool));
        self.log.flush();
    }

    fn store_gauges(&self) {
        let gauges = &self.shared.gauges[self.id];
        let store = |gauge: &AtomicU64, value: usize| gauge.store(value as u64, Ordering::Relaxed);
        store(&gauges.connections, self.watches.borrow().len());
        store(&gauges.sockets, self.sockets.len());
        store(&gauges.idle_upstreams, self.pools.len());
        gauges
            .in_flight
            .store(self.in_flight.get(), Ordering::Relaxed);
    }

    /// Handles commands until a drain is done or the control thread is gone.
    pub(crate) async fn obey(self: Rc<Self>, mut commands: mpsc::Receiver<Command>) {
        while let Some(command) = commands.recv().await {
            match command {
                Command::Swap(snapshot, done) => {
                    *self.snapshot.borrow_mut() = Rc::new(snapshot);
                    // Whoever asked may have given up waiting.
                    let _ = done.send(());
                }
                Command::CloseSockets { endpoint, budget } => {
                    self.sockets.close(Some(endpoint), budget, &self.random);
                }
                Command::Drain {
                    requests,
                    sockets,
                    linger,
                    done,
                } => {
                    self.drain(requests, sockets, linger).await;
                    let _ = done.send(());
                    return;
                }
            }
        }
    }

    async fn drain(&self, requests: Duration, sockets: Duration, linger: Duration) {
        self.draining.set(true);
        self.leaving.notify_waiters();
        self.close_connections(!linger.is_zero());
        self.sockets.close(None, sockets, &self.random);
        let start = Instant::now();
        let mut interval = tokio::time::interval(TICK / 4);
        loop {
            interval.tick().await;
            let sockets_open = self.sockets.len() > 0;
            let budget = if sockets_open {
                requests.max(sockets)
            } else {
                requests
            };
            if start.elapsed() >= linger {
                self.close_connections(false);
            }
            let idle = self.watches.borrow().is_empty() && !sockets_open;
            if idle || start.elapsed() >= budget {
                break;
            }
        }
        self.log.flush();
    }

    /// Tells connections to close after what they have in flight, but, where `but_idle`, those that may bring another
    /// request in this moment: its answer says that the connection ends.
    fn close_connections(&self, but_idle: bool) {
        for watch in self.watches.borrow().values() {
            if !(but_idle && watch.may_be_sending()) {
                watch.tell(Tell::Close);
            }
        }
    }
}
