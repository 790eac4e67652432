//! Networks in CIDR notation, and the client's address behind proxies that are trusted.

use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use http::HeaderMap;

/// Proxies in front of us: more than this many hops in one `x-forwarded-for` is no real deployment.
const MAX_HOPS: usize = 16;

/// A network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cidr {
    address: u128,
    mask: u128,
}

/// A text that is no network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no network: expected an address, or an address, a slash and a prefix length")]
pub(crate) struct CidrError(String);

impl FromStr for Cidr {
    type Err = CidrError;

    fn from_str(text: &str) -> Result<Self, CidrError> {
        let error = || CidrError(text.to_owned());
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| error())?;
        let widest: u32 = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            Some(prefix) => prefix.parse().map_err(|_| error())?,
            None => widest,
        };
        if prefix > widest {
            return Err(error());
        }
        let mask = match prefix + (128 - widest) {
            0 => 0,
            bits => u128::MAX << (128 - bits),
        };
        let address = widen(address) & mask;
        Ok(Self { address, mask })
    }
}

impl Cidr {
    /// Whether the address lies in the network. IPv4 addresses mapped into IPv6 count as IPv4.
    pub(crate) fn contains(self, address: IpAddr) -> bool {
        widen(address) & self.mask == self.address
    }
}

/// Parses a list.
pub(crate) fn parse_all(texts: &[String]) -> Result<Vec<Cidr>, CidrError> {
    texts.iter().map(|text| text.parse()).collect()
}

/// Whether one of the networks contains the address.
pub(crate) fn any_contains(networks: &[Cidr], address: IpAddr) -> bool {
    networks.iter().any(|network| network.contains(address))
}

fn widen(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(v4.to_ipv6_mapped()),
        IpAddr::V6(v6) => u128::from(v6),
    }
}

/// The address that a rate limit counts: an IPv6 client owns at least a /64.
pub(crate) fn limited_as(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(v4),
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from(u128::from(v6) & (u128::MAX << 64))),
    }
}

/// Who the client is: the peer, or, where the peer is a trusted proxy, the last address of `x-forwarded-for` that
/// is not one. What an untrusted peer wrote there is not looked at.
pub(crate) fn client_address(peer: IpAddr, headers: &HeaderMap, trusted: &[Cidr]) -> IpAddr {
    let mut client = peer.to_canonical();
    if trusted.is_empty() || !any_contains(trusted, client) {
        return client;
    }
    let hops = headers
        .get_all("x-forwarded-for")
        .iter()
        .rev()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|line| line.rsplit(','))
        .take(MAX_HOPS);
    for hop in hops {
        let Ok(address) = hop.trim().parse::<IpAddr>() else {
            return client;
        };
        client = address.to_canonical();
        if !any_contains(trusted, client) {
            return client;
        }
    }
    client
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn networks_contain_what_their_prefix_says() {
        let cases = [
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("10.0.0.0/8", "::ffff:10.1.2.3", true),
            ("127.0.0.1", "127.0.0.1", true),
            ("127.0.0.1", "127.0.0.2", false),
            ("::1", "::1", true),
            ("fd00::/8", "fd12::1", true),
            ("fd00::/8", "fe80::1", false),
            ("0.0.0.0/0", "1.2.3.4", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("::/0", "2001:db8::1", true),
        ];
        for (network, address, expected) in cases {
            let network: Cidr = network.parse().unwrap();
            assert_eq!(
                network.contains(ip(address)),
                expected,
                "{network:?} {address}"
            );
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for text in [
            "",
            "/8",
            "10.0.0.0/33",
            "::/129",
            "10.0.0/8",
            "host",
            "1.2.3.4/x",
        ] {
            assert!(text.parse::<Cidr>().is_err(), "{text}");
        }
    }

    #[test]
    fn forwarded_addresses_are_believed_from_trusted_proxies_only() {
        let trusted = parse_all(&["127.0.0.0/8".into(), "10.0.0.0/8".into()]).unwrap();
        let check = |peer: &str, lines: &[&str], expected: &str| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append("x-forwarded-for", line.parse().unwrap());
            }
            assert_eq!(
                client_address(ip(peer), &headers, &trusted),
                ip(expected),
                "{lines:?}"
            );
        };
        check("1.2.3.4", &["9.9.9.9"], "1.2.3.4");
        check("127.0.0.1", &[], "127.0.0.1");
        check("127.0.0.1", &["9.9.9.9"], "9.9.9.9");
        check("127.0.0.1", &["6.6.6.6, 9.9.9.9, 10.0.0.7"], "9.9.9.9");
        check("127.0.0.1", &["6.6.6.6", "9.9.9.9"], "9.9.9.9");
        check("127.0.0.1", &["evil, 10.0.0.7"], "10.0.0.7");
        check("127.0.0.1", &["10.0.0.8"], "10.0.0.8");
    }

    #[test]
    fn a_v6_network_of_a_client_is_one_client() {
        assert_eq!(limited_as(ip("2001:db8::1")), limited_as(ip("2001:db8::2")));
        assert_ne!(
            limited_as(ip("2001:db8::1")),
            limited_as(ip("2001:db8:0:1::1"))
        );
        assert_eq!(limited_as(ip("::ffff:1.2.3.4")), ip("1.2.3.4"));
    }
}
