//! Clients that take their time, or more room than there is. All of them are served beside somebody in no hurry.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends here")]

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use support::Edge;
use support::backend::Backend;
use support::documents::{endpoints, route, table};
use support::http1::{Answer, connect, get, read_answer, send};

fn edge(backend: &Backend) -> Edge {
    Edge::with(
        &table(vec![route("api", "/", "api")]),
        &endpoints(1, "api", &[backend.address]),
    )
}

/// Writes `start`, then one byte a second until an answer comes, which is what is given; the bounds are ten seconds,
/// the client's patience twenty. Meanwhile another client must be served.
fn trickle(edge: &Edge, start: &str) -> Option<Answer> {
    let mut stream = connect(edge.http);
    stream.write_all(start.as_bytes()).unwrap();
    let mut writer = stream.try_clone().unwrap();
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) && writer.write_all(b"x").is_ok() {
                assert_eq!(get(edge.http, "/quick").status, 200);
                std::thread::park_timeout(Duration::from_secs(1));
            }
        });
        let answer = read_answer(&mut stream, false);
        over.store(true, Ordering::Relaxed);
        answer
    })
}

#[test]
fn a_body_of_a_byte_a_second_is_answered_with_408_whether_it_is_kept_or_passed_on() {
    let backend = Backend::start();
    let edge = edge(&backend);
    let edge = &edge;
    std::thread::scope(|scope| {
        let bodies = ["PUT", "POST"].map(|method| {
            let start = format!("{method} / HTTP/1.1\r\nhost: a\r\ncontent-length: 1000\r\n\r\n");
            scope.spawn(move || trickle(edge, &start))
        });
        for body in bodies {
            let answer = body.join().unwrap().unwrap();
            assert_eq!(answer.status, 408, "{}", answer.text());
            assert_eq!(answer.header("connection"), Some("close"));
        }
    });
    let failures = edge.status().endpoints[0].failures;
    assert!(failures <= 1, "{failures}");
}

#[test]
fn a_head_that_trickles_is_cut_off() {
    let backend = Backend::start();
    let edge = edge(&backend);
    assert!(trickle(&edge, "GET / HTTP/1.1\r\nx: ").is_none());
}

#[test]
fn a_client_that_says_nothing_is_cut_off() {
    let edge = Edge::empty();
    let mut streams: Vec<TcpStream> = (0..50).map(|_| connect(edge.http)).collect();
    for stream in &mut streams {
        let mut rest = Vec::new();
        // The bound is ten seconds; the read gives up after twenty.
        assert_eq!(stream.read_to_end(&mut rest).unwrap(), 0);
    }
}

#[test]
fn heads_that_are_too_large_are_answered_and_not_read_on() {
    let backend = Backend::start();
    let edge = edge(&backend);
    let value = "y".repeat(1000);
    let headers = |count: usize, value: &str| {
        let lines: Vec<String> = (0..count)
            .map(|at| format!("x-{at}: {value}\r\n"))
            .collect();
        lines.concat()
    };
    let (large, many) = (headers(64, &value), headers(200, "y"));
    let one = format!("x: {}\r\n", "y".repeat(64 * 1024));
    for (name, lines) in [
        ("64 KiB", large),
        ("200 headers", many),
        ("one header", one),
    ] {
        let answer = send(
            edge.http,
            &format!("GET / HTTP/1.1\r\nhost: a\r\n{lines}\r\n"),
        );
        assert_eq!(answer.status, 431, "{name}");
    }
    let long = format!("GET /{} HTTP/1.1\r\nhost: a\r\n\r\n", "y".repeat(64 * 1024));
    let status = send(edge.http, &long).status;
    assert!(status == 414 || status == 431, "{status}");
    // A hundred are still fine.
    let fair = headers(90, "y");
    let fair = send(
        edge.http,
        &format!("GET / HTTP/1.1\r\nhost: a\r\n{fair}\r\n"),
    );
    assert_eq!(fair.status, 200);
    assert_eq!(backend.requests(), 1);
}
