//! Requests that wait while their service is paused.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends here")]

mod support;

use plimsoll_gateway::control::{ControlError, Pause, Refusal};
use support::backend::Backend;
use support::documents::{endpoints, route, table};
use support::http1::{connect, get, send};
use support::{Edge, eventually};

fn edge(backends: &[&Backend]) -> Edge {
    let addresses: Vec<_> = backends.iter().map(|backend| backend.address).collect();
    Edge::with(
        &table(vec![route("api", "/", "api")]),
        &endpoints(1, "api", &addresses),
    )
}

fn pause(edge: &Edge, wait_ms: u64, held: u32) {
    let pause = Pause {
        wait_ms,
        held,
        lasts_ms: 60_000,
    };
    edge.runtime
        .block_on(edge.client().pause("api", pause))
        .unwrap();
}

fn held(edge: &Edge) -> u32 {
    edge.status().paused.first().map_or(0, |(_, held)| *held)
}

#[test]
fn requests_wait_while_all_replicas_are_replaced_and_none_fails() {
    let (old, new) = (Backend::start(), Backend::start());
    let edge = edge(&[&old]);
    pause(&edge, 20_000, 100);
    let address = edge.http;
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..20)
            .map(|number| {
                scope.spawn(move || match number % 2 {
                    0 => get(address, "/"),
                    _ => send(
                        address,
                        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\nbody",
                    ),
                })
            })
            .collect();
        eventually("all wait", || held(&edge) == 20);
        old.kill();
        edge.put_endpoints(&endpoints(2, "api", &[new.address]));
        edge.wait_until_ready();
        edge.runtime.block_on(edge.client().resume("api")).unwrap();
        for client in clients {
            assert_eq!(client.join().unwrap().status, 200);
        }
    });
    assert_eq!((old.requests(), new.requests()), (0, 20));
    assert_eq!(edge.status().paused, []);
}

#[test]
fn those_beyond_the_bounds_are_told_to_come_back() {
    let backend = Backend::start();
    let edge = edge(&[&backend]);
    pause(&edge, 100, 0);
    let full = get(edge.http, "/");
    assert_eq!((full.status, full.header("retry-after")), (503, Some("1")));
    assert!(full.text().contains("too many requests wait"));
    pause(&edge, 100, 1);
    let late = get(edge.http, "/");
    assert_eq!((late.status, late.header("retry-after")), (503, Some("1")));
    assert!(late.text().contains("the service is paused"));
    assert_eq!(backend.requests(), 0);
}

#[test]
fn a_client_that_gives_up_gives_its_place_back() {
    use std::io::Write;
    let backend = Backend::start();
    let edge = edge(&[&backend]);
    pause(&edge, 60_000, 1);
    let mut stream = connect(edge.http);
    stream
        .write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        .unwrap();
    eventually("it waits", || held(&edge) == 1);
    drop(stream);
    eventually("its place is free", || held(&edge) == 0);
}

#[test]
fn a_pause_ends_by_itself_and_an_unknown_service_has_none() {
    let backend = Backend::start();
    let edge = edge(&[&backend]);
    let short = Pause {
        wait_ms: 20_000,
        held: 10,
        lasts_ms: 100,
    };
    let mut client = edge.client();
    edge.runtime.block_on(async {
        client.pause("api", short).await.unwrap();
        let unknown = client.pause("nowhere", short).await;
        assert!(matches!(
            unknown,
            Err(ControlError::Refused {
                code: Refusal::Unknown,
                ..
            })
        ));
    });
    assert_eq!(get(edge.http, "/").status, 200);
}
