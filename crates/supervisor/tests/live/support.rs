//! What the live tests share.

use std::io::Read;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use plimsoll_bundle::endpoints::Address;
use plimsoll_bundle::local::{Check, HealthSpec, Probe as ProbeSpec};
use plimsoll_stdx::clock::RealClock;
use plimsoll_stdx::net::dial;
use plimsoll_stdx::process::ProcessId;
use plimsoll_supervisor::driver::Adopted;
use plimsoll_supervisor::order::{Bind, PortOrder, User};
use plimsoll_supervisor::probe::{Answering, Ask, Probe, Target};
use plimsoll_supervisor::runner::{Found, Runner};
use plimsoll_supervisor::secrets::{SecretError, SecretSource, Secrets};
use plimsoll_supervisor::{Config, Kind, Order, ProcessRunner, ProcessStatus, Supervisor};

pub(crate) const SOON: Duration = Duration::from_secs(20);
pub(crate) const FIXTURE: &str = env!("CARGO_BIN_EXE_plimsoll-supervisor-fixture");

/// Well when a connection to the port can be opened.
#[derive(Debug)]
pub(crate) struct Connects;

impl Probe for Connects {
    fn ask<'a>(&'a self, target: &'a Target, _ask: &'a Ask) -> Answering<'a> {
        Box::pin(async move {
            let opened = match target.ports.get("http") {
                Some(Address::Tcp(address)) => {
                    tokio::net::TcpStream::connect(address).await.map(drop)
                }
                Some(Address::Shim { socket, port }) => {
                    dial::connect(socket, *port).await.map(drop)
                }
                Some(Address::Unix(_)) | None => return Err("no port".to_owned()),
            };
            opened.map_err(|error| error.to_string())
        })
    }
}

#[derive(Debug, Default)]
pub(crate) struct Fixed(pub(crate) Secrets);

impl SecretSource for Fixed {
    fn secrets_for(&self, _order: &Order) -> Result<Secrets, SecretError> {
        Ok(self.0.clone())
    }
}

pub(crate) struct Env {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) secrets: Secrets,
}

impl Env {
    pub(crate) fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            secrets: Secrets::default(),
        }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.dir.path().join("env")
    }

    pub(crate) async fn open(&self) -> (Supervisor, Vec<Adopted>) {
        Supervisor::open(Config {
            dir: self.path(),
            runner: Arc::new(ProcessRunner::new(FIXTURE.into())),
            probe: Arc::new(Connects),
            secrets: Arc::new(Fixed(self.secrets.clone())),
            clock: Arc::new(RealClock),
        })
        .await
        .unwrap()
    }
}

impl Drop for Env {
    /// A test that failed leaves no process behind.
    fn drop(&mut self) {
        let replicas = std::fs::read_dir(self.path().join("replicas"));
        let mut dirs: Vec<PathBuf> = replicas
            .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
            .unwrap_or_default();
        dirs.push(self.path().join("keeper"));
        let runner = ProcessRunner::new(FIXTURE.into());
        for dir in dirs {
            if let Ok(Found::Alive(running)) = runner.adopt(&dir) {
                let _ = runner.destroy(&running);
            }
        }
    }
}

pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Orders for the fixture with these words.
pub(crate) fn order(id: &str, words: &[&str]) -> Order {
    let mut command = vec![FIXTURE.to_owned()];
    command.extend(words.iter().map(|&word| word.to_owned()));
    let mut order = Order::new(id, Kind::Replica, command);
    order.env.insert("PATH".into(), "/usr/bin:/bin".into());
    order.grace_ms = 2_000;
    let folder = Path::new(FIXTURE).parent().unwrap().to_owned();
    order.binds.push(Bind {
        source: folder.clone(),
        target: folder,
        writable: false,
    });
    order
}

/// Orders for a server that is asked whether it is well.
pub(crate) fn server(id: &str) -> Order {
    let mut order = order(id, &["serve"]);
    with_port(&mut order);
    order
}

pub(crate) fn with_port(order: &mut Order) {
    let probe = |every_ms, failures| ProbeSpec {
        check: Check::Connect {
            port: "http".into(),
        },
        every_ms,
        timeout_ms: 1000,
        failures,
    };
    order.ports.insert(
        "http".into(),
        PortOrder {
            variable: "PORT".into(),
            number: None,
        },
    );
    order.health = Some(HealthSpec {
        startup: probe(1000, 1),
        readiness: probe(200, 2),
        liveness: probe(500, 3),
        start_within_ms: 20_000,
    });
}

pub(crate) fn somebody() -> User {
    User {
        uid: 2_100_001_001,
        gid: 2_100_001_001,
        name: "app".into(),
        inside: Some(1001),
    }
}

pub(crate) fn pid(status: &ProcessStatus) -> ProcessId {
    ProcessId::of(status.pid.unwrap()).unwrap()
}

pub(crate) fn shim(status: &ProcessStatus) -> ProcessId {
    ProcessId::of(status.shim_pid.unwrap()).unwrap()
}

pub(crate) fn address(status: &ProcessStatus, name: &str) -> SocketAddr {
    match &status.ports[name] {
        Address::Tcp(address) => *address,
        other => panic!("{other:?}"),
    }
}

/// The pid that answers at this address.
pub(crate) fn answerer(address: SocketAddr) -> Option<u32> {
    let mut text = String::new();
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(5)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    stream.read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

/// Waits on a condition with a deadline.
pub(crate) fn until<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + SOON;
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(
            Instant::now() < deadline,
            "{what}: did not happen within {SOON:?}"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}

pub(crate) fn until_dead(process: ProcessId) {
    until("its death", || (!process.is_alive()).then_some(()));
}

/// Waits until another start of `id` is ready.
pub(crate) async fn next_ready(supervisor: &Supervisor, before: &ProcessStatus) -> ProcessStatus {
    let deadline = Instant::now() + SOON;
    loop {
        let status = supervisor.status_of(&before.id).await.unwrap();
        let ready = status.state == plimsoll_supervisor::machine::State::Ready;
        if ready && status.generation > before.generation {
            return status;
        }
        assert!(
            Instant::now() < deadline,
            "{} never came back: {status:?}",
            before.id
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
