//! Answers that are kept at the edge. The replica answers with the headers that a request asks it for.

mod support;

use plimsoll_bundle::endpoints::Cohort;
use support::backend::Backend;
use support::documents::{endpoints, route, table};
use support::http1::{Answer, get_with, send};
use support::{Edge, eventually};

const FRESH: &str = "x-answer: cache-control: max-age=60\r\n";

fn edge(backend: &Backend) -> Edge {
    let mut routes = vec![route("api", "/", "api")];
    routes[0].keep_ms = Some(60_000);
    Edge::with(&table(routes), &endpoints(1, "api", &[backend.address]))
}

fn ask(edge: &Edge, path: &str, headers: &str) -> (Answer, String) {
    let answer = get_with(edge.http, path, headers);
    let how = answer.header("x-cache").unwrap_or("none").to_owned();
    (answer, how)
}

fn how(edge: &Edge, path: &str, headers: &str) -> String {
    ask(edge, path, headers).1
}

#[test]
fn a_second_request_is_answered_from_the_cache_with_its_age_and_its_own_id() {
    let backend = Backend::start();
    let edge = edge(&backend);
    let (first, miss) = ask(&edge, "/a?q=1", &format!("{FRESH}x-request-id: one\r\n"));
    let (second, hit) = ask(&edge, "/a?q=1", "x-request-id: two\r\n");
    assert_eq!((miss.as_str(), hit.as_str()), ("MISS", "HIT"));
    assert_eq!((first.text(), second.text()), ("one".into(), "one".into()));
    assert_eq!(second.header("x-request-id"), Some("two"));
    assert_eq!(second.header("content-length"), Some("3"));
    assert!(second.header("age").unwrap().parse::<u32>().unwrap() < 60);
    assert_eq!(first.header("age"), None);
    let head = send(edge.http, "HEAD /a?q=1 HTTP/1.1\r\nhost: a.test\r\n\r\n");
    assert_eq!(
        (head.header("x-cache"), head.header("content-length")),
        (Some("HIT"), Some("3"))
    );
    assert_eq!(backend.requests(), 1);
    // Another query, another host: another answer.
    assert_eq!(how(&edge, "/a?q=2", FRESH), "MISS");
    let other = send(edge.http, "GET /a?q=1 HTTP/1.1\r\nhost: b.test\r\n\r\n");
    assert_eq!(other.header("x-cache"), Some("MISS"));
}

#[test]
fn what_may_not_be_kept_is_not() {
    let backend = Backend::start();
    let edge = edge(&backend);
    for (path, asks) in [
        ("/no-store", "x-answer: cache-control: no-store\r\n"),
        (
            "/private",
            "x-answer: cache-control: private, max-age=60\r\n",
        ),
        (
            "/cookie",
            "x-answer: set-cookie: a=b|cache-control: max-age=60\r\n",
        ),
        ("/star", "x-answer: vary: *\r\n"),
        (
            "/authorized",
            "authorization: Bearer x\r\nx-answer: cache-control: max-age=60\r\n",
        ),
        (
            "/with-cookie",
            "cookie: session=1\r\nx-answer: cache-control: max-age=60\r\n",
        ),
        ("/expired", "x-answer: expires: 0\r\n"),
    ] {
        assert_eq!(
            (how(&edge, path, asks), how(&edge, path, asks)),
            ("MISS".into(), "MISS".into()),
            "{path}"
        );
    }
    assert_eq!(
        how(&edge, "/range", &format!("{FRESH}range: bytes=0-1\r\n")),
        "BYPASS"
    );
    assert_eq!(
        how(
            &edge,
            "/refused",
            &format!("{FRESH}cache-control: no-store\r\n")
        ),
        "BYPASS"
    );
}

#[test]
fn what_somebody_says_who_they_are_gets_only_what_is_for_everybody() {
    let backend = Backend::start();
    let edge = edge(&backend);
    assert_eq!(how(&edge, "/anonymous", FRESH), "MISS");
    assert_eq!(how(&edge, "/anonymous", "cookie: session=1\r\n"), "MISS");
    assert_eq!(
        how(&edge, "/anonymous", "cookie: plimsoll-point=1\r\n"),
        "HIT"
    );
    let public = "cookie: session=1\r\nx-answer: cache-control: public, max-age=60\r\n";
    assert_eq!(how(&edge, "/public", public), "MISS");
    assert_eq!(how(&edge, "/public", "authorization: Bearer x\r\n"), "HIT");
}

#[test]
fn answers_that_vary_are_told_apart() {
    let backend = Backend::start();
    let edge = edge(&backend);
    let vary = "x-answer: vary: accept-language\r\n";
    for (language, expected) in [("de", "MISS"), ("en", "MISS"), ("de", "HIT"), ("en", "HIT")] {
        let headers = format!("{vary}accept-language: {language}\r\n");
        assert_eq!(how(&edge, "/vary", &headers), expected, "{language}");
    }
    assert_eq!(how(&edge, "/vary", vary), "MISS");
}

#[test]
fn a_stale_answer_is_asked_about_and_a_client_that_has_it_is_told_so() {
    let backend = Backend::start();
    let edge = edge(&backend);
    let stale = "x-answer: cache-control: no-cache|etag: \"1\"\r\n";
    assert_eq!(how(&edge, "/stale", stale), "MISS");
    let (again, revalidated) = ask(&edge, "/stale", stale);
    assert_eq!((again.status, revalidated.as_str()), (200, "REVALIDATED"));
    assert!(backend.seen()[1].head.contains("if-none-match: \"1\""));
    let changed = "x-answer: cache-control: no-cache|etag: \"2\"\r\n";
    assert_eq!(how(&edge, "/stale", changed), "MISS");
    let fresh = "x-answer: cache-control: max-age=60|etag: \"3\"\r\n";
    assert_eq!(how(&edge, "/fresh", fresh), "MISS");
    let (known, hit) = ask(&edge, "/fresh", "if-none-match: W/\"3\"\r\n");
    assert_eq!((known.status, hit.as_str()), (304, "HIT"));
    assert_eq!(
        (known.header("etag"), known.text()),
        (Some("\"3\""), String::new())
    );
    // The client insists on a look.
    let looked = format!("{fresh}cache-control: no-cache\r\n");
    assert_eq!(how(&edge, "/fresh", &looked), "REVALIDATED");
    let nothing = get_with(edge.http, "/nothing", "cache-control: only-if-cached\r\n");
    assert_eq!(nothing.status, 504);
}

#[test]
fn a_change_makes_the_address_be_asked_for_anew() {
    let backend = Backend::start();
    let edge = edge(&backend);
    assert_eq!(how(&edge, "/item", FRESH), "MISS");
    let put = "PUT /item HTTP/1.1\r\nhost: a.test\r\ncontent-length: 1\r\n\r\nx";
    assert_eq!(send(edge.http, put).header("x-cache"), Some("BYPASS"));
    assert_eq!(how(&edge, "/item", FRESH), "MISS");
    let failed = "POST /status/500 HTTP/1.1\r\nhost: a.test\r\ncontent-length: 1\r\n\r\nx";
    assert_eq!(send(edge.http, failed).status, 500);
    assert_eq!(how(&edge, "/item", FRESH), "HIT");
}

#[test]
fn many_who_ask_at_once_cost_one_request() {
    let backend = Backend::start_slow(300);
    let edge = edge(&backend);
    let address = edge.http;
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..30)
            .map(|_| scope.spawn(move || get_with(address, "/many", FRESH)))
            .collect();
        let bodies: Vec<String> = clients
            .into_iter()
            .map(|client| client.join().unwrap().text())
            .collect();
        assert!(bodies.iter().all(|body| *body == bodies[0]), "{bodies:?}");
    });
    assert_eq!(backend.requests(), 1);
}

#[test]
fn a_body_of_any_size_passes_and_one_that_is_not_too_large_is_kept() {
    let backend = Backend::start();
    let edge = edge(&backend);
    for (size, second) in [(0, "HIT"), (1, "HIT"), (300_000, "HIT"), (700_000, "MISS")] {
        let path = format!("/size/{size}");
        let headers = format!("{FRESH}x-size: {size}\r\n");
        let (first, miss) = ask(&edge, &path, &headers);
        assert_eq!((first.body.len(), miss.as_str()), (size, "MISS"));
        let (again, how) = ask(&edge, &path, &headers);
        assert_eq!((again.body.len(), how.as_str()), (size, second), "{size}");
    }
}

#[test]
fn during_a_change_replicas_answer_and_after_it_the_new_release_does() {
    let backends = [Backend::start(), Backend::start()];
    let edge = edge(&backends[0]);
    assert_eq!(how(&edge, "/a", FRESH), "MISS");
    assert_eq!(how(&edge, "/a", FRESH), "HIT");
    let mut change = endpoints(2, "api", &[backends[0].address, backends[1].address]);
    let replicas = change.services.get_mut("api").unwrap();
    (replicas[1].cohort, replicas[1].release) = (Cohort::Canary, "r2".into());
    edge.put_endpoints(&change);
    assert_eq!(how(&edge, "/a", FRESH), "BYPASS");
    let mut after = endpoints(3, "api", &[backends[1].address]);
    after.services.get_mut("api").unwrap()[0].release = "r2".into();
    edge.put_endpoints(&after);
    edge.wait_until_ready();
    assert_eq!(how(&edge, "/a", FRESH), "MISS");
    assert_eq!(how(&edge, "/a", FRESH), "HIT");
}

#[test]
fn a_new_table_starts_with_nothing_and_other_routes_keep_nothing() {
    let backend = Backend::start();
    let mut edge = edge(&backend);
    assert_eq!(how(&edge, "/a", FRESH), "MISS");
    let mut routes = vec![route("api", "/", "api"), route("plain", "/plain", "api")];
    routes[0].keep_ms = Some(60_000);
    edge.put_table(&table(routes));
    assert_eq!(how(&edge, "/a", FRESH), "MISS");
    assert_eq!(how(&edge, "/plain", FRESH), "none");
    let mut client = edge.client();
    eventually("the metrics know", || {
        let text = edge.runtime.block_on(client.metrics()).unwrap();
        text.contains("plimsoll_gateway_cache_misses_total{route=\"api\"} 2")
    });
}
