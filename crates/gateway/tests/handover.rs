//! The process as its keeper starts it: sockets over a Unix socket, documents from disk, an end on request, a
//! successor.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends here")]

mod support;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use plimsoll_gateway::control::{Client, Hello};
use plimsoll_stdx::net::handover::{self, Ask, Sockets};
use plimsoll_stdx::net::{frame, unix};
use support::backend::Backend;
use support::documents::{endpoints, route, table};
use support::eventually;
use support::http1::{connect, get, read_answer};

/// Hands out these sockets for as long as the test runs.
fn keep(dir: &Path, sockets: Vec<(&str, TcpListener)>) {
    let socket = unix::bind(dir, "keeper.sock").unwrap();
    let groups: Vec<Sockets> = sockets
        .into_iter()
        .map(|(name, listener)| Sockets {
            name: name.to_owned(),
            listeners: vec![listener],
        })
        .collect();
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = socket.accept() {
            if frame::read::<Ask>(&mut stream).is_ok() {
                let _ = handover::answer(&mut stream, &groups);
            }
        }
    });
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

#[test]
fn the_keepers_sockets_are_served_by_one_gateway_after_the_other() {
    let state = tempfile::tempdir().unwrap();
    let (keeper, dir) = (state.path().join("keeper"), state.path().join("gateway"));
    plimsoll_stdx::fs::create_dir_private(&keeper).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let scrapes = TcpListener::bind("127.0.0.1:0").unwrap();
    let metrics = scrapes.local_addr().unwrap();
    keep(&keeper, vec![("http", listener), ("metrics", scrapes)]);
    let backend = Backend::start();
    let runtime = runtime();
    for round in 1..=2 {
        let folder = dir.clone();
        let gateway = std::thread::spawn(move || plimsoll_gateway::run(&folder));
        let mut client = None;
        eventually("the control socket answers", || {
            client = runtime
                .block_on(Client::connect(&dir, Hello::new("test", 1)))
                .ok();
            client.is_some()
        });
        let mut client = client.unwrap();
        if round == 1 {
            let (table, endpoints) = (
                table(vec![route("api", "/", "api")]),
                endpoints(1, "api", &[backend.address]),
            );
            runtime.block_on(client.put_endpoints(&endpoints)).unwrap();
            runtime.block_on(client.put_table(1, &table)).unwrap();
        }
        // The second one knows its documents from disk.
        eventually("it serves", || get(address, "/").status == 200);
        let answer = get(metrics, "/metrics");
        assert!(
            answer
                .text()
                .contains("plimsoll_gateway_requests_total{route=\"api\"")
        );
        runtime.block_on(client.shutdown()).unwrap();
        assert!(gateway.join().unwrap().is_ok());
    }
}

/// Clients of all kinds, until they are told to stop.
struct Load<'a> {
    address: SocketAddr,
    stop: &'a AtomicBool,
    answers: &'a AtomicU64,
}

impl Load<'_> {
    /// Keeps its connection until the gateway says that it ends, and counts 200s. Whatever else comes is a panic.
    fn keep_alive(&self) {
        let mut stream = connect(self.address);
        while !self.stop.load(Ordering::Relaxed) {
            let request = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\nbody";
            stream.write_all(request).unwrap();
            let answer = read_answer(&mut stream, false).unwrap();
            assert_eq!(answer.status, 200);
            self.answers.fetch_add(1, Ordering::Relaxed);
            if answer.header("connection") == Some("close") {
                stream = connect(self.address);
            }
        }
    }

    /// A connection for each request.
    fn connect_anew(&self) {
        while !self.stop.load(Ordering::Relaxed) {
            assert_eq!(get(self.address, "/").status, 200);
            self.answers.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A request that takes longer than most, again and again.
    fn slow(&self) {
        while !self.stop.load(Ordering::Relaxed) {
            assert_eq!(get(self.address, "/slow").status, 200);
        }
    }
}

fn websocket(address: SocketAddr) -> TcpStream {
    let mut stream = connect(address);
    stream
        .write_all(
            b"GET /ws HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
        )
        .unwrap();
    assert_eq!(read_answer(&mut stream, true).unwrap().status, 101);
    let mut hello = [0; 4];
    stream.read_exact(&mut hello).unwrap();
    stream
}

#[test]
fn a_successor_takes_over_under_load_and_nobody_is_refused_or_failed() {
    let state = tempfile::tempdir().unwrap();
    let (keeper, dir) = (state.path().join("keeper"), state.path().join("gateway"));
    plimsoll_stdx::fs::create_dir_private(&keeper).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    keep(&keeper, vec![("http", listener)]);
    let (quick, slow) = (Backend::start(), Backend::start_slow(300));
    let runtime = runtime();
    let run = || {
        let dir = dir.clone();
        std::thread::spawn(move || plimsoll_gateway::run(&dir))
    };
    let mut serving = run();
    let mut client = None;
    eventually("the control socket answers", || {
        let connecting = Client::connect(&dir, Hello::new("test", 1));
        client = runtime.block_on(connecting).ok();
        client.is_some()
    });
    let mut routes = vec![route("api", "/", "api"), route("slow", "/slow", "slow")];
    routes[0].upgrade = true;
    let mut replicas = endpoints(1, "api", &[quick.address]);
    replicas
        .services
        .extend(endpoints(1, "slow", &[slow.address]).services);
    let mut client = client.unwrap();
    runtime.block_on(async {
        client.put_endpoints(&replicas).await.unwrap();
        client.put_table(1, &table(routes)).await.unwrap();
    });
    eventually("it serves", || {
        get(address, "/").status == 200 && get(address, "/slow").status == 200
    });
    let (stop, answers) = (AtomicBool::new(false), AtomicU64::new(0));
    let load = Load {
        address,
        stop: &stop,
        answers: &answers,
    };
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| load.keep_alive());
            scope.spawn(|| load.connect_anew());
        }
        scope.spawn(|| load.slow());
        for _ in 0..3 {
            let mut sockets: Vec<TcpStream> = (0..20).map(|_| websocket(address)).collect();
            let before = answers.load(Ordering::Relaxed);
            let successor = run();
            let predecessor = std::mem::replace(&mut serving, successor);
            eventually("the predecessor has ended", || predecessor.is_finished());
            assert!(predecessor.join().unwrap().is_ok());
            for socket in &mut sockets {
                let mut close = Vec::new();
                socket.read_to_end(&mut close).unwrap();
                assert_eq!(close, [0x88, 0x02, 0x03, 0xe9]);
            }
            eventually("the load goes on", || {
                answers.load(Ordering::Relaxed) > before + 200
            });
        }
        stop.store(true, Ordering::Relaxed);
    });
    let mut client = runtime
        .block_on(Client::connect(&dir, Hello::new("test", 1)))
        .unwrap();
    runtime.block_on(client.shutdown()).unwrap();
    assert!(serving.join().unwrap().is_ok());
}
