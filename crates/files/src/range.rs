//! Single byte ranges (RFC 9110 section 14). Several ranges in one request are answered whole, which is allowed.

/// What to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Span {
    /// Everything.
    Whole,
    /// `length` bytes from `start`.
    Part {
        /// First byte.
        start: u64,
        /// Bytes, at least one.
        length: u64,
    },
    /// The range lies outside.
    Outside,
}

/// Reads a `range` header for a file of `size` bytes.
pub(crate) fn parse(range: &str, size: u64) -> Span {
    let Some(spec) = range.trim().strip_prefix("bytes=") else {
        return Span::Whole;
    };
    let Some((first, last)) = spec.split_once('-').filter(|_| !spec.contains(',')) else {
        return Span::Whole;
    };
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse::<u64>().unwrap_or(u64::MAX))
    };
    match (number(first.trim()), number(last.trim())) {
        (Some(start), end) if end.is_some() || last.trim().is_empty() => {
            let end = end.unwrap_or(u64::MAX);
            if end < start {
                Span::Whole
            } else if start >= size {
                Span::Outside
            } else {
                let length = end.min(size - 1) - start + 1;
                Span::Part { start, length }
            }
        }
        (None, Some(suffix)) if first.trim().is_empty() => {
            let length = suffix.min(size);
            if length == 0 {
                Span::Outside
            } else {
                let start = size - length;
                Span::Part { start, length }
            }
        }
        _ => Span::Whole,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_cut_to_the_file_and_nonsense_is_ignored() {
        let part = |start, length| Span::Part { start, length };
        let cases = [
            ("bytes=0-0", part(0, 1)),
            ("bytes=2-5", part(2, 4)),
            ("bytes=2-", part(2, 8)),
            ("bytes=2-99", part(2, 8)),
            ("bytes=-3", part(7, 3)),
            ("bytes=-99", part(0, 10)),
            ("bytes=9-", part(9, 1)),
            ("bytes=10-", Span::Outside),
            ("bytes=99999999999999999999999-", Span::Outside),
            ("bytes=-0", Span::Outside),
            ("bytes=5-2", Span::Whole),
            ("bytes=0-1,3-4", Span::Whole),
            ("bytes=-", Span::Whole),
            ("bytes=a-b", Span::Whole),
            ("lines=0-1", Span::Whole),
            ("", Span::Whole),
        ];
        for (range, expected) in cases {
            assert_eq!(parse(range, 10), expected, "{range}");
        }
        assert_eq!(parse("bytes=0-", 0), Span::Outside);
    }
}
