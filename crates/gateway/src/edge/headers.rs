//! Headers that belong to one connection, headers that only we may set, and the ones that we set.

use std::fmt::Write as _;

use http::{HeaderMap, HeaderName, HeaderValue, header};

pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
pub(crate) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
pub(crate) const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
pub(crate) const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
pub(crate) const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
pub(crate) const X_FORWARDED_PREFIX: HeaderName = HeaderName::from_static("x-forwarded-prefix");
pub(crate) const X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");

/// Longest request id that is taken over from a client.
const MAX_REQUEST_ID: usize = 128;

/// Removes what belongs to the client's connection, what the `connection` header nominates, names with an
/// underscore (many servers read `X_Real_IP` as `X-Real-IP`), and what only we may say.
pub(crate) fn strip_request(headers: &mut HeaderMap) {
    strip(headers, |name| {
        is_hop_by_hop(name) || is_ours(name) || name.contains('_')
    });
}

/// Removes what belongs to the replica's connection, and the CORS headers, which are the edge's.
pub(crate) fn strip_response(headers: &mut HeaderMap) {
    strip(headers, |name| {
        is_hop_by_hop(name) || name.starts_with("access-control-")
    });
}

/// Names that belong to one connection (RFC 9110 section 7.6.1), with their older relatives.
fn is_hop_by_hop(name: &str) -> bool {
    matches!(
        name,
        "connection"
            | "keep-alive"
            | "proxy-connection"
            | "proxy-authenticate"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
    )
}

/// Request headers that say where a request comes from, which are dropped when they are the client's own, and those
/// that are for us.
fn is_ours(name: &str) -> bool {
    matches!(
        name,
        "x-forwarded-for"
            | "x-forwarded-proto"
            | "x-forwarded-host"
            | "x-forwarded-port"
            | "x-forwarded-prefix"
            | "x-real-ip"
            | "forwarded"
            | "proxy-authorization"
            | "expect"
    )
}

/// Removes what is `doomed` and what the `connection` header nominates. One look at each name: most messages have
/// nothing to remove but that header, and looking up every name that could be there costs a hash for each.
fn strip(headers: &mut HeaderMap, doomed: impl Fn(&str) -> bool) {
    let mut names = nominated(headers);
    headers.remove(header::CONNECTION);
    names.extend(headers.keys().filter(|name| doomed(name.as_str())).cloned());
    for name in names {
        headers.remove(name);
    }
}

/// The names in `connection`, but for its two usual words, which are no header or a doomed one.
fn nominated(headers: &HeaderMap) -> Vec<HeaderName> {
    let lines = headers.get_all(header::CONNECTION).iter();
    let lines = lines.filter_map(|value| value.to_str().ok());
    let tokens = lines.flat_map(|line| line.split(',')).map(str::trim);
    let is_usual = |token: &&str| {
        token.eq_ignore_ascii_case("keep-alive") || token.eq_ignore_ascii_case("close")
    };
    tokens
        .filter(|token| !is_usual(token))
        .filter_map(|token| token.parse().ok())
        .collect()
}

/// Whether a client's request id is fit to be taken over: visible ASCII that needs no escape anywhere.
pub(crate) fn is_request_id(value: &HeaderValue) -> bool {
    let bytes = value.as_bytes();
    let legal =
        |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':');
    !bytes.is_empty() && bytes.len() <= MAX_REQUEST_ID && bytes.iter().all(legal)
}

/// Whether a value is a `traceparent` of version 00 (W3C Trace Context), or of a later one that starts like it.
pub(crate) fn is_traceparent(value: &HeaderValue) -> bool {
    let bytes = value.as_bytes();
    let lower_hex = |part: &[u8]| {
        part.iter()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let all_zero = |part: &[u8]| part.iter().all(|byte| *byte == b'0');
    if bytes.len() < 55 || (bytes.len() > 55 && (bytes.starts_with(b"00") || bytes[55] != b'-')) {
        return false;
    }
    let (version, trace, parent, flags) =
        (&bytes[..2], &bytes[3..35], &bytes[36..52], &bytes[53..55]);
    let dashes = [bytes[2], bytes[35], bytes[52]] == [b'-'; 3];
    dashes
        && [version, trace, parent, flags].into_iter().all(lower_hex)
        && version != b"ff"
        && !all_zero(trace)
        && !all_zero(parent)
}

/// Adds `token` to `vary`, where it is not there yet.
pub(crate) fn add_vary(headers: &mut HeaderMap, token: &'static str) {
    let has = headers
        .get_all(header::VARY)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|line| line.split(','))
        .any(|word| word.trim() == "*" || word.trim().eq_ignore_ascii_case(token));
    if !has {
        headers.append(header::VARY, HeaderValue::from_static(token));
    }
}

/// A number as a header value.
pub(crate) fn number(value: u64) -> HeaderValue {
    HeaderValue::from(value)
}

/// The chain of addresses for the replica: what a trusted proxy told us, and the proxy itself.
pub(crate) fn forwarded_chain(told: &HeaderMap, peer: &HeaderValue) -> HeaderValue {
    let mut chain = String::new();
    for line in told.get_all(X_FORWARDED_FOR) {
        if let Ok(line) = line.to_str() {
            let _ = write!(chain, "{line}, ");
        }
    }
    chain.push_str(peer.to_str().unwrap_or_default());
    HeaderValue::try_from(chain).unwrap_or_else(|_| peer.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(headers: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_static(value));
        }
        map
    }

    fn left(headers: &[(&'static str, &'static str)]) -> Vec<String> {
        let mut map = map(headers);
        strip_request(&mut map);
        let mut names: Vec<String> = map.keys().map(|name| name.as_str().to_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn connection_headers_nominated_ones_and_those_that_we_set_do_not_pass() {
        assert_eq!(
            left(&[("accept", "*/*"), ("te", "trailers"), ("upgrade", "h2c")]),
            ["accept"]
        );
        assert_eq!(
            left(&[
                ("connection", "close, X-Foo"),
                ("x-foo", "1"),
                ("x-bar", "2")
            ]),
            ["x-bar"]
        );
        assert_eq!(
            left(&[("connection", "x-real-ip"), ("x-real-ip", "6.6.6.6")]),
            [""; 0]
        );
        assert_eq!(
            left(&[
                ("x_real_ip", "6.6.6.6"),
                ("forwarded", "for=6"),
                ("a-b", "1")
            ]),
            ["a-b"]
        );
        assert_eq!(
            left(&[("x-forwarded-for", "1"), ("x-forwarded-proto", "https")]),
            [""; 0]
        );
        assert_eq!(
            left(&[("authorization", "a"), ("proxy-authorization", "b")]),
            ["authorization"]
        );
    }

    #[test]
    fn a_replica_does_not_speak_of_cors() {
        let mut headers = map(&[("access-control-allow-origin", "*"), ("etag", "\"1\"")]);
        strip_response(&mut headers);
        assert_eq!(headers.keys().collect::<Vec<_>>(), ["etag"]);
    }

    #[test]
    fn request_ids_are_taken_over_when_they_are_well_formed() {
        for (value, expected) in [
            ("a-1_B.c:9", true),
            ("", false),
            ("a b", false),
            ("a\"", false),
        ] {
            assert_eq!(
                is_request_id(&HeaderValue::from_static(value)),
                expected,
                "{value}"
            );
        }
        let long = "a".repeat(MAX_REQUEST_ID + 1);
        assert!(!is_request_id(&HeaderValue::try_from(long).unwrap()));
    }

    #[test]
    fn trace_contexts_are_taken_over_when_they_are_well_formed() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let cases = [
            (good.to_owned(), true),
            (format!("{good}-x"), false),
            (good.replacen("00", "01", 1) + "-x", true),
            (good.replacen("00", "ff", 1), false),
            (good.to_uppercase(), false),
            (
                good.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32)),
                false,
            ),
            (good.replace("00f067aa0ba902b7", &"0".repeat(16)), false),
            (good[1..].to_owned(), false),
            (String::new(), false),
        ];
        for (value, expected) in cases {
            assert_eq!(
                is_traceparent(&HeaderValue::try_from(&value).unwrap()),
                expected,
                "{value}"
            );
        }
    }

    #[test]
    fn vary_names_a_header_once() {
        let mut headers = map(&[("vary", "Origin, accept")]);
        add_vary(&mut headers, "origin");
        add_vary(&mut headers, "accept-encoding");
        add_vary(&mut headers, "accept-encoding");
        assert_eq!(headers.get_all("vary").iter().count(), 2);
    }
}
