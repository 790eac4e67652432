//! Documents over the control socket: what is in force, what is kept, what is refused.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends here")]

mod support;

use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use plimsoll_bundle::local::{CorsSpec, LimitKey, MaintenanceSpec, RateLimit};
use plimsoll_gateway::control::{Client, ControlError, Hello, Refusal};
use support::backend::Backend;
use support::documents::{endpoints, route, table};
use support::http1::{connect, get, get_with, read_answer, send};
use support::{Edge, eventually};

fn refusal(outcome: Result<(), ControlError>) -> Refusal {
    match outcome.unwrap_err() {
        ControlError::Refused { code, .. } => code,
        other => panic!("{other}"),
    }
}

#[test]
fn generations_only_rise_and_old_epochs_are_refused() {
    let edge = Edge::empty();
    let mut client = edge.client();
    let one = table(vec![route("one", "/", "api")]);
    let two = table(vec![route("two", "/", "api")]);
    edge.runtime.block_on(async {
        client.put_table(5, &one).await.unwrap();
        client.put_table(5, &one).await.unwrap();
        assert_eq!(
            refusal(client.put_table(5, &two).await),
            Refusal::StaleGeneration
        );
        assert_eq!(
            refusal(client.put_table(4, &two).await),
            Refusal::StaleGeneration
        );
        let hello = Hello::new("test", 7);
        let mut newer = Client::connect(edge.dir.path(), hello).await.unwrap();
        assert_eq!(newer.info().table_generation, 5);
        newer.put_table(6, &two).await.unwrap();
        assert_eq!(
            refusal(client.put_table(7, &one).await),
            Refusal::StaleEpoch
        );
        let mut bad = two.clone();
        bad.routes[0].limit = Some("nowhere".into());
        assert_eq!(refusal(newer.put_table(8, &bad).await), Refusal::Invalid);
        assert_eq!(newer.status().await.unwrap().routes[0].name, "two");
    });
}

#[test]
fn what_was_put_is_in_force_after_a_restart_and_a_broken_table_falls_back() {
    let backend = Backend::start();
    let first = table(vec![route("first", "/", "api")]);
    let mut edge = Edge::with(&first, &endpoints(1, "api", &[backend.address]));
    edge.put_table(&table(vec![route("second", "/", "api")]));
    edge.stop();
    edge.start();
    assert_eq!(get(edge.http, "/").status, 200);
    assert_eq!(edge.status().routes[0].name, "second");
    edge.stop();
    let path = edge.dir.path().join("table.json");
    plimsoll_stdx::fs::write_atomic(&path, b"{ torn").unwrap();
    edge.start();
    assert_eq!(get(edge.http, "/").status, 200);
    let status = edge.status();
    assert_eq!(status.routes[0].name, "first");
    assert!(
        status.notes[0].contains("table.json is damaged"),
        "{:?}",
        status.notes
    );
}

#[test]
fn swapping_tables_and_endpoints_under_load_loses_nothing() {
    let backends: Vec<Backend> = (0..3).map(|_| Backend::start()).collect();
    let routes = || table(vec![route("api", "/", "api")]);
    let addresses: Vec<_> = backends.iter().map(|backend| backend.address).collect();
    let mut edge = Edge::with(&routes(), &endpoints(1, "api", &addresses[..2]));
    let (stop, answers) = (AtomicBool::new(false), AtomicU64::new(0));
    let address = edge.http;
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut stream = connect(address);
                while !stop.load(Ordering::Relaxed) {
                    stream
                        .write_all(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\n\r\nx")
                        .unwrap();
                    assert_eq!(read_answer(&mut stream, false).unwrap().status, 200);
                    answers.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for round in 0..10_u64 {
            let seen = answers.load(Ordering::Relaxed);
            eventually("the load goes on", || {
                answers.load(Ordering::Relaxed) > seen + 20
            });
            edge.put_table(&routes());
            // One of three stays, one goes, one comes.
            let pair = [
                addresses[usize::try_from(round % 3).unwrap()],
                addresses[usize::try_from((round + 1) % 3).unwrap()],
            ];
            edge.put_endpoints(&endpoints(round + 2, "api", &pair));
            edge.wait_until_ready();
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert!(answers.load(Ordering::Relaxed) > 200);
}

#[test]
fn limits_cors_and_allow_lists_are_kept_at_the_edge() {
    let backend = Backend::start();
    let mut routes = vec![
        route("api", "/api", "api"),
        route("login", "/api/login", "api"),
        route("admin", "/admin", "api"),
    ];
    routes[0].cors = Some(CorsSpec {
        origins: vec!["https://a.test".into()],
        methods: vec!["GET".into()],
        headers: vec![],
        expose: vec![],
        credentials: true,
        max_age_s: 60,
    });
    routes[1].limit = Some("login".into());
    routes[2].allow = vec!["10.0.0.0/8".into()];
    let mut table = table(routes);
    let rule = RateLimit {
        requests: 2,
        per_ms: 60_000,
        burst: 2,
        by: vec![LimitKey::Ip],
        shared: None,
    };
    table.limits.insert("login".into(), rule);
    let edge = Edge::with(&table, &endpoints(1, "api", &[backend.address]));

    assert_eq!(get(edge.http, "/api/login").status, 200);
    assert_eq!(get(edge.http, "/api/login").status, 200);
    let limited = get(edge.http, "/api/login");
    assert_eq!(limited.status, 429);
    assert!((29..=30).contains(&limited.header("retry-after").unwrap().parse().unwrap()));
    assert_eq!(get(edge.http, "/api").status, 200);
    assert_eq!(get(edge.http, "/admin").status, 403);

    let preflight = |origin: &str| {
        let request = format!(
            "OPTIONS /api HTTP/1.1\r\nhost: a\r\norigin: {origin}\r\naccess-control-request-method: GET\r\n\r\n"
        );
        send(edge.http, &request)
    };
    let before = backend.requests();
    let allowed = preflight("https://a.test");
    assert_eq!(allowed.status, 204);
    assert_eq!(
        allowed.all("access-control-allow-origin"),
        ["https://a.test"]
    );
    assert_eq!(preflight("https://b.test").status, 403);
    assert_eq!(backend.requests(), before);
    let cross = get_with(edge.http, "/api/json", "origin: https://a.test\r\n");
    assert_eq!(cross.all("access-control-allow-origin"), ["https://a.test"]);
}

#[test]
fn a_redirect_and_a_maintenance_page_stand_before_the_app() {
    let backend = Backend::start();
    let mut table = table(vec![route("api", "/api", "api")]);
    let mut edge = Edge::with(&table, &endpoints(1, "api", &[backend.address]));
    table.tls.redirect = true;
    table.listeners.https = Some(8443);
    edge.put_table(&table);
    let redirected = get(edge.http, "/api?x=1");
    assert_eq!(redirected.status, 308);
    assert_eq!(
        redirected.header("location"),
        Some("https://a.test:8443/api?x=1")
    );

    table.tls.redirect = false;
    table.maintenance = Some(MaintenanceSpec {
        retry_after_s: 120,
        allow: vec!["10.0.0.0/8".into()],
    });
    table.trusted = vec!["127.0.0.1".into()];
    edge.put_table(&table);
    let page = get_with(edge.http, "/api", "accept: text/html\r\n");
    assert_eq!(
        (page.status, page.header("retry-after")),
        (503, Some("120"))
    );
    assert!(page.text().contains("maintenance"));
    assert_eq!(
        get_with(edge.http, "/api", "x-forwarded-for: 10.1.1.1\r\n").status,
        200
    );
}

#[test]
fn a_farewell_finishes_what_is_in_flight_and_writes_the_log() {
    let backend = Backend::start_slow(300);
    let mut edge = Edge::with(
        &table(vec![route("api", "/", "api")]),
        &endpoints(1, "api", &[backend.address]),
    );
    let mut stream = connect(edge.http);
    let mut idle = connect(edge.http);
    idle.write_all(b"GET /nowhere/x HTTP/1.1\r\n").unwrap();
    stream
        .write_all(b"GET /slow HTTP/1.1\r\nhost: a\r\n\r\n")
        .unwrap();
    eventually("it is in flight", || backend.requests() == 1);
    edge.stop();
    assert_eq!(read_answer(&mut stream, false).unwrap().status, 200);
    let log = edge.log();
    assert_eq!(log[0]["path"], "/slow");
    assert_eq!(log[0]["route"], "api");
    assert_eq!(log[0]["status"], 200);
    assert!(log[0]["us"].as_u64().unwrap() >= 300_000);
}

#[test]
fn metrics_count_what_happened() {
    let backend = Backend::start();
    let edge = Edge::with(
        &table(vec![route("api", "/api", "api")]),
        &endpoints(1, "api", &[backend.address]),
    );
    assert_eq!(get(edge.http, "/api").status, 200);
    assert_eq!(send(edge.http, "GET /api HTTP/1.1\r\n\r\n").status, 400);
    let mut client = edge.client();
    let mut text = String::new();
    eventually("it is counted", || {
        text = edge.runtime.block_on(client.metrics()).unwrap();
        text.contains(
            "plimsoll_gateway_requests_total{route=\"api\",service=\"api\",class=\"2xx\"} 1\n",
        )
    });
    for line in [
        "plimsoll_gateway_bad_requests_total{reason=\"no_host\"} 1",
        "plimsoll_gateway_request_seconds_bucket{route=\"api\",service=\"api\",le=\"+Inf\"} 1",
        "plimsoll_gateway_request_seconds_count{route=\"api\",service=\"api\"} 1",
        "plimsoll_gateway_endpoint_ready{service=\"api\",endpoint=",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
}
