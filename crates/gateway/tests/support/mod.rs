//! A gateway with everything around it, in one process: backends, documents, clients.

#![expect(dead_code, reason = "each test binary uses its part")]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends here"
)]

pub(crate) mod backend;
pub(crate) mod documents;
pub(crate) mod frames;
pub(crate) mod http1;
pub(crate) mod tls;

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::time::{Duration, Instant};

use plimsoll_bundle::endpoints::Endpoints;
use plimsoll_bundle::local::GatewayTable;
use plimsoll_gateway::control::{Client, Health, Hello, Status};
use plimsoll_gateway::{Gateway, Settings};
use tokio::runtime::Runtime;

pub(crate) struct Edge {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) http: SocketAddr,
    pub(crate) https: SocketAddr,
    pub(crate) runtime: Runtime,
    pub(crate) gateway: Option<Gateway>,
    pub(crate) table_generation: u64,
    listeners: (TcpListener, TcpListener),
}

impl Edge {
    /// A gateway without documents.
    pub(crate) fn empty() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let http = TcpListener::bind("127.0.0.1:0").unwrap();
        let https = TcpListener::bind("127.0.0.1:0").unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let mut edge = Self {
            http: http.local_addr().unwrap(),
            https: https.local_addr().unwrap(),
            dir,
            runtime,
            gateway: None,
            table_generation: 0,
            listeners: (http, https),
        };
        edge.start();
        edge
    }

    /// A gateway with documents in force and every replica ready.
    pub(crate) fn with(table: &GatewayTable, endpoints: &Endpoints) -> Self {
        let mut edge = Self::empty();
        edge.put_endpoints(endpoints);
        edge.put_table(table);
        edge.wait_until_ready();
        edge
    }

    /// Starts the gateway on the same sockets, as its keeper would.
    pub(crate) fn start(&mut self) {
        let settings = Settings {
            dir: self.dir.path().to_owned(),
            http: vec![self.listeners.0.try_clone().unwrap()],
            https: vec![self.listeners.1.try_clone().unwrap()],
            metrics: None,
        };
        self.gateway = Some(Gateway::start(settings).unwrap());
    }

    pub(crate) fn stop(&mut self) {
        self.gateway.take().unwrap().stop();
    }

    pub(crate) fn client(&self) -> Client {
        let hello = Hello::new("test", 1);
        self.runtime
            .block_on(Client::connect(self.dir.path(), hello))
            .unwrap()
    }

    pub(crate) fn put_table(&mut self, table: &GatewayTable) {
        self.table_generation += 1;
        let mut client = self.client();
        self.runtime
            .block_on(client.put_table(self.table_generation, table))
            .unwrap();
    }

    pub(crate) fn put_endpoints(&self, endpoints: &Endpoints) {
        let mut client = self.client();
        self.runtime
            .block_on(client.put_endpoints(endpoints))
            .unwrap();
    }

    pub(crate) fn status(&self) -> Status {
        let mut client = self.client();
        self.runtime.block_on(client.status()).unwrap()
    }

    pub(crate) fn wait_until_ready(&self) {
        eventually("every replica is ready", || {
            let status = self.status();
            status
                .endpoints
                .iter()
                .all(|endpoint| endpoint.health == Health::Ready)
        });
    }

    pub(crate) fn log(&self) -> Vec<serde_json::Value> {
        let text = read(&self.dir.path().join("access.log"));
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

pub(crate) fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

/// Waits for a condition, with a deadline.
pub(crate) fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(
            start.elapsed() < Duration::from_secs(20),
            "not in time: {what}"
        );
        std::thread::yield_now();
        std::thread::park_timeout(Duration::from_millis(5));
    }
}
