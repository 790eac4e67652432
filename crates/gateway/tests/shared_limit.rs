//! A limit that two gateways share, in a Redis of this machine.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends here")]

mod support;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use plimsoll_bundle::local::{GatewayTable, LimitKey, RateLimit};
use rustix::process::{Pid, Signal, kill_process};
use support::backend::Backend;
use support::documents::{endpoints, route, table};
use support::http1::get_with;
use support::{Edge, eventually};

struct Redis {
    process: Child,
    socket: PathBuf,
}

impl Redis {
    /// A private server; `None` where there is none on this machine.
    fn start(dir: &Path) -> Option<Self> {
        let socket = dir.join("redis.sock");
        let process = Command::new("redis-server")
            .args([
                "--port",
                "0",
                "--save",
                "",
                "--requirepass",
                "p%s",
                "--unixsocket",
            ])
            .arg(&socket)
            .current_dir(dir)
            .stdout(Stdio::null())
            .spawn()
            .ok()?;
        let redis = Self { process, socket };
        eventually("Redis listens", || redis.socket.exists());
        Some(redis)
    }

    fn address(&self) -> String {
        format!("redis+unix://{}?pass=p%25s\n", self.socket.display())
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.process);
        kill_process(pid, signal).unwrap();
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn shared() -> GatewayTable {
    let mut routes = vec![route("api", "/", "api")];
    routes[0].limit = Some("general".into());
    let mut table = table(routes);
    let rule = RateLimit {
        requests: 10,
        per_ms: 3_600_000,
        burst: 10,
        by: vec![LimitKey::Key],
        shared: Some("cache".into()),
    };
    table.limits.insert("general".into(), rule);
    table
}

fn edge(backend: &Backend, address: Option<&str>) -> Edge {
    let mut edge = Edge::empty();
    if let Some(address) = address {
        let stores = edge.dir.path().join("stores");
        plimsoll_stdx::fs::create_dir_private(&stores).unwrap();
        plimsoll_stdx::fs::write_atomic(&stores.join("cache"), address.as_bytes()).unwrap();
    }
    edge.put_endpoints(&endpoints(1, "api", &[backend.address]));
    edge.put_table(&shared());
    edge.wait_until_ready();
    edge
}

/// Which of twenty requests of one client pass, sent to the gateways in turn.
fn passed(edges: &[Edge], client: &str) -> usize {
    let key = format!("x-api-key: {client}\r\n");
    let statuses = (0..20).map(|number| {
        let answer = get_with(edges[number % edges.len()].http, "/", &key);
        if answer.status == 429 {
            let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
            assert!((1..=360).contains(&wait), "{wait}");
        }
        answer.status
    });
    statuses.filter(|status| *status == 200).count()
}

/// Waits until a client that nobody has seen gets no more than the limit, and says who it was. More than once, because
/// Redis has five milliseconds, which a busy machine does not always give it, and then a gateway decides alone.
fn until_shared(edges: &[Edge]) -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let mut client = String::new();
    eventually("the gateways share", || {
        client = format!("client-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        passed(edges, &client) == 10
    });
    client
}

#[test]
fn two_gateways_let_through_what_one_would_and_each_its_own_when_redis_is_silent_or_gone() {
    let dir = tempfile::tempdir().unwrap();
    let Some(redis) = Redis::start(dir.path()) else {
        println!("skipped: needs redis-server");
        return;
    };
    let backend = Backend::start();
    let address = redis.address();
    let edges = [
        edge(&backend, Some(&address)),
        edge(&backend, Some(&address)),
    ];
    let client = until_shared(&edges);
    // A client over its limit is refused, and others are not.
    assert_eq!(passed(&edges[..1], &client), 0);
    until_shared(&edges);

    redis.signal(Signal::STOP);
    // Silent: each gateway decides by its own bucket.
    assert_eq!(passed(&edges, "three"), 20);
    redis.signal(Signal::CONT);
    until_shared(&edges);
    drop(redis);
    assert_eq!(passed(&edges, "four"), 20);

    let again = Redis::start(dir.path()).unwrap();
    until_shared(&edges);
    let mut client = edges[0].client();
    let metrics = edges[0].runtime.block_on(client.metrics()).unwrap();
    assert!(metrics.contains("plimsoll_gateway_shared_limit_alone_total"));
    drop(again);
}

#[test]
fn a_store_without_an_address_is_noted_and_the_limit_is_the_gateways_own() {
    let backend = Backend::start();
    for address in [None, Some("http://nowhere"), Some("redis://127.0.0.1:1")] {
        let edges = [edge(&backend, address), edge(&backend, address)];
        assert_eq!(passed(&edges, "one"), 20, "{address:?}");
        let noted = edges[0]
            .status()
            .notes
            .iter()
            .any(|note| note.contains("`cache`"));
        assert_eq!(
            noted,
            !address.is_some_and(|address| address.starts_with("redis:"))
        );
    }
}
