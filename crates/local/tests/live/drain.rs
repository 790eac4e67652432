//! The farewell of a replica: nothing new, what it has is finished, its sockets are closed, and then it ends.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use plimsoll_bundle::local::DrainSpec;
use plimsoll_local::{Ending, ProcessKind};
use plimsoll_stdx::process::ProcessId;

use crate::project::{Project, Spec, wait};

/// Longer than anything here takes: what ends before does so because it was finished.
const BUDGET_MS: u64 = 60_000;

fn spec(release: &'static str) -> Spec {
    Spec {
        release,
        replicas: 1,
        ..Spec::plain()
    }
}

fn connect(port: u16, request: &str) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    stream
}

/// A WebSocket through the gateway, behind its handshake.
fn socket(port: u16) -> TcpStream {
    let mut stream = connect(
        port,
        "GET /socket HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    );
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    stream
}

#[test]
fn a_replica_that_leaves_finishes_its_request_closes_its_socket_and_then_ends() {
    let Some(mut project) = Project::new(&spec("one")) else {
        return;
    };
    project.upgrades_sockets = true;
    project.edit = Box::new(|program| {
        program.drain = DrainSpec {
            requests_ms: BUDGET_MS,
            sockets_ms: BUDGET_MS,
            grace_ms: 2000,
        };
    });
    project.up();
    let old = ProcessId::of(project.pids(ProcessKind::Replica)[0]).unwrap();
    let mut socket = socket(project.port);
    let head =
        "POST /hold HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: 2\r\n\r\na";
    let mut request = connect(project.port, head);
    wait("the request at the replica", || project.get("/held") == "1");

    std::thread::scope(|scope| {
        let change = scope.spawn(|| project.up_bundle(&spec("two")));
        // Nothing new goes to the old one, which has a request and a socket.
        wait("the new release", || project.get("/release") == "two");
        // The socket is closed properly: a close frame, and not the end of the connection.
        let mut frame = [0; 2];
        socket.read_exact(&mut frame).unwrap();
        assert_eq!(frame[0], 0x88, "{frame:?}");
        assert!(old.is_alive(), "it was ended under its request");
        assert!(!change.is_finished());
        request.write_all(b"b").unwrap();
        let mut answer = String::new();
        request.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(answer.ends_with("held by one"), "{answer}");
        drop(socket);
        assert_eq!(change.join().unwrap().ending, Ending::InForce);
    });
    assert!(!old.is_alive());
}
