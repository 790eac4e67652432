//! The gateway's own readiness probes: they never stop, they only move traffic, and they restart nothing.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, header};
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use plimsoll_bundle::local::{Check, GatewayTable, Probe};
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};

use crate::control::Health;
use crate::edge::dial::{Upstream, dial};
use crate::edge::endpoint::Endpoint;
use crate::snapshot::Snapshot;

/// A replica without traffic is asked this often at least, so that it is not idle for a whole period after it came
/// up.
const EAGER: Duration = Duration::from_millis(250);
/// Two probes of one replica are at least this far apart, however often connections to it fail.
const GAP: Duration = Duration::from_millis(50);

/// The probes that run, by the key of the endpoint.
#[derive(Debug, Default)]
pub(crate) struct Probers {
    running: HashMap<u64, (Probe, AbortHandle)>,
}

impl Probers {
    /// Probes what the snapshot lists, as the table says, and nothing else. Needs a runtime.
    pub(crate) fn follow(&mut self, table: &GatewayTable, snapshot: &Snapshot) {
        let mut next = HashMap::new();
        for listed in &snapshot.endpoints {
            let endpoint = &listed.endpoint;
            let Some(service) = table.services.get(&endpoint.service) else {
                continue;
            };
            let probe = &service.readiness;
            let running = match self.running.remove(&endpoint.key) {
                Some((same, task)) if same == *probe => task,
                other => {
                    if let Some((_, task)) = other {
                        task.abort();
                    }
                    let probing = watch(Arc::clone(endpoint), probe.clone());
                    tokio::spawn(probing).abort_handle()
                }
            };
            next.insert(endpoint.key, (probe.clone(), running));
        }
        for (_, (_, task)) in self.running.drain() {
            task.abort();
        }
        self.running = next;
    }
}

async fn watch(endpoint: Arc<Endpoint>, probe: Probe) {
    let every = Duration::from_millis(probe.every_ms.max(1));
    let mut failures = 0;
    loop {
        match ask(&endpoint, &probe).await {
            Ok(()) => {
                failures = 0;
                endpoint.mark_ready();
            }
            Err(why) => {
                failures += 1;
                if endpoint.health() != Health::Ready || failures >= probe.failures {
                    endpoint.mark_unready(why);
                }
            }
        }
        let pause = if endpoint.health() == Health::Ready {
            every
        } else {
            every.min(EAGER)
        };
        sleep(GAP.min(pause)).await;
        tokio::select! {
            () = sleep(pause.saturating_sub(GAP)) => {}
            () = endpoint.probe_now.notified() => {}
        }
    }
}

/// One probe; the error says why it failed.
async fn ask(endpoint: &Endpoint, probe: &Probe) -> Result<(), String> {
    let budget = Duration::from_millis(probe.timeout_ms.max(1));
    let asking = async {
        match &probe.check {
            Check::Get { port, path } => get(connect(endpoint, port).await?, path).await,
            Check::Connect { port } => connect(endpoint, port).await.map(|_| ()),
            Check::Alive => Ok(()),
        }
    };
    match timeout(budget, asking).await {
        Ok(outcome) => outcome,
        Err(_) => Err(format!("no answer within {} ms", probe.timeout_ms)),
    }
}

async fn connect(endpoint: &Endpoint, port: &str) -> Result<Upstream, String> {
    let address = endpoint.ports.get(port);
    let address = address.ok_or_else(|| format!("the replica has no port `{port}`"))?;
    let refused = |error: io::Error| format!("cannot connect: {error}");
    dial(address, endpoint.peer.as_ref()).await.map_err(refused)
}

async fn get(stream: Upstream, path: &str) -> Result<(), String> {
    let failed = |error: hyper::Error| format!("no answer: {error}");
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(failed)?;
    let request = Request::get(path)
        .header(header::HOST, "localhost")
        .header(header::USER_AGENT, "plimsoll-gateway-probe")
        .header(header::CONNECTION, "close")
        .body(Empty::<Bytes>::new())
        .map_err(|error| format!("the probe's path is malformed: {error}"))?;
    let asking = async {
        let response = sender.send_request(request).await.map_err(failed)?;
        match response.status().as_u16() {
            200..=399 => Ok(()),
            status => Err(format!("it answered {status}")),
        }
    };
    // The connection may end in the same turn that brings the answer, and what ends it otherwise is told to whoever
    // asks on it.
    let driving = async {
        let _ = connection.await;
        std::future::pending::<()>().await;
    };
    tokio::select! {
        outcome = asking => outcome,
        () = driving => Err("the connection was closed".to_owned()),
    }
}
