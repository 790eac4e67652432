//! The table of requests that must be refused, and of their harmless neighbours.

use http::{Request, Version};

use super::*;

fn parts(version: Version, method: &str, target: &str, headers: &[(&str, &str)]) -> Parts {
    let mut request = Request::builder()
        .version(version)
        .method(method)
        .uri(target);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

fn check_one(headers: &[(&str, &str)]) -> Result<(), Reject> {
    check_request(&parts(Version::HTTP_11, "POST", "/", headers), false)
}

/// Headers, and what is said of them.
type Case<'a> = (&'a [(&'a str, &'a str)], Result<(), Reject>);

#[test]
fn framing_and_hosts_of_http_1() {
    let host = ("host", "a.test");
    let te = |value| ("transfer-encoding", value);
    let length = |value| ("content-length", value);
    let cases: &[Case<'_>] = &[
        (&[host], Ok(())),
        (&[host, te("chunked")], Ok(())),
        (&[host, te("Chunked")], Ok(())),
        (&[host, te("chunked\t")], Ok(())),
        (&[host, length("3")], Ok(())),
        (&[host, length("3"), te("chunked")], Err(Reject::TwoLengths)),
        (&[host, te("chunked"), length("3")], Err(Reject::TwoLengths)),
        (&[host, length("3"), length("3")], Err(Reject::TwoLengths)),
        (&[host, length("3"), length("4")], Err(Reject::TwoLengths)),
        (&[host, te("gzip, chunked")], Err(Reject::TransferCoding)),
        (&[host, te("xchunked")], Err(Reject::TransferCoding)),
        (
            &[host, te("chunked, identity")],
            Err(Reject::TransferCoding),
        ),
        (&[host, te("identity")], Err(Reject::TransferCoding)),
        (
            &[host, te("chunked"), te("chunked")],
            Err(Reject::TransferCoding),
        ),
        (&[], Err(Reject::NoHost)),
        (&[("host", "")], Err(Reject::NoHost)),
        (&[host, ("host", "b.test")], Err(Reject::ManyHosts)),
        (&[host, host], Err(Reject::ManyHosts)),
        (&[("host", "a.test:8080")], Ok(())),
        (&[("host", "[::1]:8080")], Ok(())),
        (&[("host", "[::1]")], Ok(())),
        (&[("host", "a.test:http")], Err(Reject::BadHost)),
        (&[("host", "a.test:1:2")], Err(Reject::BadHost)),
        (&[("host", "user@a.test")], Err(Reject::BadHost)),
        (&[("host", "a test")], Err(Reject::BadHost)),
        (&[("host", "a.test/x")], Err(Reject::BadHost)),
        (&[("host", "a%2etest")], Err(Reject::BadHost)),
        (&[("host", ":80")], Err(Reject::BadHost)),
        (&[("host", "[::1")], Err(Reject::BadHost)),
        (&[("host", "x[::1]")], Err(Reject::BadHost)),
    ];
    for (headers, expected) in cases {
        assert_eq!(check_one(headers), *expected, "{headers:?}");
    }
}

#[test]
fn a_coded_body_stands_alone_and_belongs_to_no_get() {
    let coded: &[(&str, &str)] = &[("host", "a.test"), ("transfer-encoding", "chunked")];
    let check = |method, headers, two_lengths| {
        check_request(&parts(Version::HTTP_11, method, "/", headers), two_lengths)
    };
    assert_eq!(check("POST", coded, true), Err(Reject::TwoLengths));
    assert_eq!(check("GET", coded, false), Err(Reject::CodedGet));
    assert_eq!(check("HEAD", coded, false), Err(Reject::CodedGet));
    // What was seen belongs to another head.
    assert_eq!(check("POST", &coded[..1], true), Ok(()));
}

#[test]
fn targets_and_methods() {
    let host: &[(&str, &str)] = &[("host", "a.test")];
    let cases = [
        ("GET", "/", Ok(())),
        ("OPTIONS", "*", Ok(())),
        ("GET", "*", Err(Reject::Target)),
        ("CONNECT", "a.test:443", Err(Reject::Connect)),
        ("GET", "http://b.test/x", Ok(())),
        ("GET", "http://u@b.test/x", Err(Reject::BadHost)),
    ];
    for (method, target, expected) in cases {
        let parts = parts(Version::HTTP_11, method, target, host);
        assert_eq!(check_request(&parts, false), expected, "{method} {target}");
    }
}

#[test]
fn the_target_names_the_host_when_it_is_absolute() {
    let parts = parts(
        Version::HTTP_11,
        "GET",
        "http://b.test:81/x",
        &[("host", "a.test")],
    );
    assert_eq!(check_request(&parts, false), Ok(()));
    assert_eq!((host(&parts), authority(&parts)), ("b.test", "b.test:81"));
}

#[test]
fn the_port_is_no_part_of_the_host() {
    for (header, expected) in [
        ("a.test:80", "a.test"),
        ("[::1]:80", "[::1]"),
        ("[::1]", "[::1]"),
    ] {
        let parts = parts(Version::HTTP_11, "GET", "/", &[("host", header)]);
        assert_eq!(host(&parts), expected);
    }
}

#[test]
fn http_2_downgrades_carry_no_second_host_and_no_connection_header() {
    let two = |headers: &[(&str, &str)]| {
        let parts = parts(Version::HTTP_2, "GET", "https://a.test/x", headers);
        check_request(&parts, false)
    };
    assert_eq!(two(&[]), Ok(()));
    assert_eq!(two(&[("host", "A.test")]), Ok(()));
    assert_eq!(two(&[("host", "b.test")]), Err(Reject::HostMismatch));
    for name in [
        "connection",
        "upgrade",
        "keep-alive",
        "proxy-connection",
        "transfer-encoding",
    ] {
        assert_eq!(
            two(&[(name, "chunked")]),
            Err(Reject::ConnectionHeader),
            "{name}"
        );
    }
}

#[test]
fn an_extended_connect_passes_the_check() {
    let mut parts = parts(Version::HTTP_2, "CONNECT", "https://a.test/ws", &[]);
    assert_eq!(check_request(&parts, false), Err(Reject::Connect));
    parts.extensions.insert(Protocol::from_static("websocket"));
    assert_eq!(check_request(&parts, false), Ok(()));
}

#[test]
fn every_reason_has_its_own_label() {
    let mut labels: Vec<_> = Reject::ALL.iter().map(|reject| reject.label()).collect();
    labels.sort_unstable();
    labels.dedup();
    assert_eq!(labels.len(), Reject::ALL.len());
}
