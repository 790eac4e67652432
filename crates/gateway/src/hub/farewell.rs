//! Farewells: to one replica, and of the gateway itself.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use plimsoll_bundle::local::DrainSpec;
use tokio::sync::oneshot;
use tokio::time::sleep;

use super::{Hub, Refused};
use crate::control::{Drained, Refusal};
use crate::edge::core::Command;
use crate::edge::endpoint::Endpoint;

/// How often a drain looks.
const DRAIN_LOOK: Duration = Duration::from_millis(20);

const NO_BUDGET: DrainSpec = DrainSpec {
    requests_ms: 0,
    sockets_ms: 0,
    grace_ms: 0,
};

/// How long an idle connection may still bring a request when a successor serves: what is under way on it arrives, and
/// clients that are busy go over with their next request.
const LINGER: Duration = Duration::from_secs(1);

impl Hub {
    /// Ends this gateway, because another one serves the same sockets.
    pub(crate) fn succeed(&self) {
        self.succeeded.store(true, Ordering::Relaxed);
        self.ending.notify_one();
    }

    /// Says farewell to one replica; see [`crate::control::Client::drain`].
    pub(crate) async fn drain(&self, id: &str) -> Result<Drained, Refused> {
        let snapshot = self.current();
        let listed = snapshot
            .endpoints
            .iter()
            .find(|listed| listed.endpoint.id == id);
        let Some(listed) = listed else {
            return Err((Refusal::Unknown, format!("there is no endpoint `{id}`")));
        };
        let endpoint = &listed.endpoint;
        let budget = self.budget_of(endpoint).await;
        endpoint.start_drain();
        let start = Instant::now();
        let sockets = Duration::from_millis(budget.sockets_ms);
        for core in self.cores() {
            let endpoint = endpoint.key;
            let command = Command::CloseSockets {
                endpoint,
                budget: sockets,
            };
            // A core that is gone has no sockets.
            let _ = core.send(command).await;
        }
        let requests = Duration::from_millis(budget.requests_ms);
        loop {
            // Before the first look too: a core may have chosen the replica a moment before the drain began.
            sleep(DRAIN_LOOK).await;
            let (left, open) = (endpoint.in_flight(), endpoint.sockets());
            let elapsed = start.elapsed();
            let requests_over = left == 0 || elapsed >= requests;
            let sockets_over = open == 0 || elapsed >= sockets;
            if requests_over && sockets_over {
                return Ok(Drained {
                    requests_left: left,
                    sockets_left: open,
                    waited_ms: u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
                });
            }
        }
    }

    async fn budget_of(&self, endpoint: &Endpoint) -> DrainSpec {
        let state = self.state.lock().await;
        let table = state.table.as_ref().map(|stored| &stored.table);
        let service = table.and_then(|table| table.services.get(&endpoint.service));
        service.map_or(NO_BUDGET, |service| service.drain)
    }

    /// Says farewell to all clients and waits for the cores, for the longest budgets of the table.
    pub(crate) async fn drain_all(&self) {
        self.draining.store(true, Ordering::Relaxed);
        let (requests, sockets) = {
            let state = self.state.lock().await;
            let services = state
                .table
                .iter()
                .flat_map(|stored| stored.table.services.values());
            services.fold((0, 0), |(requests, sockets), service| {
                let drain = service.drain;
                (
                    requests.max(drain.requests_ms),
                    sockets.max(drain.sockets_ms),
                )
            })
        };
        let mut waiting = Vec::new();
        for core in self.cores() {
            let (done, drained) = oneshot::channel();
            let linger = if self.succeeded.load(Ordering::Relaxed) {
                LINGER
            } else {
                Duration::ZERO
            };
            let command = Command::Drain {
                linger,
                requests: Duration::from_millis(requests),
                sockets: Duration::from_millis(sockets),
                done,
            };
            if core.send(command).await.is_ok() {
                waiting.push(drained);
            }
        }
        for drained in waiting {
            // A core that is gone has nothing to wait for.
            let _ = drained.await;
        }
    }
}
