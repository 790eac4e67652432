//! What a program may connect to, from its documents: the edges of its orders.

use std::collections::BTreeMap;
use std::net::IpAddr;

use plimsoll_bundle::local::{LocalBundle, NeedSpec, Over, ProgramSpec, ResourceSpec, ServiceSpec};
use plimsoll_deploy::Fault;
use plimsoll_supervisor::order::{Edge, Towards};

use super::layout::Layout;
use crate::LocalError;
use crate::error::Refusal;
use crate::resources::{postgres, redis};

/// The port of a service where a need names none.
const HTTP: &str = "http";

/// Where a program connects to for a need that is no folder, as its address and its edge both say it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) host: String,
    pub(crate) port: u16,
}

/// The edges of a program: its needs by TCP, and its `egress`. `None` where it cannot be told what it connects to: a
/// resource of somebody else's without an address.
pub(crate) fn of(
    program: &ProgramSpec,
    bundle: &LocalBundle,
    layout: &Layout,
) -> Option<Vec<Edge>> {
    let mut edges: Vec<Edge> = Vec::new();
    let mut add = |edge: Edge| {
        // Two needs of one thing, or a need that is named in `egress` too: one edge.
        if !edges
            .iter()
            .any(|other| (&other.host, other.port) == (&edge.host, edge.port))
        {
            edges.push(edge);
        }
    };
    for need in program.needs.values() {
        match need_edge(need, program, bundle, layout) {
            Wanted::Edge(edge) => add(edge),
            Wanted::Folder => {}
            Wanted::Unknown => return None,
        }
    }
    for place in &program.egress {
        add(outside(parse(place)?));
    }
    Some(edges)
}

/// What a need asks of the network.
enum Wanted {
    /// A folder with a socket or a file is all it needs.
    Folder,
    Edge(Edge),
    Unknown,
}

fn need_edge(
    need: &NeedSpec,
    program: &ProgramSpec,
    bundle: &LocalBundle,
    layout: &Layout,
) -> Wanted {
    let socket = |port, name: &str| {
        Wanted::Edge(Edge {
            host: need.to.clone(),
            port: beside(&program.ports, port),
            to: Towards::Socket {
                dir: layout.sockets(&need.to),
                name: name.to_owned(),
            },
        })
    };
    match (bundle.resources.get(&need.to), need.over) {
        (Some(ResourceSpec::Postgres(_)), Over::Tcp) => socket(postgres::PORT, postgres::SOCKET),
        (Some(ResourceSpec::Redis(_)), Over::Tcp) => socket(redis::PORT, redis::SOCKET),
        (Some(ResourceSpec::Postgres(_) | ResourceSpec::Redis(_)), Over::Unix)
        | (Some(ResourceSpec::Sqlite { .. }), _) => Wanted::Folder,
        (Some(ResourceSpec::External { address, .. }), _) => match parse(address) {
            Some(place) => Wanted::Edge(outside(place)),
            None => Wanted::Unknown,
        },
        (None, _) => match service(need, bundle) {
            Some(place) => Wanted::Edge(Edge {
                to: Towards::Service {
                    doors: layout.doors(),
                    service: need.to.clone(),
                    port: need.port.clone().unwrap_or_else(|| HTTP.to_owned()),
                },
                host: place.host,
                port: beside(&program.ports, place.port),
            }),
            None => Wanted::Unknown,
        },
    }
}

fn outside(place: Place) -> Edge {
    Edge {
        to: Towards::Tcp {
            host: place.host.clone(),
            port: place.port,
        },
        host: place.host,
        port: place.port,
    }
}

/// The port at which a program finds something whose address is ours to choose: the usual one, unless it is the
/// program's own. Then it is the next, since who listens on every address cannot share a port with the relay.
pub(crate) fn beside(own: &BTreeMap<String, u16>, port: u16) -> u16 {
    let taken = |port: &u16| own.values().any(|own| own == port);
    (port..=u16::MAX).find(|port| !taken(port)).unwrap_or(port)
}

/// Where a need of another service connects to: the service's name and the port of the file.
pub(crate) fn service(need: &NeedSpec, bundle: &LocalBundle) -> Option<Place> {
    let ServiceSpec::Program(program) = bundle.services.get(&need.to)? else {
        return None;
    };
    Some(Place {
        host: need.to.clone(),
        port: *program.ports.get(need.port.as_deref().unwrap_or(HTTP))?,
    })
}

/// `host:port`, `[::1]:port`, with a scheme before it or a path behind it.
pub(crate) fn parse(text: &str) -> Option<Place> {
    let bare = text.split_once("://").map_or(text, |(_, rest)| rest);
    let authority = bare.split(['/', '?', '#']).next()?;
    let place = authority
        .rsplit_once('@')
        .map_or(authority, |(_, place)| place);
    let (host, port) = place.rsplit_once(':')?;
    let unwrapped = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let host = unwrapped.unwrap_or(host);
    let is_plain = unwrapped.is_some() || !host.contains(':');
    let known = is_plain && !host.is_empty() && (unwrapped.is_none() || is_address(host));
    let port = port.parse().ok().filter(|port| *port > 0 && known)?;
    Some(Place {
        host: host.to_owned(),
        port,
    })
}

fn is_address(host: &str) -> bool {
    host.parse::<IpAddr>().is_ok()
}

/// Why a need by TCP cannot be had on this machine.
pub(crate) fn refusal(need: &NeedSpec) -> LocalError {
    LocalError::Refused(Refusal {
        message: format!(
            "`{}` is reached by TCP, and this machine cannot give programs a network of their own",
            need.to
        ),
        hint: Some("`plimsoll doctor` says what is missing; a resource is reached with `over = \"unix\"` anywhere".into()),
        fault: Fault::App,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_of_the_programs_own_is_given_to_nothing_else() {
        let own = [("http", 8080), ("metrics", 8081)];
        let own = own.map(|(name, port)| (name.to_owned(), port)).into();
        assert_eq!(
            [8079, 8080, 8081].map(|port| beside(&own, port)),
            [8079, 8082, 8082]
        );
        assert_eq!(beside(&BTreeMap::new(), 5432), 5432);
    }

    #[test]
    fn places_are_read_in_every_form_that_a_document_has() {
        for (text, expected) in [
            ("db.example.com:5432", Some(("db.example.com", 5432))),
            ("[2001:db8::1]:443", Some(("2001:db8::1", 443))),
            ("10.0.0.5:6379", Some(("10.0.0.5", 6379))),
            (
                "https://s3.example.com:9000/bucket",
                Some(("s3.example.com", 9000)),
            ),
            ("postgres://u:p@db:5432/app?x=1", Some(("db", 5432))),
            ("", None),
            ("db.example.com", None),
            ("db.example.com:0", None),
            ("db.example.com:70000", None),
            ("2001:db8::1:443", None),
            ("[db]:443", None),
            (":443", None),
        ] {
            let expected = expected.map(|(host, port)| Place {
                host: host.to_owned(),
                port,
            });
            assert_eq!(parse(text), expected, "{text}");
        }
    }
}
