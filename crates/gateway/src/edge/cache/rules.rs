//! What may be kept, for how long, and for whom: RFC 9111 for a shared cache, and stricter where the standard leaves it
//! open and an app would be surprised. Pure.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use http_body::Body as _;

use super::super::asked::Asked;
use super::super::sticky;
use super::control::CacheControl;

/// What a request asks of a cache.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    pub(super) control: CacheControl,
    /// Whether it says who the client is. Then only answers are used, and kept, that say that they are for everybody.
    pub(super) personal: bool,
    authorized: bool,
}

impl Ask {
    /// `None` for a request that a cache has no part in.
    pub(super) fn of(asked: &Asked) -> Option<Self> {
        let is_read = matches!(asked.head.method, Method::GET | Method::HEAD);
        let plain = is_read && asked.body.is_end_stream();
        let other_conditions = [
            header::RANGE,
            header::IF_RANGE,
            header::IF_MATCH,
            header::IF_UNMODIFIED_SINCE,
        ];
        let headers = &asked.head.headers;
        if !plain
            || other_conditions
                .iter()
                .any(|name| headers.contains_key(name))
        {
            return None;
        }
        let control = CacheControl::of_request(headers);
        let authorized = headers.contains_key(header::AUTHORIZATION);
        (!control.no_store).then_some(Self {
            control,
            personal: authorized || sticky::has_other_cookies(headers),
            authorized,
        })
    }
}

/// How long an answer may be kept, and how old it is already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Freshness {
    pub(super) lifetime: Duration,
    pub(super) age: Duration,
    /// Whether it is for everybody, also for those who say who they are.
    pub(super) shareable: bool,
}

/// Whether an answer to a GET may be kept. It lives as long as it says, but for at most `ttl`, which is also the time
/// of one that says nothing. What is stale from the start is kept only where it can be revalidated.
pub(super) fn may_keep(
    ask: &Ask,
    (status, headers): (StatusCode, &HeaderMap),
    ttl: Duration,
    now: SystemTime,
) -> Option<Freshness> {
    let control = CacheControl::of_answer(headers);
    let is_personal = headers.contains_key(header::SET_COOKIE) || control.private;
    let is_partial = headers.contains_key(header::CONTENT_RANGE) || vary(headers).is_none();
    if control.no_store || is_personal || is_partial {
        return None;
    }
    let shareable = control.public || control.s_maxage.is_some();
    let for_authorized = shareable || control.must_revalidate;
    if ask.personal && !shareable && !(ask.authorized && for_authorized) {
        return None;
    }
    let own = own_lifetime(&control, headers, now);
    let lifetime = match status.as_u16() {
        200 | 203 | 300 | 301 | 308 => own.unwrap_or(ttl),
        404 | 410 => own?,
        _ => return None,
    };
    let lifetime = if control.no_cache {
        Duration::ZERO
    } else {
        lifetime.min(ttl)
    };
    let age = initial_age(headers, now);
    if age >= lifetime && !has_validator(headers) {
        return None;
    }
    Some(Freshness {
        lifetime,
        age,
        shareable,
    })
}

fn own_lifetime(control: &CacheControl, headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    if let Some(seconds) = control.s_maxage.or(control.max_age) {
        return Some(Duration::from_secs(seconds));
    }
    let expires = headers.get(header::EXPIRES)?;
    // A date that cannot be read is in the past (section 5.3).
    let expires = date(expires).unwrap_or(SystemTime::UNIX_EPOCH);
    let from = headers.get(header::DATE).and_then(date).unwrap_or(now);
    Some(expires.duration_since(from).unwrap_or_default())
}

/// Section 4.2.3, with the time of the exchange itself left out: it is far below a second here.
fn initial_age(headers: &HeaderMap, now: SystemTime) -> Duration {
    let told = headers.get(header::AGE).map(HeaderValue::as_bytes);
    let told = told.and_then(super::seconds).unwrap_or(0);
    let sent = headers.get(header::DATE).and_then(date).unwrap_or(now);
    let apparent = now.duration_since(sent).unwrap_or_default();
    apparent.max(Duration::from_secs(told))
}

/// Whether an answer can be asked about again.
pub(super) fn has_validator(headers: &HeaderMap) -> bool {
    headers.contains_key(header::ETAG) || headers.contains_key(header::LAST_MODIFIED)
}

fn date(value: &HeaderValue) -> Option<SystemTime> {
    httpdate::parse_http_date(value.to_str().ok()?).ok()
}

/// The request headers that an answer depends on; `None` where it depends on what nobody can know.
pub(super) fn vary(headers: &HeaderMap) -> Option<Vec<HeaderName>> {
    let mut names = Vec::new();
    for line in headers.get_all(header::VARY) {
        for name in line.to_str().ok()?.split(',').map(str::trim) {
            if name == "*" {
                return None;
            }
            if !name.is_empty() {
                names.push(name.parse().ok()?);
            }
        }
    }
    Some(names)
}

/// Whether the client has already what `kept` is (section 4.3.2): a tag, or, where it names none, a time.
pub(super) fn is_known(request: &HeaderMap, kept: &HeaderMap) -> bool {
    let mut tags = request.get_all(header::IF_NONE_MATCH).iter().peekable();
    if tags.peek().is_some() {
        let Some(tag) = kept.get(header::ETAG).map(|tag| opaque(tag.as_bytes())) else {
            return false;
        };
        return tags
            .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
            .map(<[u8]>::trim_ascii)
            .any(|asked| asked == b"*" || opaque(asked) == tag);
    }
    let since = request.get(header::IF_MODIFIED_SINCE).and_then(date);
    let modified = kept.get(header::LAST_MODIFIED).and_then(date);
    matches!((since, modified), (Some(since), Some(modified)) if modified <= since)
}

/// A tag without its weakness: a GET compares weakly.
fn opaque(tag: &[u8]) -> &[u8] {
    tag.strip_prefix(b"W/").unwrap_or(tag)
}

#[cfg(test)]
#[path = "rules_tests.rs"]
mod tests;
