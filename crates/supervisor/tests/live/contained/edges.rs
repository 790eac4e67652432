//! What a contained program can connect to: what its orders name, and nothing else.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::path::Path;

use super::*;
use plimsoll_bundle::endpoints::{Cohort, Endpoint, Endpoints, Traffic};
use plimsoll_stdx::fs::write_atomic_mode;
use plimsoll_stdx::process::descendants;
use plimsoll_supervisor::order::{Door, Edge, Towards, User};

const RELAY: u32 = 2_100_001_004;

pub(super) fn relay_user() -> User {
    User {
        uid: RELAY,
        gid: RELAY,
        name: "relay".into(),
        inside: None,
    }
}

/// Somebody on this machine's loopback who says `greeting` to everybody and then what it hears.
pub(super) fn somebody_who_says(greeting: &'static str) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            std::thread::spawn(move || {
                let _ = writeln!(stream, "{greeting}");
                let _ = std::io::copy(&mut stream.try_clone().unwrap(), &mut stream);
                let _ = stream.shutdown(Shutdown::Write);
            });
        }
    });
    port
}

pub(super) fn edge(host: &str, port: u16, to: Towards) -> Edge {
    Edge {
        host: host.to_owned(),
        port,
        to,
    }
}

pub(super) fn tcp(port: u16) -> Towards {
    Towards::Tcp {
        host: "127.0.0.1".into(),
        port,
    }
}

/// Orders for a program that connects where it is told to, with these edges.
pub(super) fn bridge(id: &str, edges: Vec<Edge>) -> Order {
    let mut order = contained(id, &["bridge"]);
    with_port(&mut order);
    order.edges = edges;
    order.relay = Some(relay_user());
    order
}

/// A connection from inside the program to this host and port, or why there is none.
pub(super) async fn from_inside(
    address: &Address,
    host: &str,
    port: u16,
) -> Result<BufReader<TcpStream>, String> {
    let mut stream = match address {
        Address::Tcp(address) => TcpStream::connect(address).unwrap(),
        Address::Shim { socket, port } => dial::connect(socket, *port).await.unwrap(),
        Address::Unix(path) => panic!("{path:?}"),
    };
    stream.set_read_timeout(Some(SOON)).unwrap();
    writeln!(stream, "{host} {port}").unwrap();
    let mut stream = BufReader::new(stream);
    match line(&mut stream).as_str() {
        "ok" => Ok(stream),
        other => Err(other.to_owned()),
    }
}

pub(super) fn line(stream: &mut BufReader<TcpStream>) -> String {
    let mut text = String::new();
    // A connection that was reset has said nothing.
    let _ = stream.read_line(&mut text);
    text.trim_end().to_owned()
}

pub(super) async fn says(address: &Address, host: &str, port: u16) -> String {
    match from_inside(address, host, port).await {
        Ok(mut stream) => line(&mut stream),
        Err(error) => error,
    }
}

/// The process that carries the connections of a program.
pub(super) fn relay_of(status: &ProcessStatus) -> Option<ProcessId> {
    let family = descendants(status.shim_pid.unwrap()).unwrap();
    family.into_iter().find(|process| {
        let words = std::fs::read(format!("/proc/{}/cmdline", process.pid)).unwrap_or_default();
        words
            .split(|&byte| byte == 0)
            .any(|word| word == b"__relay")
    })
}

/// The address of this machine that others would reach, if it has one. Connecting a datagram socket sends nothing.
fn outward() -> Option<std::net::IpAddr> {
    let socket = std::net::UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect((Ipv4Addr::new(203, 0, 113, 1), 9)).ok()?;
    let own = socket.local_addr().ok()?.ip();
    (!own.is_loopback()).then_some(own)
}

/// A folder that the relay's user may enter, in one that it may not.
pub(super) fn folder(env: &Env, name: &str) -> std::path::PathBuf {
    let dir = env.dir.path().join(name);
    std::fs::create_dir(&dir).unwrap();
    std::fs::set_permissions(&dir, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    dir
}

pub(super) fn socket(dir: &Path) -> Towards {
    Towards::Socket {
        dir: dir.to_owned(),
        name: "far.sock".into(),
    }
}

#[tokio::test]
async fn what_is_declared_is_reached_and_nothing_else_that_a_plain_program_reaches() {
    if !possible() {
        return;
    }
    let env = Env::new();
    let (supervisor, _) = env.open().await;
    let (declared, other) = (somebody_who_says("declared"), somebody_who_says("other"));
    let mut web = contained("web", &["serve"]);
    with_port(&mut web);
    web.ports.get_mut("http").unwrap().number = Some(2000);
    ready(&supervisor, web).await;

    let mut plain = order("plain", &["bridge"]);
    with_port(&mut plain);
    let plain = ready(&supervisor, plain).await.ports["http"].clone();
    assert_eq!(says(&plain, "127.0.0.1", declared).await, "declared");
    assert_eq!(says(&plain, "127.0.0.1", other).await, "other");
    let mut outside = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).ok();
    let outside = outside
        .as_mut()
        .map(|listener| listener.local_addr().unwrap().port());

    let held = bridge(
        "held",
        vec![
            edge("api.example.com", 443, tcp(declared)),
            edge("api.example.com", 80, tcp(other)),
            edge("db", 443, tcp(other)),
            edge("localhost", declared, tcp(declared)),
            edge("10.99.0.5", 5432, tcp(declared)),
            edge("2001:db8::5", 5432, tcp(declared)),
        ],
    );
    let status = ready(&supervisor, held).await;
    assert_eq!(
        status.class,
        Some(plimsoll_supervisor::IsolationClass::Contained)
    );
    let said = "connections to api.example.com:443, api.example.com:80, db:443, localhost:";
    assert!(
        status
            .controls
            .iter()
            .any(|control| control.starts_with(said))
    );
    let held = &status.ports["http"];
    for (host, port, answer) in [
        ("api.example.com", 443, "declared"),
        ("API.example.com", 80, "other"),
        ("db", 443, "other"),
        ("localhost", declared, "declared"),
        ("10.99.0.5", 5432, "declared"),
        ("2001:db8::5", 5432, "declared"),
        // The declared host at another port, and declared ports at other hosts.
        ("api.example.com", 8443, "error ConnectionRefused"),
        ("db", 80, "error ConnectionRefused"),
        ("10.99.0.5", 443, "error ConnectionRefused"),
        // This machine's loopback, and the port of another replica.
        ("127.0.0.1", other, "error ConnectionRefused"),
        ("127.0.0.1", 2000, "error ConnectionRefused"),
        // Other machines: no route, and no name.
        ("10.99.0.6", 5432, "error NetworkUnreachable"),
        ("203.0.113.1", 443, "error NetworkUnreachable"),
    ] {
        assert_eq!(says(held, host, port).await, answer, "{host} {port}");
    }
    let unknown = says(held, "other.example.com", 443).await;
    assert!(unknown.starts_with("error"), "{unknown}");
    if let (Some(own), Some(port)) = (outward(), outside) {
        assert!(TcpStream::connect((own, port)).is_ok(), "the attack works");
        assert_eq!(
            says(held, &own.to_string(), port).await,
            "error NetworkUnreachable"
        );
    }
    supervisor.stop_all().await.unwrap();
}

#[tokio::test]
async fn the_relay_is_nobody_and_the_program_does_not_see_it() {
    if !possible() {
        return;
    }
    let env = Env::new();
    let (supervisor, _) = env.open().await;
    let port = somebody_who_says("hello");
    let status = ready(&supervisor, bridge("web", vec![edge("far", 1, tcp(port))])).await;
    let relay = relay_of(&status).unwrap();
    let text = std::fs::read_to_string(format!("/proc/{}/status", relay.pid)).unwrap();
    let value = |key: &str| {
        let line = text.lines().find(|line| line.starts_with(key)).unwrap();
        line.split_whitespace().nth(1).unwrap().to_owned()
    };
    assert_eq!(value("Uid:"), RELAY.to_string());
    assert_eq!(value("CapEff:"), "0000000000000000");
    assert_eq!(value("CapPrm:"), "0000000000000000");
    assert_eq!(value("NoNewPrivs:"), "1");
    assert_eq!(value("Seccomp:"), "2");
    let link = |pid: u32, name: &str| std::fs::read_link(format!("/proc/{pid}/ns/{name}")).unwrap();
    let program = status.pid.unwrap();
    assert_ne!(link(relay.pid, "net"), link(program, "net"));
    assert_ne!(link(relay.pid, "pid"), link(program, "pid"));
    supervisor.stop_all().await.unwrap();
    assert!(!relay.is_alive());
}

#[tokio::test]
async fn a_program_without_edges_has_no_relay() {
    if !possible() {
        return;
    }
    let env = Env::new();
    let (supervisor, _) = env.open().await;
    let status = ready(&supervisor, bridge("web", Vec::new())).await;
    assert!(relay_of(&status).is_none());
    supervisor.stop_all().await.unwrap();
}

#[tokio::test]
async fn orders_whose_edges_cannot_be_had_are_refused_and_leave_nothing() {
    if !possible() {
        return;
    }
    let env = Env::new();
    let (supervisor, _) = env.open().await;
    for (edges, reason) in [
        (vec![edge("a b", 1, tcp(1))], "is no address"),
        (
            vec![edge("db", 1, socket(Path::new("/nowhere")))],
            "cannot open /nowhere",
        ),
        (
            vec![edge("8.8.8.8", 1, tcp(1)), edge("8.8.8.8", 1, tcp(2))],
            "two edges",
        ),
    ] {
        let mut order = bridge("web", edges);
        order.kind = Kind::Job;
        let exit = supervisor.run_job(order, SOON).await.unwrap().exit.unwrap();
        let text = exit.reason.to_string();
        assert!(text.contains(reason), "{text}");
    }
    supervisor.stop_all().await.unwrap();
}

#[tokio::test]
async fn another_service_is_reached_by_the_doors_of_its_ready_replicas_in_turn() {
    if !possible() {
        return;
    }
    let env = Env::new();
    let doors = folder(&env, "doors");
    let (supervisor, _) = env.open().await;
    let mut endpoints = Vec::new();
    for id in ["api-1", "api-2", "api-3"] {
        let mut order = contained(id, &["serve"]);
        with_port(&mut order);
        order.env.insert("GREETING".into(), id.into());
        order.door = Some(Door {
            dir: doors.clone(),
            uid: 2_100_001_003,
            relays: Some(RELAY),
        });
        let status = ready(&supervisor, order).await;
        endpoints.push(Endpoint {
            id: id.into(),
            release: "r1".into(),
            ports: status.ports.clone(),
            weight: 100,
            traffic: Traffic::Admitted,
            cohort: Cohort::Stable,
        });
    }
    endpoints[2].traffic = Traffic::Draining;
    let write = |endpoints: &[Endpoint]| {
        let mut document = Endpoints::empty();
        document.services.insert("api".into(), endpoints.to_vec());
        let bytes = serde_json::to_vec(&document).unwrap();
        write_atomic_mode(&doors.join(Towards::READY), &bytes, 0o644).unwrap();
    };
    let towards = Towards::Service {
        doors: doors.clone(),
        service: "api".into(),
        port: "http".into(),
    };
    let order = bridge("web", vec![edge("api", 8080, towards)]);
    let status = ready(&supervisor, order).await;
    let inside = &status.ports["http"];
    assert_eq!(says(inside, "api", 8080).await, "", "nobody is known yet");
    write(&endpoints);
    let mut answers = Vec::new();
    for _ in 0..4 {
        answers.push(says(inside, "api", 8080).await);
    }
    answers.sort();
    assert_eq!(answers, ["api-1", "api-1", "api-2", "api-2"]);
    supervisor.stop("api-1").await.unwrap();
    for _ in 0..2 {
        let answer = says(inside, "api", 8080).await;
        assert_eq!(answer, "api-2", "who is left has every turn");
    }
    write(&[]);
    assert_eq!(says(inside, "api", 8080).await, "");
    supervisor.stop_all().await.unwrap();
}
