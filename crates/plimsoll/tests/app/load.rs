//! Steady idempotent traffic while something is killed.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use hyper::StatusCode;

use super::http::{Connection, block_on};

const CONNECTIONS: u64 = 8;
const PER_SECOND: u64 = 200;

/// What a spell of traffic saw.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) requests: u64,
    pub(crate) failed: Vec<String>,
}

/// Traffic that goes on until it is stopped.
pub(crate) struct Traffic {
    stop: Arc<AtomicBool>,
    done: Arc<AtomicU64>,
    thread: JoinHandle<Tally>,
}

impl Traffic {
    /// 200 GETs a second over 8 keep-alive connections, each answered by a replica.
    pub(crate) fn start(address: SocketAddr) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let done = Arc::new(AtomicU64::new(0));
        let (until, count) = (stop.clone(), done.clone());
        let thread = std::thread::spawn(move || block_on(run(address, until, count)));
        Self { stop, done, thread }
    }

    /// Requests that were answered so far.
    pub(crate) fn answered(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    pub(crate) fn stop(self) -> Tally {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

async fn run(address: SocketAddr, until: Arc<AtomicBool>, done: Arc<AtomicU64>) -> Tally {
    let mut tasks = Vec::new();
    for _ in 0..CONNECTIONS {
        tasks.push(tokio::spawn(one(address, until.clone(), done.clone())));
    }
    let mut tally = Tally::default();
    for task in tasks {
        let part = task.await.unwrap();
        tally.requests += part.requests;
        tally.failed.extend(part.failed);
    }
    tally
}

async fn one(address: SocketAddr, until: Arc<AtomicBool>, done: Arc<AtomicU64>) -> Tally {
    let mut tally = Tally::default();
    let mut connection = Connection::open(address).await.unwrap();
    let mut pace =
        tokio::time::interval(Duration::from_micros(1_000_000 * CONNECTIONS / PER_SECOND));
    while !until.load(Ordering::Relaxed) {
        pace.tick().await;
        tally.requests += 1;
        match connection.get("/api/v1/version").await {
            Ok(answer) if answer.status == StatusCode::OK => {
                done.fetch_add(1, Ordering::Relaxed);
            }
            Ok(answer) => tally
                .failed
                .push(format!("{} {:?}", answer.status, answer.body)),
            Err(error) => {
                tally.failed.push(error.to_string());
                if let Ok(next) = Connection::open(address).await {
                    connection = next;
                }
            }
        }
    }
    tally
}
