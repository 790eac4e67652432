//! To a replica and back, over real sockets.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends here")]

mod support;

use std::io::{Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use support::backend::Backend;
use support::documents::{endpoints, route, table};
use support::http1::{connect, get, get_with, read_answer, send};
use support::{Edge, eventually};

fn edge(backends: &[Backend]) -> Edge {
    let addresses: Vec<_> = backends.iter().map(|backend| backend.address).collect();
    Edge::with(
        &table(vec![route("api", "/", "api")]),
        &endpoints(1, "api", &addresses),
    )
}

#[test]
fn a_request_arrives_rewritten_and_its_answer_carries_our_headers() {
    let backends = [Backend::start()];
    let edge = edge(&backends);
    let answer = get_with(
        edge.http,
        "/a//b/../c?q=1",
        "x-forwarded-for: 6.6.6.6\r\nx_real_ip: 6.6.6.6\r\nconnection: x-real-ip, keep-alive\r\n\
         x-request-id: mine-1\r\n",
    );
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(answer.header("strict-transport-security"), None);
    assert_eq!(answer.header("keep-alive"), None);
    assert_eq!(answer.header("x-request-id"), Some("mine-1"));
    let head = backends[0].seen()[0].head.clone();
    assert!(head.starts_with("GET /a/c?q=1 HTTP/1.1\r\n"), "{head}");
    for line in [
        "host: a.test",
        "x-forwarded-for: 127.0.0.1",
        "x-real-ip: 127.0.0.1",
        "x-forwarded-proto: http",
        "x-request-id: mine-1",
    ] {
        assert!(head.contains(line), "{line} in {head}");
    }
    assert!(head.contains("traceparent: 00-"));
    assert!(
        !head.contains("6.6.6.6") && !head.contains("connection:"),
        "{head}"
    );
}

#[test]
fn without_a_table_or_a_replica_the_answer_is_a_problem_with_the_request_id() {
    let edge = Edge::empty();
    let answer = get(edge.http, "/");
    assert_eq!(answer.status, 503);
    let problem: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(
        problem["request_id"],
        answer.header("x-request-id").unwrap()
    );
    assert_eq!(
        answer.header("content-type"),
        Some("application/problem+json")
    );
    assert_eq!(answer.header("retry-after"), Some("1"));
    let mut edge = edge;
    edge.put_table(&table(vec![route("api", "/api", "api")]));
    assert_eq!(get(edge.http, "/api").status, 503);
    assert_eq!(get(edge.http, "/other").status, 404);
}

#[test]
fn a_body_over_the_limit_is_refused_by_its_length_and_while_it_streams() {
    let backends = [Backend::start()];
    let mut routes = vec![route("api", "/", "api")];
    routes[0].body_bytes = 1000;
    let edge = Edge::with(&table(routes), &endpoints(1, "api", &[backends[0].address]));
    let announced = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1001\r\n\r\n";
    assert_eq!(send(edge.http, announced).status, 413);
    assert_eq!(backends[0].requests(), 0);
    let mut stream = connect(edge.http);
    stream
        .write_all(b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n")
        .unwrap();
    let chunk = [b"258\r\n".as_slice(), &[b'x'; 600], b"\r\n"].concat();
    stream.write_all(&chunk).unwrap();
    stream.write_all(&chunk).unwrap();
    // No last chunk: the answer does not wait for the end of the body.
    assert_eq!(read_answer(&mut stream, false).unwrap().status, 413);
    let fits = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\nbody";
    assert!(send(edge.http, fits).text().ends_with(" / 4"));
}

#[test]
fn a_replica_that_does_not_answer_in_time_is_a_504() {
    let backends = [Backend::start()];
    let mut routes = vec![route("api", "/", "api")];
    routes[0].timeout_ms = 200;
    let edge = Edge::with(&table(routes), &endpoints(1, "api", &[backends[0].address]));
    assert_eq!(get(edge.http, "/never").status, 504);
    assert_eq!(edge.status().endpoints[0].failures, 1);
}

#[test]
fn an_idempotent_request_is_sent_once_more_to_another_replica_and_others_are_not() {
    let backends = [Backend::start(), Backend::start()];
    let edge = edge(&backends);
    for path in ["/gone", "/half"] {
        let before: u64 = backends.iter().map(Backend::requests).sum();
        assert_eq!(get(edge.http, path).status, 502, "{path}");
        assert_eq!(
            backends.iter().map(Backend::requests).sum::<u64>(),
            before + 2
        );
    }
    let kept = "PUT /gone HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\nbody";
    let before: u64 = backends.iter().map(Backend::requests).sum();
    assert_eq!(send(edge.http, kept).status, 502);
    assert_eq!(
        backends.iter().map(Backend::requests).sum::<u64>(),
        before + 2
    );
    let post = "POST /gone HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\nbody";
    assert_eq!(send(edge.http, post).status, 502);
    assert_eq!(
        backends.iter().map(Backend::requests).sum::<u64>(),
        before + 3
    );
}

#[test]
fn an_old_replica_makes_no_old_answer_and_costs_the_client_no_connection() {
    let backends = [Backend::start()];
    let edge = edge(&backends);
    let mut stream = connect(edge.http);
    for path in ["/old", "/old", "/new"] {
        let request = format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut version = [0; 9];
        stream.read_exact(&mut version).unwrap();
        assert_eq!(&version, b"HTTP/1.1 ", "{path}");
        let mut rest = b"HTTP/1.1 ".chain(&mut stream);
        let answer = read_answer(&mut rest, false).unwrap();
        assert_eq!((answer.status, answer.header("connection")), (200, None));
    }
    // A client that is old itself is answered in its own version.
    stream
        .write_all(b"GET /new HTTP/1.0\r\nhost: a\r\n\r\n")
        .unwrap();
    let mut rest = String::new();
    stream.read_to_string(&mut rest).unwrap();
    assert!(rest.starts_with("HTTP/1.0 200 "), "{rest}");
}

#[test]
fn a_replica_killed_under_load_fails_no_get() {
    let backends = [Backend::start_slow(5), Backend::start_slow(5)];
    let edge = edge(&backends);
    let address = edge.http;
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    let mut answers = 0_u32;
                    let mut stream = connect(address);
                    while !stop.load(Ordering::Relaxed) {
                        stream
                            .write_all(b"GET /json?30000 HTTP/1.1\r\nhost: a\r\n\r\n")
                            .unwrap();
                        let answer = read_answer(&mut stream, false).expect("a whole answer");
                        assert_eq!(answer.status, 200, "{}", answer.text());
                        answers += 1;
                    }
                    answers
                })
            })
            .collect();
        eventually("there is load", || backends[0].requests() > 100);
        backends[0].kill();
        let after = backends[1].requests() + 400;
        eventually("the load goes on", || backends[1].requests() > after);
        stop.store(true, Ordering::Relaxed);
        let answers: u32 = clients
            .into_iter()
            .map(|client| client.join().unwrap())
            .sum();
        assert!(answers > 500);
    });
}

#[test]
fn eight_replicas_get_equal_shares_and_a_slow_one_gets_less() {
    let backends: Vec<Backend> = (0..8).map(|_| Backend::start()).collect();
    let edge = edge(&backends);
    load(&edge, 4, 5000);
    let shares: Vec<u64> = backends.iter().map(Backend::requests).collect();
    assert_eq!(shares.iter().sum::<u64>(), 20_000);
    assert!(
        shares.iter().all(|share| (2250..=2750).contains(share)),
        "{shares:?}"
    );

    let slow = [Backend::start(), Backend::start(), Backend::start_slow(20)];
    let addresses: Vec<_> = slow.iter().map(|backend| backend.address).collect();
    edge.put_endpoints(&endpoints(2, "api", &addresses));
    edge.wait_until_ready();
    load(&edge, 6, 200);
    let shares: Vec<u64> = slow.iter().map(Backend::requests).collect();
    assert!(shares[2] * 2 < shares[0].min(shares[1]), "{shares:?}");
}

fn load(edge: &Edge, clients: usize, each: usize) {
    let address = edge.http;
    std::thread::scope(|scope| {
        for _ in 0..clients {
            scope.spawn(move || {
                let mut stream = connect(address);
                for _ in 0..each {
                    stream
                        .write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
                        .unwrap();
                    assert_eq!(read_answer(&mut stream, false).unwrap().status, 200);
                }
            });
        }
    });
}

#[test]
fn a_replica_that_says_it_is_not_ready_gets_nothing_until_it_is() {
    let backends = [Backend::start(), Backend::start()];
    let edge = edge(&backends);
    backends[0].set_ready(false);
    eventually("the probe sees it", || {
        let status = edge.status();
        status.endpoints[0].last_error.as_deref() == Some("it answered 503")
    });
    let before = backends[0].requests();
    load(&edge, 1, 50);
    assert_eq!(backends[0].requests(), before);
    backends[0].set_ready(true);
    edge.wait_until_ready();
    load(&edge, 1, 50);
    assert!(backends[0].requests() > before);
}

#[test]
fn events_arrive_when_they_are_sent() {
    let backends = [Backend::start()];
    let mut table = table(vec![route("api", "/", "api")]);
    table.compress = vec![plimsoll_bundle::local::Encoding::Gzip];
    let edge = Edge::with(&table, &endpoints(1, "api", &[backends[0].address]));
    let gate = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut stream = connect(edge.http);
    let port = gate.local_addr().unwrap().port();
    let request =
        format!("GET /events?{port} HTTP/1.1\r\nhost: a\r\naccept-encoding: gzip\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let head = support::http1::read_head(&mut stream).unwrap();
    assert!(!head.contains("content-encoding"));
    let first = support::http1::read_chunk(&mut stream).unwrap();
    assert_eq!(first, b"data: 1\n\n");
    // Only now the replica may go on: the first event was not waiting for the second.
    gate.accept().unwrap().0.write_all(b"x").unwrap();
    let second = support::http1::read_chunk(&mut stream).unwrap();
    assert_eq!(second, b"data: 2\n\n");
    assert!(support::http1::read_chunk(&mut stream).unwrap().is_empty());
}

#[test]
fn a_websocket_echoes_and_is_closed_with_a_frame_when_its_replica_leaves() {
    let backends = [Backend::start()];
    let mut routes = vec![route("ws", "/", "api")];
    routes[0].upgrade = true;
    let edge = Edge::with(&table(routes), &endpoints(1, "api", &[backends[0].address]));
    let mut stream = connect(edge.http);
    stream
        .write_all(
            b"GET /ws HTTP/1.1\r\nhost: a\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
              sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n\r\n",
        )
        .unwrap();
    let answer = read_answer(&mut stream, true).unwrap();
    assert_eq!(answer.status, 101);
    assert_eq!(answer.header("sec-websocket-accept"), Some("x"));
    let mut frame = [0; 4];
    stream.read_exact(&mut frame).unwrap();
    assert_eq!(&frame, b"\x81\x02hi");
    let masked = b"\x81\x82\0\0\0\0ok";
    stream.write_all(masked).unwrap();
    let mut echo = [0; 8];
    stream.read_exact(&mut echo).unwrap();
    assert_eq!(&echo, masked);
    let id = edge.status().endpoints[0].id.clone();
    assert_eq!(edge.status().endpoints[0].sockets, 1);
    let mut client = edge.client();
    let drained = std::thread::scope(|scope| {
        let reading = scope.spawn(move || {
            let mut close = [0; 4];
            stream.read_exact(&mut close).unwrap();
            assert_eq!(close, [0x88, 0x02, 0x03, 0xe9]);
            drop(stream);
        });
        let drained = edge.runtime.block_on(client.drain(&id)).unwrap();
        reading.join().unwrap();
        drained
    });
    assert_eq!((drained.requests_left, drained.sockets_left), (0, 0));
    assert_eq!(get(edge.http, "/").status, 503);
}

#[test]
fn what_is_not_allowed_to_upgrade_stays_a_request() {
    let backends = [Backend::start()];
    let edge = edge(&backends);
    let upgrade = "connection: upgrade\r\nupgrade: websocket\r\n";
    assert_eq!(get_with(edge.http, "/ws", upgrade).status, 426);
}
