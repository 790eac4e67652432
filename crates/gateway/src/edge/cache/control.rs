//! `cache-control` of requests and answers (RFC 9111 section 5.2).

use http::{HeaderMap, header};

/// What a `cache-control` says, as far as a shared cache cares.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a directive, independent of the others"
)]
pub(super) struct CacheControl {
    pub(super) no_store: bool,
    /// Also where it names single headers: being careful costs a request.
    pub(super) no_cache: bool,
    /// As `no_cache`.
    pub(super) private: bool,
    pub(super) public: bool,
    pub(super) must_revalidate: bool,
    pub(super) only_if_cached: bool,
    pub(super) max_age: Option<u64>,
    pub(super) s_maxage: Option<u64>,
}

impl CacheControl {
    /// What a request says, also in the words of HTTP/1.0 where it has no others.
    pub(super) fn of_request(headers: &HeaderMap) -> Self {
        let mut all = Self::of_answer(headers);
        if !headers.contains_key(header::CACHE_CONTROL) {
            let pragma = headers.get(header::PRAGMA);
            all.no_cache = pragma.is_some_and(|value| value.as_bytes() == b"no-cache");
        }
        all
    }

    /// What an answer says.
    pub(super) fn of_answer(headers: &HeaderMap) -> Self {
        let mut all = Self::default();
        for line in headers.get_all(header::CACHE_CONTROL) {
            for directive in split(line.as_bytes()) {
                all.take(directive);
            }
        }
        all
    }

    fn take(&mut self, directive: &[u8]) {
        let equals = directive.iter().position(|byte| *byte == b'=');
        let (name, value) = match equals {
            Some(at) => (&directive[..at], Some(&directive[at + 1..])),
            None => (directive, None),
        };
        let is = |text: &str| name.eq_ignore_ascii_case(text.as_bytes());
        if is("no-store") {
            self.no_store = true;
        } else if is("no-cache") {
            self.no_cache = true;
        } else if is("private") {
            self.private = true;
        } else if is("public") {
            self.public = true;
        } else if is("must-revalidate") || is("proxy-revalidate") {
            self.must_revalidate = true;
        } else if is("only-if-cached") {
            self.only_if_cached = true;
        } else if is("max-age") {
            keep_shorter(&mut self.max_age, value);
        } else if is("s-maxage") {
            keep_shorter(&mut self.s_maxage, value);
        }
    }
}

/// Of two contradictory ages the shorter one; what is no number is 0, so stale.
fn keep_shorter(age: &mut Option<u64>, value: Option<&[u8]>) {
    let value = value.unwrap_or_default().trim_ascii();
    let value = value.strip_prefix(b"\"").unwrap_or(value);
    let value = value.strip_suffix(b"\"").unwrap_or(value);
    let seconds = super::seconds(value).unwrap_or(0);
    *age = Some(age.map_or(seconds, |known| known.min(seconds)));
}

/// The members of a list; commas inside quotes do not separate.
fn split(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let (mut quoted, mut escaped) = (false, false);
    line.split(move |byte| {
        let separates = *byte == b',' && !quoted;
        if escaped {
            escaped = false;
        } else if *byte == b'\\' && quoted {
            escaped = true;
        } else if *byte == b'"' {
            quoted = !quoted;
        }
        separates
    })
    .map(<[u8]>::trim_ascii)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(lines: &[&str]) -> CacheControl {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::CACHE_CONTROL, line.parse().unwrap());
        }
        CacheControl::of_answer(&headers)
    }

    #[test]
    fn directives_are_read_in_any_case_and_over_several_lines() {
        let read = of(&["Public, MAX-AGE=60", "s-maxage=\"30\" ,must-revalidate"]);
        let expected = CacheControl {
            public: true,
            must_revalidate: true,
            max_age: Some(60),
            s_maxage: Some(30),
            ..CacheControl::default()
        };
        assert_eq!(read, expected);
        assert!(of(&["private=\"set-cookie\""]).private);
        assert!(of(&["no-cache=\"a, b\", no-store"]).no_store);
    }

    #[test]
    fn what_is_malformed_or_contradictory_is_read_as_the_shorter_time() {
        assert_eq!(of(&["max-age=60, max-age=5"]).max_age, Some(5));
        assert_eq!(of(&["max-age=soon"]).max_age, Some(0));
        assert_eq!(of(&["max-age"]).max_age, Some(0));
        assert_eq!(of(&["max-age=-1"]).max_age, Some(0));
        assert_eq!(of(&["max-age=99999999999999999999"]).max_age, Some(1 << 31));
        // Quotes hide what is inside of them.
        assert_eq!(of(&["x=\"a, max-age=60\""]).max_age, None);
    }

    #[test]
    fn pragma_counts_only_where_nothing_else_is_said() {
        let mut headers = HeaderMap::new();
        headers.insert(header::PRAGMA, "no-cache".parse().unwrap());
        assert!(CacheControl::of_request(&headers).no_cache);
        assert!(!CacheControl::of_answer(&headers).no_cache);
        headers.insert(header::CACHE_CONTROL, "max-age=1".parse().unwrap());
        assert!(!CacheControl::of_request(&headers).no_cache);
    }
}
