//! The subject of a bearer token, read and not verified: it only chooses a bucket of a rate limit.

use std::borrow::Cow;

use http::{HeaderMap, header};
use serde::Deserialize;

/// Tokens longer than this are counted by their bytes.
const MAX_TOKEN: usize = 8 * 1024;

#[derive(Deserialize)]
struct Claims<'a> {
    #[serde(borrow)]
    sub: Cow<'a, str>,
}

/// The `sub` of a JSON web token, or the whole token where it is opaque; `None` without a bearer token.
pub(crate) fn of_bearer(headers: &HeaderMap) -> Option<Cow<'_, [u8]>> {
    let value = headers.get(header::AUTHORIZATION)?.as_bytes();
    let scheme = value.get(..7)?;
    if !scheme.eq_ignore_ascii_case(b"bearer ") {
        return None;
    }
    let token = &value[7..];
    Some(match subject(token) {
        Some(subject) => Cow::Owned(subject.into_bytes()),
        None => Cow::Borrowed(token),
    })
}

fn subject(token: &[u8]) -> Option<String> {
    if token.len() > MAX_TOKEN {
        return None;
    }
    let payload = token.split(|byte| *byte == b'.').nth(1)?;
    let json = decode_base64url(payload)?;
    let claims: Claims<'_> = serde_json::from_slice(&json).ok()?;
    Some(claims.sub.into_owned())
}

fn decode_base64url(text: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() * 3 / 4);
    let mut buffer = 0_u32;
    let mut bits = 0;
    for &byte in text {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'-' => 62,
            b'_' => 63,
            _ => return None,
        };
        buffer = (buffer << 6) | u32::from(value);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            out.push(u8::try_from((buffer >> bits) & 0xff).ok()?);
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(value: &str) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, value.parse().unwrap());
        of_bearer(&headers).map(|subject| String::from_utf8_lossy(&subject).into_owned())
    }

    #[test]
    fn the_subject_of_a_token_is_found_and_an_opaque_token_is_itself() {
        // {"alg":"none"}.{"sub":"ada","exp":1}.x
        let token = "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEiLCJleHAiOjF9.x";
        assert_eq!(of(token).as_deref(), Some("ada"));
        assert_eq!(of("bearer opaque").as_deref(), Some("opaque"));
        assert_eq!(of("Bearer a.!!.c").as_deref(), Some("a.!!.c"));
        assert_eq!(of("Basic abc"), None);
        assert_eq!(of("B"), None);
    }
}
