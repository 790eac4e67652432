//! What a client of HTTP/2 can do to the gateway with a small effort: nothing that others notice.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends here")]

mod support;

use std::time::Duration;

use plimsoll_bundle::local::TlsVersion;
use support::backend::Backend;
use support::frames::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PING, RST_STREAM, SETTINGS,
    frame, head, literal, preface, read, status, write,
};
use support::tls::{dial, edge};
use support::{Edge, eventually};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// What all attacks of one test may add to the process, which is also the attacker and the replica: far below what
/// 100,000 remembered streams or 100 MB of headers would need.
const BOUND_KIB: u64 = 96 * 1024;

fn resident_kib() -> u64 {
    let status = support::read(std::path::Path::new("/proc/self/status"));
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    line.unwrap()
        .split_whitespace()
        .nth(1)
        .unwrap()
        .parse()
        .unwrap()
}

async fn open(edge: &Edge) -> TlsStream<TcpStream> {
    let mut stream = dial(edge, rustls::ALL_VERSIONS, "h2").await.unwrap();
    assert!(write(&mut stream, &preface()).await);
    stream
}

/// Another client, on a connection of its own, is served.
async fn somebody_else_is_served(edge: &Edge) {
    let mut stream = open(edge).await;
    let request = frame(HEADERS, END_STREAM | END_HEADERS, 1, &head(2, "/fine"));
    assert!(write(&mut stream, &request).await);
    assert_eq!(status(&mut stream, 1).await, 200);
}

/// Reads until the connection ends; whether it does.
async fn is_sent_away(stream: &mut TlsStream<TcpStream>) -> bool {
    let reading = async { while read(stream).await.is_some() {} };
    let ended = tokio::time::timeout(Duration::from_secs(20), reading).await;
    ended.is_ok()
}

#[test]
fn a_hundred_thousand_resets_bind_no_memory_and_others_are_served_meanwhile() {
    const CONNECTIONS: u32 = 50;
    const RESETS: u32 = 2000;
    let backend = Backend::start();
    let edge = edge(&backend, TlsVersion::V1_2);
    edge.runtime.block_on(async {
        somebody_else_is_served(&edge).await;
        let before = resident_kib();
        for connection in 0..CONNECTIONS {
            let mut stream = open(&edge).await;
            let mut burst = Vec::new();
            for number in 0..RESETS {
                let id = 2 * number + 1;
                let head = head(2, "/never");
                burst.extend(frame(HEADERS, END_STREAM | END_HEADERS, id, &head));
                burst.extend(frame(RST_STREAM, 0, id, &8_u32.to_be_bytes()));
            }
            // The gateway may hang up before it has read all of it, and that is what it is for.
            write(&mut stream, &burst).await;
            assert!(is_sent_away(&mut stream).await);
            if connection % 10 == 0 {
                somebody_else_is_served(&edge).await;
            }
        }
        let grown = resident_kib().saturating_sub(before);
        assert!(grown < BOUND_KIB, "{grown} KiB");
    });
    eventually("nothing is left in flight", || {
        let status = edge.status();
        status.in_flight == 0 && status.endpoints[0].in_flight == 0
    });
}

#[test]
fn resets_that_wait_for_a_replica_to_begin_are_counted_too() {
    let backend = Backend::start();
    let edge = edge(&backend, TlsVersion::V1_2);
    edge.runtime.block_on(async {
        let mut stream = open(&edge).await;
        let mut id = 1;
        // Each round is a set of requests that reach the replica before they are given up.
        for _ in 0..10 {
            let seen = backend.requests();
            let mut burst = Vec::new();
            for number in 0..40 {
                let head = head(2, "/never");
                burst.extend(frame(
                    HEADERS,
                    END_STREAM | END_HEADERS,
                    id + 2 * number,
                    &head,
                ));
            }
            if !write(&mut stream, &burst).await {
                break;
            }
            let begun = async {
                while backend.requests() < seen + 40 {
                    if tokio::time::timeout(Duration::from_millis(5), read(&mut stream))
                        .await
                        .is_ok_and(|frame| frame.is_none())
                    {
                        return false;
                    }
                }
                true
            };
            if !begun.await {
                return;
            }
            let resets: Vec<u8> = (0..40)
                .flat_map(|number| frame(RST_STREAM, 0, id + 2 * number, &8_u32.to_be_bytes()))
                .collect();
            write(&mut stream, &resets).await;
            id += 80;
        }
        assert!(is_sent_away(&mut stream).await);
        somebody_else_is_served(&edge).await;
    });
    assert!(backend.requests() < 400, "{}", backend.requests());
}

#[test]
fn more_streams_than_are_offered_are_refused_and_the_others_live() {
    let backend = Backend::start();
    let edge = edge(&backend, TlsVersion::V1_2);
    edge.runtime.block_on(async {
        let mut stream = open(&edge).await;
        let burst: Vec<u8> = (0..200)
            .flat_map(|number| {
                let head = head(2, "/never");
                frame(HEADERS, END_STREAM | END_HEADERS, 2 * number + 1, &head)
            })
            .collect();
        assert!(write(&mut stream, &burst).await);
        let mut refused = 0;
        while refused < 72 {
            let frame = read(&mut stream).await.unwrap();
            assert_ne!(frame.kind, GOAWAY, "{frame:?}");
            // REFUSED_STREAM: nothing was done, so the client may ask again.
            refused += u32::from(frame.kind == RST_STREAM && frame.payload == [0, 0, 0, 7]);
        }
        eventually("those that were offered reach the replica", || {
            backend.requests() == 128
        });
        somebody_else_is_served(&edge).await;
    });
}

#[test]
fn a_head_without_an_end_is_cut_off() {
    let backend = Backend::start();
    let edge = edge(&backend, TlsVersion::V1_2);
    edge.runtime.block_on(async {
        let before = resident_kib();
        for fragment in [Vec::new(), literal("x-flood", &"y".repeat(100)).repeat(100)] {
            let mut stream = open(&edge).await;
            let mut burst = frame(HEADERS, END_STREAM, 1, &head(2, "/"));
            for _ in 0..1000 {
                burst.extend(frame(CONTINUATION, 0, 1, &fragment));
            }
            write(&mut stream, &burst).await;
            assert!(is_sent_away(&mut stream).await);
            somebody_else_is_served(&edge).await;
        }
        let grown = resident_kib().saturating_sub(before);
        assert!(grown < BOUND_KIB, "{grown} KiB");
    });
    assert_eq!(backend.seen().len(), 2);
}

#[test]
fn a_head_of_64_kib_is_answered_with_431_and_the_connection_lives() {
    let backend = Backend::start();
    let edge = edge(&backend, TlsVersion::V1_2);
    edge.runtime.block_on(async {
        let mut stream = open(&edge).await;
        let mut block = head(2, "/");
        for _ in 0..600 {
            block.extend(literal("x-large", &"y".repeat(100)));
        }
        let parts: Vec<&[u8]> = block.chunks(16 * 1024).collect();
        for (index, part) in parts.iter().enumerate() {
            let last = index + 1 == parts.len();
            let end = if last { END_HEADERS } else { 0 };
            let bytes = match index {
                0 => frame(HEADERS, END_STREAM | end, 1, part),
                _ => frame(CONTINUATION, end, 1, part),
            };
            assert!(write(&mut stream, &bytes).await);
        }
        assert_eq!(status(&mut stream, 1).await, 431);
        let request = frame(HEADERS, END_STREAM | END_HEADERS, 3, &head(2, "/fine"));
        assert!(write(&mut stream, &request).await);
        assert_eq!(status(&mut stream, 3).await, 200);
    });
}

#[test]
fn floods_of_settings_pings_and_empty_data_bind_no_memory() {
    const FRAMES: usize = 100_000;
    let backend = Backend::start();
    let edge = edge(&backend, TlsVersion::V1_2);
    edge.runtime.block_on(async {
        let before = resident_kib();
        let floods = [
            frame(SETTINGS, 0, 0, &[]),
            frame(PING, 0, 0, &[7; 8]),
            frame(DATA, 0, 1, &[]),
        ];
        for flood in floods {
            let mut stream = open(&edge).await;
            let start = frame(HEADERS, END_HEADERS, 1, &head(3, "/"));
            assert!(write(&mut stream, &start).await);
            // Nobody reads the answers, so the gateway stops to read the questions, or hangs up.
            let flood = flood.repeat(FRAMES);
            let writing = write(&mut stream, &flood);
            let _ = tokio::time::timeout(Duration::from_secs(2), writing).await;
            somebody_else_is_served(&edge).await;
        }
        let grown = resident_kib().saturating_sub(before);
        assert!(grown < BOUND_KIB, "{grown} KiB");
    });
}
