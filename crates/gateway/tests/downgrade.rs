//! Requests of HTTP/2 that would be two, or others, in HTTP/1: none of them reaches a replica.

mod support;

use plimsoll_bundle::local::TlsVersion;
use support::backend::Backend;
use support::frames::{
    DATA, END_HEADERS, END_STREAM, HEADERS, frame, head, literal, preface, status, write,
};
use support::tls::{dial, edge};

/// Name, further headers of `POST /`, body, and the statuses that are right; 0 is a reset.
type Case = (
    &'static str,
    &'static [(&'static str, &'static str)],
    &'static str,
    &'static [u16],
);

const REFUSED: &[Case] = &[
    (
        "transfer-encoding",
        &[("transfer-encoding", "chunked")],
        "0\r\n\r\n",
        &[0, 400],
    ),
    ("connection", &[("connection", "x-secret")], "", &[0, 400]),
    ("upgrade", &[("upgrade", "websocket")], "", &[0, 400]),
    ("keep-alive", &[("keep-alive", "1")], "", &[0, 400]),
    (
        "proxy-connection",
        &[("proxy-connection", "close")],
        "",
        &[0, 400],
    ),
    ("te", &[("te", "gzip")], "", &[0, 400]),
    ("another host", &[("host", "b.test")], "", &[400]),
    (
        "two hosts",
        &[("host", "app.localhost"), ("host", "b.test")],
        "",
        &[400],
    ),
    (
        "a line break in a value",
        &[("x", "a\r\ntransfer-encoding: chunked")],
        "",
        &[0, 400],
    ),
    ("a bare LF in a value", &[("x", "a\nb: c")], "", &[0, 400]),
    ("NUL in a value", &[("x", "a\0b")], "", &[0, 400]),
    (
        "a line break in a name",
        &[("x: y\r\nb", "c")],
        "",
        &[0, 400],
    ),
    ("a colon in a name", &[("x:", "c")], "", &[0, 400]),
    ("capitals in a name", &[("X-Up", "c")], "", &[0, 400]),
    (
        "a pseudo header behind others",
        &[("x", "y"), (":path", "/b")],
        "",
        &[0, 400],
    ),
    ("an unknown pseudo header", &[(":x", "y")], "", &[0, 400]),
    (
        "a shorter length than the body",
        &[("content-length", "1")],
        "abc",
        &[0, 400],
    ),
    (
        "a longer length than the body",
        &[("content-length", "9")],
        "abc",
        &[0, 400],
    ),
    (
        "two lengths",
        &[("content-length", "3"), ("content-length", "4")],
        "abc",
        &[0, 400],
    ),
    (
        "a length that is none",
        &[("content-length", "+3")],
        "abc",
        &[0, 400],
    ),
];

#[test]
fn what_only_http_2_can_say_reaches_no_replica() {
    let backend = Backend::start();
    let edge = edge(&backend, TlsVersion::V1_2);
    let mut wrong = Vec::new();
    edge.runtime.block_on(async {
        for (name, headers, body, right) in REFUSED {
            let mut stream = dial(&edge, rustls::ALL_VERSIONS, "h2").await.unwrap();
            let mut block = head(3, "/");
            for (name, value) in *headers {
                block.extend(literal(name, value));
            }
            let mut bytes = preface();
            bytes.extend(frame(HEADERS, END_HEADERS, 1, &block));
            bytes.extend(frame(DATA, END_STREAM, 1, body.as_bytes()));
            assert!(write(&mut stream, &bytes).await);
            let status = status(&mut stream, 1).await;
            if !right.contains(&status) || !backend.seen().is_empty() {
                wrong.push(format!("{name}: {status}, {:?}", backend.seen()));
            }
        }
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn targets_that_are_no_paths_and_connect_without_a_route_for_it_are_refused() {
    let backend = Backend::start();
    let edge = edge(&backend, TlsVersion::V1_2);
    edge.runtime.block_on(async {
        for path in ["x", "*", "", "http://b.test/", "/x/%2e%2e/y"] {
            let mut stream = dial(&edge, rustls::ALL_VERSIONS, "h2").await.unwrap();
            let mut bytes = preface();
            bytes.extend(frame(HEADERS, END_HEADERS | END_STREAM, 1, &head(2, path)));
            assert!(write(&mut stream, &bytes).await);
            let status = status(&mut stream, 1).await;
            assert!(matches!(status, 0 | 400), "{path}: {status}");
        }
        let mut connect = literal(":method", "CONNECT");
        connect.extend(literal(":authority", "b.test:80"));
        let mut stream = dial(&edge, rustls::ALL_VERSIONS, "h2").await.unwrap();
        let mut bytes = preface();
        bytes.extend(frame(HEADERS, END_HEADERS | END_STREAM, 1, &connect));
        assert!(write(&mut stream, &bytes).await);
        let status = status(&mut stream, 1).await;
        assert!(matches!(status, 0 | 405), "{status}");
    });
    assert_eq!(backend.requests(), 0);
}
