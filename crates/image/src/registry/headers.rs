//! Small headers that registries answer with. All are hostile until read.

use std::time::Duration;

/// How many bytes of an upload the registry has: `Range: 0-1023` says 1024 (distribution-spec, "pushing a blob in
/// chunks"). `0-0` is what registries say of an upload without bytes; one with a single byte is sent again.
pub fn received(range: &str) -> Option<u64> {
    let range = range.trim();
    let range = range
        .strip_prefix("bytes=")
        .or_else(|| range.strip_prefix("bytes "))
        .unwrap_or(range);
    let (start, end) = range.split_once('-')?;
    let end = number(end)?;
    if number(start)? != 0 {
        return None;
    }
    if end == 0 {
        Some(0)
    } else {
        end.checked_add(1)
    }
}

/// Where a part of a blob begins: `Content-Range: bytes 100-199/200` says 100.
pub fn part_start(content_range: &str) -> Option<u64> {
    let (range, _total) = content_range
        .trim()
        .strip_prefix("bytes ")?
        .split_once('/')?;
    let (start, end) = range.split_once('-')?;
    let (start, end) = (number(start)?, number(end)?);
    (start <= end).then_some(start)
}

/// The page after this one: `Link: </v2/…?n=10>; rel="next"`.
pub fn next_page(link: &str) -> Option<&str> {
    let (target, parameters) = link.trim().strip_prefix('<')?.split_once('>')?;
    let is_next = parameters.split(';').any(|parameter| {
        let parameter = parameter.trim();
        parameter.eq_ignore_ascii_case("rel=\"next\"") || parameter.eq_ignore_ascii_case("rel=next")
    });
    (is_next && !target.is_empty()).then_some(target)
}

/// How long the registry wants us to stay away: `Retry-After` in seconds. A date is passed over, because it takes the
/// registry's clock to be ours.
pub fn retry_after(value: &str) -> Option<Duration> {
    number(value.trim()).map(Duration::from_secs)
}

fn number(text: &str) -> Option<u64> {
    let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_plain.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_uploads_range_says_how_much_the_registry_has() {
        for (text, expected) in [
            ("0-1023", Some(1024)),
            ("bytes=0-9", Some(10)),
            ("0-0", Some(0)),
            ("5-9", None),
            ("0-", None),
            ("0--1", None),
            ("0-18446744073709551615", None),
            ("0-99999999999999999999", None),
            ("", None),
        ] {
            assert_eq!(received(text), expected, "{text}");
        }
    }

    #[test]
    fn parts_pages_and_delays_are_read() {
        assert_eq!(part_start("bytes 100-199/200"), Some(100));
        assert_eq!(part_start("bytes 100-199/*"), Some(100));
        assert_eq!(part_start("bytes 200-199/200"), None);
        assert_eq!(part_start("100-199"), None);
        assert_eq!(
            next_page(r#"</v2/a?n=1&last=x>; rel="next""#),
            Some("/v2/a?n=1&last=x")
        );
        assert_eq!(next_page(r#"</v2/a>; rel="prev""#), None);
        assert_eq!(next_page("/v2/a"), None);
        assert_eq!(retry_after("7"), Some(Duration::from_secs(7)));
        assert_eq!(retry_after("Wed, 21 Oct 2015 07:28:00 GMT"), None);
    }
}
