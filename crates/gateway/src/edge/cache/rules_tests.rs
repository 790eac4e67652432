//! The rules as tables.

use super::*;

const TTL: Duration = Duration::from_secs(100);

fn now() -> SystemTime {
    httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap()
}

fn map(headers: &[(&'static str, &'static str)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(*name, HeaderValue::from_static(value));
    }
    map
}

fn ask(authorized: bool, cookie: bool) -> Ask {
    Ask {
        control: CacheControl::default(),
        personal: authorized || cookie,
        authorized,
    }
}

type Headers = &'static [(&'static str, &'static str)];

fn kept(ask: &Ask, status: u16, headers: Headers) -> Option<u64> {
    let status = StatusCode::from_u16(status).unwrap();
    let kept = may_keep(ask, (status, &map(headers)), TTL, now());
    kept.map(|freshness| freshness.lifetime.as_secs())
}

#[test]
fn an_answer_lives_as_long_as_it_says_but_no_longer_than_the_route() {
    let cases: &[(Headers, Option<u64>)] = &[
        (&[], Some(100)),
        (&[("cache-control", "max-age=7")], Some(7)),
        (&[("cache-control", "max-age=7000")], Some(100)),
        (&[("cache-control", "max-age=7, s-maxage=9")], Some(9)),
        (&[("expires", "Sun, 06 Nov 1994 08:49:57 GMT")], Some(20)),
        (
            &[
                ("date", "Sun, 06 Nov 1994 08:49:27 GMT"),
                ("expires", "Sun, 06 Nov 1994 08:49:57 GMT"),
            ],
            Some(30),
        ),
        (&[("expires", "0")], None),
        (&[("expires", "0"), ("etag", "\"1\"")], Some(0)),
        (&[("cache-control", "max-age=9"), ("expires", "0")], Some(9)),
        (&[("cache-control", "max-age=9"), ("age", "9")], None),
        (&[("cache-control", "no-store")], None),
        (&[("cache-control", "private, max-age=9")], None),
        (&[("cache-control", "no-cache")], None),
        (&[("cache-control", "no-cache"), ("etag", "\"1\"")], Some(0)),
        (
            &[
                ("set-cookie", "a=b"),
                ("cache-control", "public, max-age=9"),
            ],
            None,
        ),
        (&[("vary", "accept, *")], None),
        (&[("vary", "accept")], Some(100)),
        (&[("content-range", "bytes 0-1/2")], None),
        // Of a request only (section 5.4), and a name of another kind.
        (&[("pragma", "no-cache")], Some(100)),
    ];
    for (headers, expected) in cases {
        assert_eq!(
            kept(&ask(false, false), 200, headers),
            *expected,
            "{headers:?}"
        );
    }
}

#[test]
fn only_answers_of_known_kinds_are_kept() {
    let explicit: Headers = &[("cache-control", "max-age=9")];
    for (status, by_default, explicitly) in [
        (200, true, true),
        (203, true, true),
        (301, true, true),
        (308, true, true),
        (404, false, true),
        (410, false, true),
        (206, false, false),
        (302, false, false),
        (304, false, false),
        (500, false, false),
        (503, false, false),
    ] {
        let ask = ask(false, false);
        assert_eq!(kept(&ask, status, &[]).is_some(), by_default, "{status}");
        assert_eq!(
            kept(&ask, status, explicit).is_some(),
            explicitly,
            "{status}"
        );
    }
}

#[test]
fn what_somebody_asked_for_who_said_who_they_are_is_kept_only_when_it_is_for_everybody() {
    let cases: &[(Headers, bool, bool)] = &[
        (&[], false, false),
        (&[("cache-control", "max-age=9")], false, false),
        (
            &[("cache-control", "must-revalidate, max-age=9")],
            true,
            false,
        ),
        (&[("cache-control", "public, max-age=9")], true, true),
        (&[("cache-control", "s-maxage=9")], true, true),
    ];
    for (headers, authorized, cookie) in cases {
        let seen = |ask: &Ask| kept(ask, 200, headers).is_some();
        assert_eq!(seen(&ask(true, false)), *authorized, "{headers:?}");
        assert_eq!(seen(&ask(false, true)), *cookie, "{headers:?}");
    }
}

#[test]
fn an_answer_is_as_old_as_it_says_or_as_its_date() {
    for (headers, age) in [
        (map(&[]), 0),
        (map(&[("age", "7")]), 7),
        (map(&[("date", "Sun, 06 Nov 1994 08:49:27 GMT")]), 10),
        (
            map(&[("date", "Sun, 06 Nov 1994 08:49:27 GMT"), ("age", "30")]),
            30,
        ),
        (map(&[("date", "Sun, 06 Nov 1994 09:00:00 GMT")]), 0),
        (map(&[("age", "old")]), 0),
    ] {
        assert_eq!(initial_age(&headers, now()).as_secs(), age, "{headers:?}");
    }
}

#[test]
fn a_client_that_has_it_is_told_so() {
    let kept = map(&[
        ("etag", "\"a,b\""),
        ("last-modified", "Sun, 06 Nov 1994 08:49:37 GMT"),
    ]);
    let simple = map(&[("etag", "W/\"x\"")]);
    for (asked, kept, expected) in [
        (map(&[("if-none-match", "\"x\"")]), &simple, true),
        (map(&[("if-none-match", "\"y\", W/\"x\"")]), &simple, true),
        (map(&[("if-none-match", "\"y\"")]), &simple, false),
        (map(&[("if-none-match", "*")]), &simple, true),
        (map(&[]), &simple, false),
        (
            map(&[("if-modified-since", "Sun, 06 Nov 1994 08:49:37 GMT")]),
            &kept,
            true,
        ),
        (
            map(&[("if-modified-since", "Sun, 06 Nov 1994 08:49:36 GMT")]),
            &kept,
            false,
        ),
        // The tag decides where there is one.
        (
            map(&[
                ("if-none-match", "\"y\""),
                ("if-modified-since", "Sun, 06 Nov 1994 08:49:37 GMT"),
            ]),
            &kept,
            false,
        ),
    ] {
        assert_eq!(is_known(&asked, kept), expected, "{asked:?}");
    }
}
