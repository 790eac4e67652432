//! One spelling per path: what is routed is what is forwarded.
//!
//! Two programs that read a path differently are a way around every rule that names a path. So unreserved bytes
//! lose their percent encoding, the rest keep it in upper case, empty and `.` segments go, `..` climbs (never above
//! the root), and whatever would be read in two ways (an encoded slash, backslash, NUL or dot segment) is refused.

use std::borrow::Cow;

/// Why a path is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathReject {
    /// It does not start with a slash, or holds a byte that no path holds.
    Malformed,
    /// A percent sign without two hexadecimal digits.
    Encoding,
    /// An encoded slash, backslash or NUL.
    EncodedSeparator,
    /// A segment `.` or `..` written with percent signs.
    EncodedDots,
    /// `..` above the root.
    AboveRoot,
}

/// The one spelling of `path` (without query).
pub fn normalise(path: &str) -> Result<Cow<'_, str>, PathReject> {
    let bytes = path.as_bytes();
    if bytes.first() != Some(&b'/') {
        return Err(PathReject::Malformed);
    }
    if is_plain(bytes) {
        return Ok(Cow::Borrowed(path));
    }
    let mut out = String::with_capacity(path.len());
    let mut segments = path[1..].split('/').peekable();
    while let Some(raw) = segments.next() {
        let last = segments.peek().is_none();
        let segment = decode_unreserved(raw)?;
        let dots = segment == "." || segment == "..";
        if dots && segment.len() != raw.len() {
            return Err(PathReject::EncodedDots);
        }
        match segment.as_ref() {
            "" | "." => {}
            ".." => {
                let parent = out.rfind('/').ok_or(PathReject::AboveRoot)?;
                out.truncate(parent);
            }
            name => {
                out.push('/');
                out.push_str(name);
                continue;
            }
        }
        // The last segment names a folder: `/a/`, `/a/.` and `/a/b/..` are all `/a/`.
        if last {
            out.push('/');
        }
    }
    if out.is_empty() {
        out.push('/');
    }
    Ok(Cow::Owned(out))
}

/// Whether nothing in the path has a second spelling; by far the most are so.
fn is_plain(bytes: &[u8]) -> bool {
    let mut after_slash = false;
    for &byte in bytes {
        match byte {
            b'%' | b'\\' | 0..=0x20 | 0x7f.. => return false,
            b'/' | b'.' if after_slash => return false,
            _ => after_slash = byte == b'/',
        }
    }
    true
}

fn decode_unreserved(segment: &str) -> Result<Cow<'_, str>, PathReject> {
    let illegal = |byte: u8| byte == b'\\' || byte <= 0x20 || byte >= 0x7f;
    if segment.bytes().any(illegal) {
        return Err(PathReject::Malformed);
    }
    if !segment.contains('%') {
        return Ok(Cow::Borrowed(segment));
    }
    let mut out = String::with_capacity(segment.len());
    let mut rest = segment;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        let digits = rest.get(at + 1..at + 3).ok_or(PathReject::Encoding)?;
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(PathReject::Encoding);
        }
        let byte = u8::from_str_radix(digits, 16).map_err(|_| PathReject::Encoding)?;
        match byte {
            b'/' | b'\\' | 0 => return Err(PathReject::EncodedSeparator),
            b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            byte if byte.is_ascii_alphanumeric() => out.push(char::from(byte)),
            _ => {
                out.push('%');
                out.push_str(&digits.to_ascii_uppercase());
            }
        }
        rest = &rest[at + 3..];
    }
    out.push_str(rest);
    Ok(Cow::Owned(out))
}

/// Whether `path` lies at or below `prefix`, at a segment border.
pub fn is_below(path: &str, prefix: &str) -> bool {
    let Some(rest) = path.strip_prefix(prefix) else {
        // `/api/` as a prefix also stands for `/api` itself.
        return prefix.strip_suffix('/') == Some(path) && !path.is_empty();
    };
    rest.is_empty() || rest.starts_with('/') || prefix.ends_with('/')
}

/// Undoes the percent encoding of a normalised path, for a lookup among file names.
pub fn decode(path: &str) -> Option<Cow<'_, str>> {
    if !path.contains('%') {
        return Some(Cow::Borrowed(path));
    }
    let mut out = Vec::with_capacity(path.len());
    let mut rest = path;
    while let Some(at) = rest.find('%') {
        out.extend_from_slice(&rest.as_bytes()[..at]);
        out.push(u8::from_str_radix(rest.get(at + 1..at + 3)?, 16).ok()?);
        rest = &rest[at + 3..];
    }
    out.extend_from_slice(rest.as_bytes());
    String::from_utf8(out).ok().map(Cow::Owned)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_path_has_one_spelling() {
        let cases = [
            ("/", "/"),
            ("/a/b", "/a/b"),
            ("/a/b/", "/a/b/"),
            ("/a//b", "/a/b"),
            ("//", "/"),
            ("/a/./b", "/a/b"),
            ("/a/../b", "/b"),
            ("/a/b/..", "/a/"),
            ("/a/.", "/a/"),
            ("/a/..", "/"),
            ("/%61dmin", "/admin"),
            ("/a%20b", "/a%20b"),
            ("/caf%c3%a9", "/caf%C3%A9"),
            ("/a%2eb", "/a.b"),
            ("/.well-known/x", "/.well-known/x"),
            ("/a;p=1", "/a;p=1"),
            ("/...", "/..."),
        ];
        for (raw, expected) in cases {
            assert_eq!(normalise(raw).as_deref(), Ok(expected), "{raw}");
        }
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        let cases = [
            ("", PathReject::Malformed),
            ("a", PathReject::Malformed),
            ("*", PathReject::Malformed),
            ("/a\\b", PathReject::Malformed),
            ("/a/../b%2f..//c", PathReject::EncodedSeparator),
            ("/a%2Fb", PathReject::EncodedSeparator),
            ("/a%5cb", PathReject::EncodedSeparator),
            ("/a%00", PathReject::EncodedSeparator),
            ("/a/%2e%2e/b", PathReject::EncodedDots),
            ("/a/.%2E/b", PathReject::EncodedDots),
            ("/%2e", PathReject::EncodedDots),
            ("/..", PathReject::AboveRoot),
            ("/a/../../b", PathReject::AboveRoot),
            ("/%", PathReject::Encoding),
            ("/%4", PathReject::Encoding),
            ("/%zz", PathReject::Encoding),
            ("/%+1", PathReject::Encoding),
        ];
        for (raw, expected) in cases {
            assert_eq!(normalise(raw), Err(expected), "{raw}");
        }
    }

    #[test]
    fn prefixes_end_at_segment_borders() {
        let cases = [
            ("/api", "/api", true),
            ("/api/x", "/api", true),
            ("/apix", "/api", false),
            ("/api/x", "/api/", true),
            ("/api", "/api/", true),
            ("/ap", "/api", false),
            ("/anything", "/", true),
            ("/", "/", true),
        ];
        for (path, prefix, expected) in cases {
            assert_eq!(is_below(path, prefix), expected, "{path} below {prefix}");
        }
    }

    proptest! {
        #[test]
        fn a_normalised_path_stays_as_it_is(raw in "/[ -~é]{0,40}") {
            if let Ok(once) = normalise(&raw) {
                let twice = normalise(&once).map(Cow::into_owned);
                prop_assert_eq!(twice, Ok(once.clone().into_owned()));
                prop_assert!(once.starts_with('/'));
                prop_assert!(!once.contains("//"));
                let hidden = once.split('/').any(|segment| segment == "." || segment == "..");
                prop_assert!(!hidden);
            }
        }
    }
}
