//! Content coding by `accept-encoding` (RFC 9110 section 12.5.3).

use http::{HeaderMap, header};
use plimsoll_bundle::local::Encoding;

/// The coding that the client likes best of those offered; among equals the first offered. `None` is identity.
pub fn choose(request: &HeaderMap, offered: impl Iterator<Item = Encoding>) -> Option<Encoding> {
    request.get(header::ACCEPT_ENCODING)?;
    let mut best: Option<(u16, Encoding)> = None;
    for encoding in offered {
        let quality = quality_of(request, name(encoding));
        if quality > best.map_or(0, |(quality, _)| quality) {
            best = Some((quality, encoding));
        }
    }
    best.map(|(_, encoding)| encoding)
}

/// The coding's name in headers.
pub(crate) fn name(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::Br => "br",
        Encoding::Zstd => "zstd",
        Encoding::Gzip => "gzip",
    }
}

/// In thousandths; 0 is refused.
fn quality_of(request: &HeaderMap, coding: &str) -> u16 {
    let mut star = 0;
    let lines = request.get_all(header::ACCEPT_ENCODING).iter();
    for item in lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
    {
        let mut parts = item.split(';');
        let token = parts.next().unwrap_or_default().trim();
        let quality = parts.find_map(weight).unwrap_or(1000);
        if token.eq_ignore_ascii_case(coding) {
            return quality;
        }
        if token == "*" {
            star = quality;
        }
    }
    star
}

fn weight(parameter: &str) -> Option<u16> {
    let (name, value) = parameter.split_once('=')?;
    if !name.trim().eq_ignore_ascii_case("q") {
        return None;
    }
    let value = value.trim();
    let (whole, fraction) = value.split_once('.').unwrap_or((value, ""));
    if fraction.len() > 3 || !fraction.bytes().all(|digit| digit.is_ascii_digit()) {
        return Some(0);
    }
    match whole {
        "1" => Some(1000),
        "0" => format!("{fraction:0<3}").parse().ok(),
        _ => Some(0),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn the_clients_weights_decide_and_then_our_order() {
        use Encoding::{Br, Gzip, Zstd};
        let cases = [
            ("gzip, deflate, br, zstd", Some(Br)),
            ("gzip, zstd", Some(Zstd)),
            ("gzip", Some(Gzip)),
            ("GZIP", Some(Gzip)),
            ("br;q=0.1, gzip;q=0.9", Some(Gzip)),
            ("br;q=0, *", Some(Zstd)),
            ("*;q=0", None),
            ("identity", None),
            ("deflate", None),
            ("gzip;q=0", None),
            ("gzip;q=0.000", None),
            ("gzip;q=x", None),
            ("", None),
        ];
        for (accept, expected) in cases {
            let mut headers = HeaderMap::new();
            headers.insert("accept-encoding", HeaderValue::from_static(accept));
            let chosen = choose(&headers, [Br, Zstd, Gzip].into_iter());
            assert_eq!(chosen, expected, "{accept}");
        }
        assert_eq!(choose(&HeaderMap::new(), [Br].into_iter()), None);
    }
}
