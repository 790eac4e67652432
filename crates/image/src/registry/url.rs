//! Addresses that a registry may send us to.

use std::fmt::Write;

use ureq::http::Uri;

use super::reference::is_loopback;

/// The address that `location` means when it came from `base`: whole, or beginning with `/`, or beside `base`.
pub(super) fn resolve(base: &Uri, location: &str) -> Option<Uri> {
    if location.is_empty() {
        return None;
    }
    if location.contains("://") {
        return location.parse().ok();
    }
    let (scheme, authority) = (base.scheme_str()?, base.authority()?);
    let path = if location.starts_with('/') {
        location.to_owned()
    } else if location.starts_with('?') {
        format!("{}{location}", base.path())
    } else {
        let folder = base
            .path()
            .rsplit_once('/')
            .map_or("", |(folder, _)| folder);
        format!("{folder}/{location}")
    };
    format!("{scheme}://{authority}{path}").parse().ok()
}

/// Why `registry` may not send us to `target`; nothing when it may. In the clear only to itself, or from this machine
/// to this machine; never with a name and password in the address.
pub(super) fn objection(registry: &Uri, target: &Uri) -> Option<&'static str> {
    let authority = target
        .authority()
        .map_or("", |authority| authority.as_str());
    if authority.is_empty() || authority.contains('@') {
        return Some("it sends us to an address without a host, or with a password in it");
    }
    match target.scheme_str() {
        Some("https") => None,
        Some("http") if is_same_place(registry, target) => None,
        Some("http") => {
            let both = registry.scheme_str() == Some("http")
                && [registry, target]
                    .iter()
                    .all(|uri| uri.authority().is_some_and(|one| is_loopback(one.as_str())));
            (!both).then_some("it sends us to an address that is not encrypted")
        }
        _ => Some("it sends us to an address that is not HTTP"),
    }
}

/// Whether both are one server: only then does it get our authorization.
pub(super) fn is_same_place(one: &Uri, other: &Uri) -> bool {
    let port = |uri: &Uri| {
        uri.port_u16().or(match uri.scheme_str() {
            Some("https") => Some(443),
            Some("http") => Some(80),
            _ => None,
        })
    };
    let host = |uri: &Uri| uri.host().map(str::to_ascii_lowercase);
    one.scheme() == other.scheme()
        && host(one).is_some()
        && host(one) == host(other)
        && port(one) == port(other)
}

/// `address` with one more parameter, its value encoded.
pub(super) fn with_query(address: &str, name: &str, value: &str) -> String {
    let mut text = String::from(address);
    text.push(if address.contains('?') { '&' } else { '?' });
    text.push_str(name);
    text.push('=');
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~:/,".contains(&byte) {
            text.push(char::from(byte));
        } else {
            // Writing to a text cannot fail.
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(text: &str) -> Uri {
        text.parse().unwrap()
    }

    #[test]
    fn locations_are_taken_from_where_they_were_said() {
        let base = uri("https://r.io:5000/v2/a/blobs/uploads/?x=1");
        for (location, expected) in [
            ("/v2/b?c", "https://r.io:5000/v2/b?c"),
            ("https://other/x", "https://other/x"),
            ("?state=1", "https://r.io:5000/v2/a/blobs/uploads/?state=1"),
            ("id", "https://r.io:5000/v2/a/blobs/uploads/id"),
        ] {
            assert_eq!(resolve(&base, location), Some(uri(expected)));
        }
        assert_eq!(resolve(&base, "http://[bad"), None);
    }

    #[test]
    fn a_registry_sends_us_nowhere_in_the_clear_but_home() {
        let remote = uri("https://r.io/v2/");
        let local = uri("http://127.0.0.1:5000/v2/");
        let asked = uri("http://r.lan:5000/v2/");
        let may = |from: &Uri, to: &str| objection(from, &uri(to)).is_none();
        assert!(may(&remote, "https://storage.example.com/x"));
        assert!(!may(&remote, "http://storage.example.com/x"));
        assert!(!may(&remote, "http://127.0.0.1:2375/x"));
        assert!(!may(&remote, "http://169.254.169.254/x"));
        assert!(!may(&remote, "https://user:pass@r.io/x"));
        assert!(!may(&remote, "ftp://r.io/x"));
        assert!(may(&local, "http://127.0.0.1:6000/token"));
        assert!(!may(&local, "http://example.com/"));
        assert!(may(&asked, "http://r.lan:5000/x"));
        assert!(!may(&asked, "http://127.0.0.1:2375/x"));
    }

    #[test]
    fn one_server_is_scheme_host_and_port() {
        let same = |a: &str, b: &str| is_same_place(&uri(a), &uri(b));
        assert!(same("https://R.io/a", "https://r.io:443/b"));
        assert!(!same("https://r.io/a", "http://r.io/a"));
        assert!(!same("https://r.io/a", "https://r.io:444/a"));
        assert!(!same("https://r.io/a", "https://r.io.evil.com/a"));
    }

    #[test]
    fn parameters_are_encoded() {
        let first = with_query("https://r.io/token", "service", "a b&c");
        assert_eq!(
            with_query(&first, "scope", "repository:a/b:pull"),
            "https://r.io/token?service=a%20b%26c&scope=repository:a/b:pull"
        );
    }
}
