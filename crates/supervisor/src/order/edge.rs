//! The ways out of a network of its own: which addresses there are inside, and what answers at each.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Edges of one process: as many listening sockets as one message hands over.
pub const MAX_EDGES: usize = plimsoll_stdx::net::fds::MAX_FDS;
/// The longest name that DNS knows.
const MAX_HOST: usize = 253;
/// The name that every tree has already.
const LOCALHOST: &str = "localhost";

/// An address that a process with a network of its own can connect to, and what is behind it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edge {
    /// The name by which the process knows the other end, which its `/etc/hosts` has then; or an address.
    pub host: String,
    /// The port.
    pub port: u16,
    /// What answers.
    pub to: Towards,
}

impl fmt::Display for Edge {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            return write!(formatter, "[{}]:{}", self.host, self.port);
        }
        write!(formatter, "{}:{}", self.host, self.port)
    }
}

/// What is behind an edge, as this machine sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "to", rename_all = "lowercase")]
pub enum Towards {
    /// A stream socket in the file system.
    Socket {
        /// A folder that exists. Sockets in it may come and go.
        dir: PathBuf,
        /// The socket's name there.
        name: String,
    },
    /// Whoever answers by TCP. A name is resolved anew for each connection, outside.
    Tcp {
        /// Name or address.
        host: String,
        /// Port.
        port: u16,
    },
    /// The replicas of another service that are ready, in turn.
    Service {
        /// The folder of their doors ([`super::Door`]), with the document that says which there are
        /// ([`Self::READY`]).
        doors: PathBuf,
        /// The service.
        service: String,
        /// The name of the port.
        port: String,
    },
}

impl Towards {
    /// The document in the folder of doors: [`plimsoll_bundle::Endpoints`] of the replicas that are ready.
    pub const READY: &'static str = "ready.json";
}

/// Whether these edges can be had together; if not, why.
pub(crate) fn check(edges: &[Edge]) -> Result<(), String> {
    if edges.len() > MAX_EDGES {
        let count = edges.len();
        return Err(format!("{count} edges are more than {MAX_EDGES}"));
    }
    let mut seen = BTreeMap::new();
    for edge in edges {
        let name = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
        let plain = edge.host.len() <= MAX_HOST
            && !edge.host.is_empty()
            && (edge.host.bytes().all(name) || edge.host.parse::<IpAddr>().is_ok());
        if !plain || edge.port == 0 {
            let host = edge.host.escape_debug();
            return Err(format!("`{host}` port {} is no address", edge.port));
        }
        let place = (edge.host.to_ascii_lowercase(), edge.port);
        if seen.insert(place, &edge.to).is_some() {
            return Err(format!("there are two edges to {edge}"));
        }
    }
    Ok(())
}

/// Where each host is inside. An address stays what it is; each name gets an address of loopback of its own, so that
/// two hosts have the same port.
pub(crate) fn addresses(edges: &[Edge]) -> BTreeMap<String, IpAddr> {
    let mut found: BTreeMap<String, IpAddr> = BTreeMap::new();
    for edge in edges {
        if edge.host.eq_ignore_ascii_case(LOCALHOST) {
            found.insert(LOCALHOST.to_owned(), Ipv4Addr::LOCALHOST.into());
        } else if let Ok(address) = edge.host.parse() {
            found.insert(edge.host.to_ascii_lowercase(), address);
        }
    }
    let given: Vec<IpAddr> = found.values().copied().collect();
    // From 127.0.0.2: the first is the process's own. Edges are few, so the last number is never reached.
    let mut free = (2..=u8::MAX)
        .map(|last| IpAddr::from([127, 0, 0, last]))
        .filter(|address| !given.contains(address));
    let mut names: Vec<String> = edges
        .iter()
        .map(|edge| edge.host.to_ascii_lowercase())
        .collect();
    names.sort_unstable();
    for name in names {
        if !found.contains_key(&name)
            && let Some(address) = free.next()
        {
            found.insert(name, address);
        }
    }
    found
}

/// Where the socket of each edge listens, in their order.
pub(crate) fn places(edges: &[Edge]) -> Vec<SocketAddr> {
    let addresses = addresses(edges);
    let address = |edge: &Edge| addresses.get(&edge.host.to_ascii_lowercase()).copied();
    edges
        .iter()
        .filter_map(|edge| Some(SocketAddr::new(address(edge)?, edge.port)))
        .collect()
}

/// The lines of `/etc/hosts` that name the edges.
pub(crate) fn hosts(edges: &[Edge]) -> String {
    let lines: Vec<String> = addresses(edges)
        .into_iter()
        .filter(|(name, _)| name != LOCALHOST && name.parse::<IpAddr>().is_err())
        .map(|(name, address)| format!("{address} {name}\n"))
        .collect();
    lines.concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edges(places: &[(&str, u16)]) -> Vec<Edge> {
        let edge = |&(host, port): &(&str, u16)| Edge {
            host: host.to_owned(),
            port,
            to: Towards::Tcp {
                host: host.to_owned(),
                port,
            },
        };
        places.iter().map(edge).collect()
    }

    #[test]
    fn names_get_addresses_of_their_own_and_addresses_stay_what_they_are() {
        let edges = edges(&[
            ("db", 5432),
            ("api.example.com", 443),
            ("api.example.com", 80),
            ("localhost", 9000),
            ("10.0.0.5", 5432),
            ("127.0.0.2", 1),
            ("2001:db8::1", 443),
        ]);
        let shown: Vec<String> = places(&edges).iter().map(ToString::to_string).collect();
        assert_eq!(
            shown,
            [
                "127.0.0.4:5432",
                "127.0.0.3:443",
                "127.0.0.3:80",
                "127.0.0.1:9000",
                "10.0.0.5:5432",
                "127.0.0.2:1",
                "[2001:db8::1]:443"
            ]
        );
        assert_eq!(hosts(&edges), "127.0.0.3 api.example.com\n127.0.0.4 db\n");
    }

    #[test]
    fn a_name_in_other_letters_is_the_same_name() {
        let edges = edges(&[("Api.Example.com", 443), ("api.example.COM", 80)]);
        let places = places(&edges);
        assert_eq!(places[0].ip(), places[1].ip());
        assert_eq!(hosts(&edges), "127.0.0.2 api.example.com\n");
    }

    #[test]
    fn what_cannot_be_had_is_refused_with_the_reason() {
        assert_eq!(check(&edges(&[("a", 1), ("a", 2), ("b", 1)])), Ok(()));
        for (places, reason) in [
            (&[("a", 0)][..], "is no address"),
            (&[("", 1)], "is no address"),
            (&[("a b", 1)], "is no address"),
            (&[("a\n127.0.0.1 b", 1)], "is no address"),
            (&[("a", 1), ("A", 1)], "two edges to A:1"),
        ] {
            let error = check(&edges(places)).unwrap_err();
            assert!(error.contains(reason), "{error}");
        }
        let many: Vec<(String, u16)> = (1..=65).map(|port| ("a".to_owned(), port)).collect();
        let many: Vec<(&str, u16)> = many.iter().map(|(host, port)| (&**host, *port)).collect();
        assert!(check(&edges(&many)).unwrap_err().contains("more than 64"));
        assert_eq!(check(&edges(&many[..64])), Ok(()));
    }
}
