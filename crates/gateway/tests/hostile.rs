//! What public corpora of request smuggling list, case by case: refused, and never seen by a replica; or read in one
//! way, and passed on in that way.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends here")]

mod support;

use std::io::{Read, Write};

use support::Edge;
use support::backend::{Backend, Seen};
use support::documents::{endpoints, route, table};
use support::http1::connect;

const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n";

fn edge(backend: &Backend) -> Edge {
    let table = table(vec![route("api", "/", "api")]);
    Edge::with(&table, &endpoints(1, "api", &[backend.address]))
}

/// Everything that comes back until the gateway hangs up.
fn exchange(edge: &Edge, bytes: &str) -> String {
    let mut stream = connect(edge.http);
    stream.write_all(bytes.as_bytes()).unwrap();
    let mut answers = Vec::new();
    let _ = stream.read_to_end(&mut answers);
    String::from_utf8_lossy(&answers).into_owned()
}

fn status(answers: &str) -> u16 {
    let word = answers.split(' ').nth(1);
    word.and_then(|word| word.parse().ok()).unwrap_or(0)
}

/// What would be two messages to two readers: its name, and its bytes, where HOST stands for a header.
const REFUSED: &[(&str, &str)] = &[
    (
        "CL.TE",
        "POST / HTTP/1.1\r\nHOST\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    (
        "TE.CL",
        "POST / HTTP/1.1\r\nHOST\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
    ),
    (
        "TE.TE, second unknown",
        "POST / HTTP/1.1\r\nHOST\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n",
    ),
    (
        "TE.TE, first unknown",
        "POST / HTTP/1.1\r\nHOST\r\nTransfer-Encoding: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    (
        "TE.TE, twice",
        "POST / HTTP/1.1\r\nHOST\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    (
        "TE in quotes",
        "POST / HTTP/1.1\r\nHOST\r\nTransfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n",
    ),
    (
        "TE with a vertical tab",
        "POST / HTTP/1.1\r\nHOST\r\nTransfer-Encoding: \u{b}chunked\r\n\r\n0\r\n\r\n",
    ),
    (
        "TE with a parameter",
        "POST / HTTP/1.1\r\nHOST\r\nTransfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n",
    ),
    (
        "TE with a space before its colon",
        "POST / HTTP/1.1\r\nHOST\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    ),
    (
        "TE with a line break before its colon",
        "POST / HTTP/1.1\r\nHOST\r\nTransfer-Encoding\r\n : chunked\r\n\r\n0\r\n\r\n",
    ),
    (
        "TE behind a bare LF, beside CL",
        "POST / HTTP/1.1\r\nHOST\r\nContent-Length: 5\r\nx: y\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    (
        "TE folded",
        "POST / HTTP/1.1\r\nHOST\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    ),
    (
        "TE empty",
        "POST / HTTP/1.1\r\nHOST\r\nTransfer-Encoding:\r\n\r\n0\r\n\r\n",
    ),
    (
        "TE in a GET",
        "GET / HTTP/1.1\r\nHOST\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    (
        "CL.TE in a GET",
        "GET / HTTP/1.1\r\nHOST\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    (
        "CL negative",
        "POST / HTTP/1.1\r\nHOST\r\nContent-Length: -1\r\n\r\n",
    ),
    (
        "CL hexadecimal",
        "POST / HTTP/1.1\r\nHOST\r\nContent-Length: 0x3\r\n\r\nabc",
    ),
    (
        "CL empty",
        "POST / HTTP/1.1\r\nHOST\r\nContent-Length:\r\n\r\nabc",
    ),
    (
        "CL in words",
        "POST / HTTP/1.1\r\nHOST\r\nContent-Length: three\r\n\r\nabc",
    ),
    (
        "CL with a space inside",
        "POST / HTTP/1.1\r\nHOST\r\nContent-Length: 3 3\r\n\r\nabc",
    ),
    (
        "CL beyond 64 bits",
        "POST / HTTP/1.1\r\nHOST\r\nContent-Length: 18446744073709551619\r\n\r\nabc",
    ),
    (
        "CL folded",
        "POST / HTTP/1.1\r\nHOST\r\nContent-Length:\r\n 3\r\n\r\nabc",
    ),
    (
        "a bare CR in a value",
        "GET / HTTP/1.1\r\nHOST\r\nx: a\rb: c\r\n\r\n",
    ),
    (
        "a bare CR before a name",
        "GET / HTTP/1.1\r\nHOST\r\n\rx: a\r\n\r\n",
    ),
    (
        "a head that begins with a fold",
        "GET / HTTP/1.1\r\n x: a\r\nHOST\r\n\r\n",
    ),
    (
        "a name that is empty",
        "GET / HTTP/1.1\r\nHOST\r\n: a\r\n\r\n",
    ),
    (
        "a name with a quote",
        "GET / HTTP/1.1\r\nHOST\r\nx\"y: a\r\n\r\n",
    ),
    (
        "a line without a colon",
        "GET / HTTP/1.1\r\nHOST\r\nx\r\n\r\n",
    ),
    ("HTTP/0.9", "GET /\r\n\r\n"),
    (
        "HTTP/2 in words of HTTP/1",
        "GET / HTTP/2.0\r\nHOST\r\n\r\n",
    ),
    ("a version that is none", "GET / HTTP/1.10\r\nHOST\r\n\r\n"),
    (
        "two spaces in the first line",
        "GET  / HTTP/1.1\r\nHOST\r\n\r\n",
    ),
    ("a tab in the first line", "GET\t/ HTTP/1.1\r\nHOST\r\n\r\n"),
    (
        "two hosts, one in capitals",
        "GET / HTTP/1.1\r\nHOST\r\nHOST: b\r\n\r\n",
    ),
    ("a list of hosts", "GET / HTTP/1.1\r\nhost: a, b\r\n\r\n"),
    ("a host with a user", "GET / HTTP/1.1\r\nhost: a@b\r\n\r\n"),
    (
        "a target with a fragment of a host",
        "GET @b.test/ HTTP/1.1\r\nHOST\r\n\r\n",
    ),
    ("a relative target", "GET x HTTP/1.1\r\nHOST\r\n\r\n"),
    ("a star for GET", "GET * HTTP/1.1\r\nHOST\r\n\r\n"),
    ("CONNECT", "CONNECT b.test:80 HTTP/1.1\r\nHOST\r\n\r\n"),
];

#[test]
fn what_two_readers_could_read_in_two_ways_is_refused() {
    let backend = Backend::start();
    let edge = edge(&backend);
    let mut wrong = Vec::new();
    for (name, bytes) in REFUSED {
        let bytes = bytes.replace("HOST\r\n", "host: a\r\n");
        let answers = exchange(&edge, &format!("{bytes}{SMUGGLED}"));
        let status = status(&answers);
        let count = answers.matches("HTTP/1.1 ").count();
        let refused = matches!(status, 400 | 405 | 501) || (answers.is_empty());
        if !refused || count > 1 || backend.requests() > 0 {
            wrong.push(format!(
                "{name}: {status}, {count} answers, {:?}",
                backend.seen()
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Chunks of a body that is broken somewhere.
const CHUNKS: &[(&str, &str)] = &[
    ("a prefix", "0x3\r\nabc\r\n0\r\n\r\n"),
    ("a sign", "+3\r\nabc\r\n0\r\n\r\n"),
    ("bare LF", "3\nabc\n0\n\n"),
    ("no number", "\r\nabc\r\n0\r\n\r\n"),
    ("words", "three\r\nabc\r\n0\r\n\r\n"),
    ("more than 64 bits", "10000000000000003\r\nabc\r\n0\r\n\r\n"),
    ("more data than it says", "1\r\nabc\r\n0\r\n\r\n"),
    ("no end", "3\r\nabcGET /smuggled HTTP/1.1\r\n\r\n"),
    ("an extension with a bare LF", "3;a\nb\r\nabc\r\n0\r\n\r\n"),
    ("a space before the number", " 3\r\nabc\r\n0\r\n\r\n"),
];

#[test]
fn a_broken_body_is_no_request_ends_the_connection_and_is_counted() {
    let backend = Backend::start();
    let edge = edge(&backend);
    let mut wrong = Vec::new();
    for (name, chunks) in CHUNKS {
        let head = "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";
        let answers = exchange(&edge, &format!("{head}{chunks}{SMUGGLED}"));
        let status = status(&answers);
        let count = answers.matches("HTTP/1.1 ").count();
        if !matches!(status, 0 | 400) || count > 1 || !backend.seen().is_empty() {
            wrong.push(format!(
                "{name}: {status}, {count} answers, {:?}",
                backend.seen()
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let refused = edge.status().routes[0].classes[3];
    assert_eq!(refused, CHUNKS.len() as u64);
}

/// A request, the first line and the body as the replica must see them, and what must not be in the head.
type Passed = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
);

const PASSED: &[Passed] = &[
    (
        "CL.0, a request as the body of a GET",
        "GET /a HTTP/1.1\r\nHOST\r\ncontent-length: 10\r\n\r\nGET /x HTT",
        "GET /a HTTP/1.1",
        "GET /x HTT",
        "transfer-encoding",
    ),
    (
        "CL.0 in a POST",
        "POST /a HTTP/1.1\r\nHOST\r\ncontent-length: 10\r\n\r\nGET /x HTT",
        "POST /a HTTP/1.1",
        "GET /x HTT",
        "transfer-encoding",
    ),
    (
        "CL with spaces around",
        "POST /a HTTP/1.1\r\nHOST\r\ncontent-length:  3 \r\n\r\nabc",
        "POST /a HTTP/1.1",
        "abc",
        "transfer-encoding",
    ),
    (
        "CL twice, the same",
        "POST /a HTTP/1.1\r\nHOST\r\ncontent-length: 3\r\ncontent-length: 3\r\n\r\nabc",
        "POST /a HTTP/1.1",
        "abc",
        "transfer-encoding",
    ),
    (
        "a name like TE",
        "POST /a HTTP/1.1\r\nHOST\r\ntransfer_encoding: chunked\r\ncontent-length: 3\r\n\r\nabc",
        "POST /a HTTP/1.1",
        "abc",
        "transfer_encoding",
    ),
    (
        "an extension of a chunk",
        "POST /a HTTP/1.1\r\nHOST\r\ntransfer-encoding: chunked\r\n\r\n3;a=\"b\"\r\nabc\r\n0\r\n\r\n",
        "POST /a HTTP/1.1",
        "abc",
        "content-length",
    ),
    (
        "trailers",
        "POST /a HTTP/1.1\r\nHOST\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx-admin: 1\r\ncontent-length: 9\r\n\r\n",
        "POST /a HTTP/1.1",
        "abc",
        "x-admin",
    ),
    (
        "an absolute target",
        "GET http://b.test:80/a HTTP/1.1\r\nHOST\r\n\r\n",
        "GET /a HTTP/1.1",
        "",
        "host: a\r\n",
    ),
    (
        "a header that the client nominates",
        "GET /a HTTP/1.1\r\nHOST\r\nconnection: x-secret, keep-alive\r\nx-secret: 1\r\n\r\n",
        "GET /a HTTP/1.1",
        "",
        "x-secret",
    ),
    (
        "our own headers",
        "GET /a HTTP/1.1\r\nHOST\r\nx-forwarded-for: 6.6.6.6\r\nforwarded: for=6.6.6.6\r\nx_forwarded_for: 6.6.6.6\r\n\r\n",
        "GET /a HTTP/1.1",
        "",
        "6.6.6.6",
    ),
    (
        "a path that is folded up",
        "GET /b/../a HTTP/1.1\r\nHOST\r\n\r\n",
        "GET /a HTTP/1.1",
        "",
        "..",
    ),
    (
        "bare LF in the head",
        "GET /a HTTP/1.1\nhost: a\nx: y\n\n",
        "GET /a HTTP/1.1",
        "",
        "\nx: y\n",
    ),
    (
        "empty lines before the request",
        "\r\n\r\nGET /a HTTP/1.1\r\nHOST\r\n\r\n",
        "GET /a HTTP/1.1",
        "",
        "transfer-encoding",
    ),
    (
        "an upgrade to another protocol",
        "GET /a HTTP/1.1\r\nHOST\r\nconnection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n\r\n",
        "GET /a HTTP/1.1",
        "",
        "h2c",
    ),
    (
        "expect",
        "POST /a HTTP/1.1\r\nHOST\r\nexpect: 100-continue\r\ncontent-length: 3\r\n\r\nabc",
        "POST /a HTTP/1.1",
        "abc",
        "expect",
    ),
];

#[test]
fn what_has_one_meaning_is_passed_on_in_one_form_and_the_next_request_is_the_next() {
    for (name, bytes, line, body, absent) in PASSED {
        let backend = Backend::start();
        let edge = edge(&backend);
        let bytes = bytes.replace("HOST\r\n", "host: a\r\n");
        let next = "GET /next HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
        let answers = exchange(&edge, &format!("{bytes}{next}"));
        assert_eq!(
            answers.matches("HTTP/1.1 200 ").count(),
            2,
            "{name}: {answers}"
        );
        let seen: Vec<Seen> = backend.seen();
        assert_eq!(seen.len(), 2, "{name}");
        let head = seen[0].head.to_lowercase();
        assert!(
            seen[0].head.starts_with(&format!("{line}\r\n")),
            "{name}: {head}"
        );
        assert_eq!(seen[0].body, body.as_bytes(), "{name}");
        assert!(!head.contains(absent), "{name}: {head}");
        assert!(seen[1].head.starts_with("GET /next "), "{name}");
    }
}

#[test]
fn a_line_of_a_head_that_ends_without_cr_is_said_in_the_log_and_one_of_a_body_is_not() {
    let backend = Backend::start();
    let mut edge = edge(&backend);
    for bytes in [
        "GET /bare HTTP/1.1\nhost: a\nconnection: close\n\n",
        "POST /bare HTTP/1.1\r\nhost: a\r\nconnection: close\ncontent-length: 3\r\n\r\na\nb",
        "GET /whole HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
        "POST /whole HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 3\r\n\r\na\nb",
    ] {
        let answer = exchange(&edge, bytes);
        assert!(answer.starts_with("HTTP/1.1 200 "), "{bytes}: {answer}");
    }
    edge.stop();
    let line = |line: &serde_json::Value| format!("{} {}", line["path"], line["bare_lf"] == true);
    // Each core has a buffer of its own.
    let mut said: Vec<String> = edge.log().iter().map(line).collect();
    said.sort();
    let (bare, whole) = ("\"/bare\" true", "\"/whole\" false");
    assert_eq!(said, [bare, bare, whole, whole]);
}
