//! A change of releases as clients and judges see it: shares, stickiness, samples.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends here")]

mod support;

use std::io::Write;

use plimsoll_bundle::endpoints::{Cohort, Endpoints};
use plimsoll_bundle::local::Sticky;
use plimsoll_gateway::control::Sample;
use support::backend::Backend;
use support::documents::{endpoints, route, table};
use support::http1::{connect, get, get_with, read_answer};
use support::{Edge, eventually};

/// A stable replica and a canary with `share` permille.
fn shift(generation: u64, backends: &[Backend; 2], share: u32) -> Endpoints {
    let addresses = [backends[0].address, backends[1].address];
    let mut document = endpoints(generation, "api", &addresses);
    let replicas = document.services.get_mut("api").unwrap();
    replicas[0].weight = 1000 - share;
    replicas[1].weight = share;
    replicas[1].release = "r2".into();
    replicas[1].cohort = Cohort::Canary;
    document
}

fn edge(backends: &[Backend; 2], share: u32, sticky: Sticky) -> Edge {
    let mut table = table(vec![route("api", "/", "api")]);
    table.services.get_mut("api").unwrap().sticky = sticky;
    Edge::with(&table, &shift(1, backends, share))
}

fn samples(edge: &Edge) -> Vec<Sample> {
    edge.runtime.block_on(edge.client().samples()).unwrap()
}

fn of(edge: &Edge, cohort: Cohort) -> Sample {
    let mut samples = samples(edge);
    samples.retain(|sample| sample.cohort == cohort);
    samples.remove(0)
}

fn port(answer: &support::http1::Answer) -> u16 {
    answer.header("x-port").unwrap().parse().unwrap()
}

#[test]
fn a_client_stays_where_its_point_is_and_gets_a_cookie_only_when_it_has_none() {
    let backends = [Backend::start(), Backend::start()];
    let edge = edge(&backends, 300, Sticky::Cookie);
    let first = get_with(edge.http, "/", "user-agent: one\r\n");
    let cookie = first.header("set-cookie").unwrap();
    let (pair, rest) = cookie.split_once(';').unwrap();
    assert_eq!(rest, " Max-Age=3600; Path=/; HttpOnly; SameSite=Lax");
    for _ in 0..20 {
        // The cookie decides, also for another address or browser.
        let again = get_with(edge.http, "/", &format!("cookie: a=b; {pair}\r\n"));
        assert_eq!(
            (port(&again), again.header("set-cookie")),
            (port(&first), None)
        );
        let without = get_with(edge.http, "/", "user-agent: one\r\n");
        assert_eq!(port(&without), port(&first));
    }
    for (point, canary) in [(0, true), (299, true), (300, false), (999, false)] {
        let answer = get_with(
            edge.http,
            "/",
            &format!("cookie: plimsoll-point={point}\r\n"),
        );
        assert_eq!(
            port(&answer) == backends[1].address.port(),
            canary,
            "{point}"
        );
    }
    let forged = get_with(
        edge.http,
        "/",
        "user-agent: one\r\ncookie: plimsoll-point=1000\r\n",
    );
    assert_eq!(port(&forged), port(&first));
    assert!(forged.header("set-cookie").unwrap().starts_with(pair));
}

#[test]
fn outside_a_change_or_without_stickiness_there_is_no_cookie() {
    let backends = [Backend::start(), Backend::start()];
    let unsticky = edge(&backends, 300, Sticky::None);
    assert_eq!(get(unsticky.http, "/").header("set-cookie"), None);
    let sticky = edge(&backends, 300, Sticky::Cookie);
    sticky.put_endpoints(&endpoints(2, "api", &[backends[0].address]));
    assert_eq!(get(sticky.http, "/").header("set-cookie"), None);
}

#[test]
fn nothing_is_sent_to_a_cohort_whose_share_is_zero_and_the_samples_say_when_the_last_was() {
    let backends = [Backend::start(), Backend::start()];
    let edge = edge(&backends, 1000, Sticky::None);
    for _ in 0..10 {
        assert_eq!(get(edge.http, "/").status, 200);
    }
    let canary = of(&edge, Cohort::Canary);
    assert_eq!((canary.requests, canary.failed), (10, 0));
    assert_eq!(canary.classes, [0, 0, 10, 0, 0, 0]);
    assert_eq!(
        canary.latency.iter().map(|(_, count)| count).sum::<u64>(),
        10
    );
    assert!(canary.first_ms.unwrap() <= canary.last_ms.unwrap());
    assert_eq!(of(&edge, Cohort::Stable).first_ms, None);
    edge.put_endpoints(&shift(2, &backends, 0));
    for _ in 0..10 {
        assert_eq!(get(edge.http, "/").status, 200);
    }
    assert_eq!(of(&edge, Cohort::Canary), canary);
    assert_eq!(of(&edge, Cohort::Stable).requests, 10);
}

#[test]
fn what_a_replica_fails_is_in_its_sample_also_when_another_one_answered() {
    let backends = [Backend::start(), Backend::start()];
    let edge = edge(&backends, 500, Sticky::Cookie);
    let canary = "cookie: plimsoll-point=0\r\n";
    assert_eq!(get_with(edge.http, "/status/503", canary).status, 503);
    assert_eq!(get_with(edge.http, "/gone", canary).status, 502);
    let mut stream = connect(edge.http);
    let post = format!("POST /half HTTP/1.1\r\nhost: a\r\n{canary}content-length: 1\r\n\r\nx");
    stream.write_all(post.as_bytes()).unwrap();
    assert!(read_answer(&mut stream, false).is_none());
    eventually("the broken answer is counted", || {
        of(&edge, Cohort::Canary).failed == 3
    });
    let seen = of(&edge, Cohort::Canary);
    // The answer that was broken off had a status.
    assert_eq!(seen.classes, [1, 0, 1, 0, 0, 1]);
    // What the canary lost was asked of the stable one, which lost it too.
    let stable = of(&edge, Cohort::Stable);
    assert_eq!((stable.requests, stable.failed), (1, 1));
    backends[1].kill();
    assert_eq!(get_with(edge.http, "/", canary).status, 200);
    assert_eq!(of(&edge, Cohort::Stable).requests, 2);
}

#[test]
fn a_replica_that_left_is_still_answered_for() {
    let backends = [Backend::start(), Backend::start()];
    let edge = edge(&backends, 1000, Sticky::None);
    assert_eq!(get(edge.http, "/").status, 200);
    edge.put_endpoints(&endpoints(2, "api", &[backends[0].address]));
    let canary = of(&edge, Cohort::Canary);
    assert_eq!((canary.requests, canary.release.as_str()), (1, "r2"));
}
