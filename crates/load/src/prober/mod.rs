//! Light, steady traffic through the public door for as long as something changes behind it: the client that would
//! have noticed.
//!
//! Per target three clients: one that opens a connection for every request, one that keeps its connection, and, where
//! the target takes WebSockets, one that keeps a socket open and pings it.

mod requests;
mod sockets;

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use http::StatusCode;
use tokio::sync::watch;
use tokio::time::timeout_at;

use crate::http1::Connection;
use crate::{Address, Connector, Tally};

/// Between two requests of a client that keeps its connection.
const KEPT: Duration = Duration::from_millis(50);
/// Between two requests of a client that opens a connection for each.
const FRESH: Duration = Duration::from_millis(100);

/// The whole first round takes no longer: a change that may be meant to mend what does not answer does not wait for it.
const LEARN: Duration = Duration::from_secs(1);

/// Something to ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// A name for people: the route's.
    pub name: String,
    /// Where it is.
    pub address: Address,
    /// The path of the request.
    pub path: String,
    /// Whether it is opened as a WebSocket.
    pub socket: bool,
}

/// A target that is not probed, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// The target's name.
    pub name: String,
    /// Why.
    pub reason: String,
}

/// Sends requests until it is stopped or dropped.
#[derive(Debug)]
pub struct Prober {
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
    /// Targets that are not probed.
    pub skipped: Vec<Skipped>,
    /// How many targets are probed.
    pub probed: usize,
}

/// What the clients of one prober share.
#[derive(Debug)]
pub(crate) struct Shared {
    connector: Connector,
    began: Instant,
    tally: Mutex<Tally>,
}

/// A target with the status that it answers with while all is well.
#[derive(Debug, Clone)]
struct Learnt {
    target: Target,
    expected: StatusCode,
}

impl Shared {
    fn count(&self, change: impl FnOnce(&mut Tally)) {
        change(&mut self.tally.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Prober {
    /// Asks for every target once, so that its usual answer is known, then goes on asking on a thread of its own.
    /// Targets that do not answer as a living app does (a failure, a rate limit, no WebSocket) are skipped, with the
    /// reason. Returns when the first round is over: after a second at most.
    pub fn start(connector: Connector, targets: Vec<Target>) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let shared = Arc::new(Shared {
            connector,
            began: Instant::now(),
            tally: Mutex::default(),
        });
        let (learnt, skipped) = runtime.block_on(learn(&shared, targets));
        let (stop, stopped) = watch::channel(false);
        let probed = learnt.len();
        let working = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("prober".into())
            .spawn(move || runtime.block_on(work(working, learnt, stopped)))?;
        Ok(Self {
            shared,
            stop,
            thread: Some(thread),
            skipped,
            probed,
        })
    }

    /// What came of it so far.
    pub fn tally(&self) -> Tally {
        let tally = self.shared.tally.lock();
        tally.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Finishes the requests that are under way, closes the sockets, and says what came of it all.
    pub fn stop(mut self) -> Tally {
        self.end();
        self.tally()
    }

    fn end(&mut self) {
        // Nobody listens when there is nothing to probe.
        let _ = self.stop.send(true);
        if let Some(thread) = self.thread.take() {
            // A client that panicked has said so; what was counted stays.
            let _ = thread.join();
        }
    }
}

impl Drop for Prober {
    fn drop(&mut self) {
        self.end();
    }
}

async fn learn(shared: &Shared, targets: Vec<Target>) -> (Vec<Learnt>, Vec<Skipped>) {
    let mut learnt = Vec::new();
    let mut skipped = Vec::new();
    let deadline = tokio::time::Instant::now() + LEARN;
    for target in targets {
        let asked = timeout_at(deadline, async {
            if target.socket {
                sockets::learn(shared, &target).await
            } else {
                usual(shared, &target).await
            }
        });
        let late = |_| Err("no answer in time before the change".to_owned());
        match asked.await.unwrap_or_else(late) {
            Ok(expected) => learnt.push(Learnt { target, expected }),
            Err(reason) => skipped.push(Skipped {
                name: target.name,
                reason,
            }),
        }
    }
    (learnt, skipped)
}

async fn usual(shared: &Shared, target: &Target) -> Result<StatusCode, String> {
    let answer = async {
        let mut connection = Connection::open(&shared.connector, &target.address).await?;
        connection.get(&target.path).await
    };
    let answer = answer.await.map_err(|lost| lost.reason)?;
    let status = answer.status;
    if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
        return Err(format!("it answers {status} before the change"));
    }
    if let Some(build) = &answer.build {
        let at = shared.began.elapsed();
        shared.count(|tally| tally.knew(build, at));
    }
    Ok(status)
}

async fn work(shared: Arc<Shared>, targets: Vec<Learnt>, stopped: watch::Receiver<bool>) {
    let mut clients = Vec::new();
    for learnt in targets {
        let learnt = Arc::new(learnt);
        if learnt.target.socket {
            let client = sockets::run(Arc::clone(&shared), learnt, stopped.clone());
            clients.push(tokio::spawn(client));
            continue;
        }
        for (keeps, pause) in [(true, KEPT), (false, FRESH)] {
            let shared = Arc::clone(&shared);
            let client =
                requests::run(shared, Arc::clone(&learnt), (keeps, pause), stopped.clone());
            clients.push(tokio::spawn(client));
        }
    }
    for client in clients {
        // One that panicked has said so.
        let _ = client.await;
    }
}
