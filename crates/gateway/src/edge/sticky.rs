//! What keeps one client on one side of a change: its point, a place in the whole that only the client's cookie or its
//! address decides. While a canary's share rises it takes more points and gives none back.

use std::net::IpAddr;

use http::{HeaderMap, HeaderValue, header};
use plimsoll_bundle::local::GatewayTable;
use sha2::{Digest as _, Sha256};

use super::cohorts::POINTS;
use crate::cidr;

/// The cookie that carries a point. It names no person: a thousandth of all clients has the same.
const COOKIE: &str = "plimsoll-point";
/// Seconds that a browser keeps it: longer than the steps of a change, and gone soon after it.
const MAX_AGE: u32 = 3600;

/// How points are found for clients that bring none. The same in every gateway of an environment and after a restart.
#[derive(Debug, Clone)]
pub(crate) struct Sticky {
    key: Sha256,
}

/// A client's place in the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Point {
    /// Below [`POINTS`].
    pub(crate) value: u16,
    /// Whether the client does not have it yet.
    pub(crate) is_new: bool,
}

impl Sticky {
    /// The points of the table's environment.
    pub(crate) fn new(table: &GatewayTable) -> Self {
        let mut key = Sha256::new();
        for part in [COOKIE, &table.app, &table.environment] {
            key.update(part);
            key.update([0]);
        }
        Self { key }
    }

    /// The point of the client that sent `headers` from `address`.
    pub(crate) fn point(&self, headers: &HeaderMap, address: IpAddr) -> Point {
        match brought(headers) {
            Some(value) => Point {
                value,
                is_new: false,
            },
            None => Point {
                value: self.hashed(headers, address),
                is_new: true,
            },
        }
    }

    fn hashed(&self, headers: &HeaderMap, address: IpAddr) -> u16 {
        let mut hash = self.key.clone();
        match cidr::limited_as(address) {
            IpAddr::V4(address) => hash.update(address.octets()),
            IpAddr::V6(address) => hash.update(address.octets()),
        }
        if let Some(agent) = headers.get(header::USER_AGENT) {
            hash.update(agent.as_bytes());
        }
        let digest = hash.finalize();
        let number = digest[..8]
            .iter()
            .fold(0_u128, |number, byte| (number << 8) | u128::from(*byte));
        u16::try_from((number * u128::from(POINTS)) >> 64).unwrap_or(0)
    }
}

/// The point in the client's cookie, where it is one.
fn brought(headers: &HeaderMap) -> Option<u16> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b';'))
        .find_map(|pair| of_pair(pair.trim_ascii()))
}

/// Whether a request has a cookie that is not ours.
pub(crate) fn has_other_cookies(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::COOKIE)
        .iter()
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b';'))
        .map(<[u8]>::trim_ascii)
        .any(|pair| !pair.is_empty() && of_pair(pair).is_none())
}

fn of_pair(pair: &[u8]) -> Option<u16> {
    let value = pair.strip_prefix(COOKIE.as_bytes())?.strip_prefix(b"=")?;
    of_digits(value)
}

fn of_digits(digits: &[u8]) -> Option<u16> {
    if digits.is_empty() || digits.len() > 3 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let value = digits
        .iter()
        .fold(0, |value, digit| value * 10 + u16::from(digit - b'0'));
    (value < POINTS).then_some(value)
}

/// The header that gives a client its point.
pub(crate) fn cookie(point: u16, tls: bool) -> Option<HeaderValue> {
    let secure = if tls { "; Secure" } else { "" };
    let cookie =
        format!("{COOKIE}={point}; Max-Age={MAX_AGE}; Path=/; HttpOnly; SameSite=Lax{secure}");
    HeaderValue::try_from(cookie).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sticky(environment: &str) -> Sticky {
        let mut key = Sha256::new();
        key.update(environment);
        Sticky { key }
    }

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn a_valid_cookie_is_the_point_and_every_other_is_none() {
        for (line, expected) in [
            ("plimsoll-point=7", Some(7)),
            ("a=b; plimsoll-point=999; c=d", Some(999)),
            ("plimsoll-point=1000", None),
            ("plimsoll-point=", None),
            ("plimsoll-point=-1", None),
            ("plimsoll-point=0x1", None),
            ("plimsoll-pointer=1", None),
            ("x-plimsoll-point=1", None),
            ("plimsoll-point=no; plimsoll-point=5", Some(5)),
        ] {
            assert_eq!(brought(&headers(&[("cookie", line)])), expected, "{line}");
        }
        let two = headers(&[("cookie", "a=b"), ("cookie", "plimsoll-point=42")]);
        assert_eq!(brought(&two), Some(42));
    }

    #[test]
    fn our_cookie_is_none_of_the_apps() {
        for (line, expected) in [
            ("plimsoll-point=7", false),
            ("plimsoll-point=7; a=b", true),
            ("plimsoll-point=none", true),
            ("", false),
        ] {
            let headers = headers(&[("cookie", line)]);
            assert_eq!(has_other_cookies(&headers), expected, "{line}");
        }
        assert!(!has_other_cookies(&HeaderMap::new()));
    }

    #[test]
    fn a_client_without_a_cookie_has_the_same_point_each_time() {
        let (one, other) = (sticky("one"), sticky("other"));
        let agent = headers(&[("user-agent", "curl")]);
        let at = |sticky: &Sticky, last: u8| sticky.point(&agent, [10, 0, 0, last].into()).value;
        assert_eq!(at(&one, 1), at(&one, 1));
        let moved = (0..100).filter(|last| at(&one, *last) != at(&other, *last));
        assert!(moved.count() > 90);
        let host = |text: &str| one.point(&agent, text.parse().unwrap());
        assert_eq!(host("2001:db8::1"), host("2001:db8::2"));
    }

    #[test]
    fn clients_are_spread_evenly() {
        let sticky = sticky("even");
        let mut low = 0;
        for number in 0..10_000_u32 {
            let point = sticky.point(&HeaderMap::new(), std::net::Ipv4Addr::from(number).into());
            assert!(point.is_new && point.value < POINTS);
            low += u32::from(point.value < 100);
        }
        // A tenth, within five standard deviations.
        assert!((850..=1150).contains(&low), "{low}");
    }

    #[test]
    fn the_cookie_is_for_this_site_only_and_for_no_script() {
        let plain = cookie(7, false).unwrap();
        let expected = "plimsoll-point=7; Max-Age=3600; Path=/; HttpOnly; SameSite=Lax";
        assert_eq!(plain, expected);
        assert!(
            cookie(7, true)
                .unwrap()
                .to_str()
                .unwrap()
                .ends_with("; Secure")
        );
    }
}
