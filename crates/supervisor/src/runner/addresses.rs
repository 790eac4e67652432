//! How to open a connection to the ports of a process.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};

use plimsoll_bundle::endpoints::Address;

use super::Running;
use crate::order::Isolation;
use crate::record::{SHIM_SOCKET, door_name};

/// The address of each port, by name: on this machine's loopback, or through the door of one that has a network of its
/// own; without a door through its shim's control socket, which is for the owner alone.
pub(crate) fn addresses(running: &Running) -> BTreeMap<String, Address> {
    let spec = &running.spec;
    let address = |port: u16| match (spec.order.isolation, &spec.order.door) {
        (Isolation::Shared, _) => Address::Tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, port))),
        (Isolation::Contained, Some(door)) => Address::Shim {
            socket: door.dir.join(door_name(&spec.instance())),
            port,
        },
        (Isolation::Contained, None) => Address::Shim {
            socket: running.dir.join(SHIM_SOCKET),
            port,
        },
    };
    let ports = spec.ports.iter();
    ports
        .map(|(name, &port)| (name.clone(), address(port)))
        .collect()
}
