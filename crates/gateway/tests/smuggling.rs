//! Requests that two programs could read in two ways, byte for byte, against a replica that records.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends here")]

mod support;

use std::io::{Read, Write};

use support::Edge;
use support::backend::Backend;
use support::documents::{endpoints, route, table};
use support::http1::{connect, read_answer};

/// What came of some bytes: the status, or 0 when the connection was closed without one, and what the replica saw.
fn outcome(edge: &Edge, backend: &Backend, bytes: &str) -> (u16, Vec<String>) {
    let before = backend.seen().len();
    let mut stream = connect(edge.http);
    stream.write_all(bytes.as_bytes()).unwrap();
    let status = read_answer(&mut stream, false).map_or(0, |answer| answer.status);
    let heads = backend.seen()[before..]
        .iter()
        .map(|seen| seen.head.clone())
        .collect();
    (status, heads)
}

/// Name, bytes (HOST stands for a host header) and status.
const REFUSED: &[(&str, &str, u16)] = &[
    ("no host", "GET / HTTP/1.1\r\n\r\n", 400),
    (
        "two hosts",
        "GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n",
        400,
    ),
    ("empty host", "GET / HTTP/1.1\r\nhost:\r\n\r\n", 400),
    ("host with path", "GET / HTTP/1.1\r\nhost: a/b\r\n\r\n", 400),
    (
        "gzip, chunked",
        "POST / HTTP/1.1\r\nHOST\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        501,
    ),
    (
        "xchunked",
        "POST / HTTP/1.1\r\nHOST\r\ntransfer-encoding: xchunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    (
        "chunked, identity",
        "POST / HTTP/1.1\r\nHOST\r\ntransfer-encoding: chunked, identity\r\n\r\n",
        400,
    ),
    (
        "1.0 with coding",
        "POST / HTTP/1.0\r\nHOST\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    (
        "space before colon",
        "GET / HTTP/1.1\r\nHOST\r\nx : 1\r\n\r\n",
        400,
    ),
    (
        "obs-fold",
        "GET / HTTP/1.1\r\nHOST\r\nx: 1\r\n 2\r\n\r\n",
        400,
    ),
    (
        "lengths differ",
        "POST / HTTP/1.1\r\nHOST\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabc",
        400,
    ),
    (
        "plus",
        "POST / HTTP/1.1\r\nHOST\r\ncontent-length: +3\r\n\r\nabc",
        400,
    ),
    (
        "length list",
        "POST / HTTP/1.1\r\nHOST\r\ncontent-length: 3, 3\r\n\r\nabc",
        400,
    ),
    ("NUL", "GET / HTTP/1.1\r\nHOST\r\nx: \0\r\n\r\n", 400),
    (
        "connect",
        "CONNECT a.test:443 HTTP/1.1\r\nHOST\r\n\r\n",
        405,
    ),
    (
        "encoded slash",
        "GET /a/../b%2f..//c HTTP/1.1\r\nHOST\r\n\r\n",
        400,
    ),
    ("encoded NUL", "GET /a%00 HTTP/1.1\r\nHOST\r\n\r\n", 400),
    (
        "encoded dots",
        "GET /a/%2e%2e/b HTTP/1.1\r\nHOST\r\n\r\n",
        400,
    ),
];

#[test]
fn nothing_ambiguous_reaches_a_replica() {
    let backend = Backend::start();
    let table = table(vec![route("api", "/", "api")]);
    let edge = Edge::with(&table, &endpoints(1, "api", &[backend.address]));
    let host = "host: a.test\r\n";
    for (name, bytes, status) in REFUSED {
        let bytes = bytes.replace("HOST\r\n", host);
        let (seen, heads) = outcome(&edge, &backend, &bytes);
        assert_eq!((seen, heads.len()), (*status, 0), "{name}");
    }
    for (name, chunk) in [
        ("hexadecimal prefix", "0x3\r\nabc\r\n0\r\n\r\n"),
        ("bare LF", "3\nabc\n0\n\n"),
    ] {
        let bytes = format!("POST / HTTP/1.1\r\n{host}transfer-encoding: chunked\r\n\r\n{chunk}");
        let (status, heads) = outcome(&edge, &backend, &bytes);
        assert!(
            heads.is_empty() && (status == 400 || status == 0),
            "{name}: {status}"
        );
    }
}

#[test]
fn two_lengths_are_refused_and_what_hides_behind_them_is_never_a_request() {
    let backend = Backend::start();
    let table = table(vec![route("api", "/", "api")]);
    let edge = Edge::with(&table, &endpoints(1, "api", &[backend.address]));
    let length = "Content-Length: 6\r\n";
    let coding = "Transfer-Encoding: chunked\r\n";
    let smuggled = "GET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n";
    for headers in [format!("{length}{coding}"), format!("{coding}{length}")] {
        let mut stream = connect(edge.http);
        let bytes = format!("POST /first HTTP/1.1\r\nhost: a\r\n{headers}\r\n0\r\n\r\n{smuggled}");
        stream.write_all(bytes.as_bytes()).unwrap();
        let mut answers = String::new();
        let _ = stream.read_to_string(&mut answers);
        assert_eq!(answers.matches("HTTP/1.1 ").count(), 1, "{answers}");
        assert!(answers.starts_with("HTTP/1.1 400 "), "{answers}");
    }
    assert_eq!(backend.requests(), 0);
    // Behind another request in one write the bytes are not looked at: one reading, and the connection ends.
    let mut stream = connect(edge.http);
    let first = "POST /before HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\n\r\nx";
    let both = format!("POST /first HTTP/1.1\r\nhost: a\r\n{length}{coding}\r\n0\r\n\r\n");
    let bytes = format!("{first}{both}{smuggled}");
    stream.write_all(bytes.as_bytes()).unwrap();
    let mut answers = String::new();
    let _ = stream.read_to_string(&mut answers);
    assert!(answers.matches("HTTP/1.1 ").count() <= 2, "{answers}");
    let heads = backend.seen();
    assert!(heads.iter().all(|seen| !seen.head.contains("/smuggled")));
    let framed = |head: &str| {
        let head = head.to_lowercase();
        head.contains("content-length") != head.contains("transfer-encoding")
    };
    assert!(heads.iter().all(|seen| framed(&seen.head)), "{heads:?}");
}

#[test]
fn harmless_neighbours_pass_in_one_form() {
    let backend = Backend::start();
    let table = table(vec![route("api", "/", "api")]);
    let edge = Edge::with(&table, &endpoints(1, "api", &[backend.address]));
    let check = |bytes: &str, present: &[&str], absent: &[&str]| {
        let (status, heads) = outcome(&edge, &backend, bytes);
        assert_eq!((status, heads.len()), (200, 1), "{bytes}");
        let head = heads[0].to_lowercase();
        for part in present {
            assert!(head.contains(part), "{part} in {head}");
        }
        for part in absent {
            assert!(!head.contains(part), "{part} in {head}");
        }
    };
    check(
        "GET http://b.test/x HTTP/1.1\r\nhost: a.test\r\n\r\n",
        &["get /x http/1.1", "host: b.test"],
        &["a.test"],
    );
    check(
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\t\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        &["transfer-encoding: chunked"],
        &["\t"],
    );
    check(
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\ncontent-length: 3\r\n\r\nabc",
        &["content-length: 3"],
        &["transfer-encoding"],
    );
    check(
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n\
         3;ext=1\r\nabc\r\n0\r\nx-trailer: 1\r\n\r\n",
        &["chunked"],
        &["x-trailer"],
    );
    check(
        "GET /\u{7e}x HTTP/1.1\nhost: a\n\n",
        &["get /~x http/1.1\r\n"],
        &[],
    );
    check(
        "GET / HTTP/1.1\r\nhost: a\r\nx_real_ip: 6\r\n\r\n",
        &["x-real-ip: 127.0.0.1"],
        &["x_real"],
    );
}

#[test]
fn bytes_after_an_upgrade_request_stay_a_request_until_the_replica_agrees() {
    let backend = Backend::start();
    let mut routes = vec![route("api", "/", "api")];
    routes[0].upgrade = true;
    let edge = Edge::with(&table(routes), &endpoints(1, "api", &[backend.address]));
    let mut stream = connect(edge.http);
    stream
        .write_all(
            b"GET /plain HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n\
              GET /second HTTP/1.1\r\nhost: a\r\n\r\n",
        )
        .unwrap();
    assert_eq!(read_answer(&mut stream, false).unwrap().status, 200);
    assert_eq!(read_answer(&mut stream, false).unwrap().status, 200);
    let heads = backend.seen();
    assert!(heads[0].head.starts_with("GET /plain ") && heads[1].head.starts_with("GET /second "));
}
