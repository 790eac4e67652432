//! Binding listening sockets.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};

use plimsoll_stdx::net::fds::MAX_FDS;
use plimsoll_stdx::net::handover::Sockets;
use rustix::io::Errno;
use rustix::net::sockopt::{set_ipv6_v6only, set_socket_reuseaddr, set_socket_reuseport};
use rustix::net::{
    AddressFamily, SocketFlags, SocketType, bind as bind_socket, listen, socket_with,
};

use crate::order::Listener;

/// Connections that wait to be accepted, per socket: what arrives at 20,000 a second while a gateway is brought
/// back within 200 ms. The kernel cuts it to `net.core.somaxconn` (4096 by default).
const QUEUE: i32 = 4096;

/// Binds every listener and says where each one really is.
pub(super) fn bind(
    listeners: &[Listener],
) -> Result<(Vec<Sockets>, BTreeMap<String, SocketAddr>), String> {
    let total: u32 = listeners.iter().map(|listener| listener.count).sum();
    if total as usize > MAX_FDS {
        return Err(format!(
            "{total} listening sockets exceed the bound of {MAX_FDS}"
        ));
    }
    let mut groups = Vec::new();
    let mut listening = BTreeMap::new();
    for listener in listeners {
        let mut address = listener.address;
        let mut sockets = Vec::new();
        for _ in 0..listener.count {
            let socket = open(address).map_err(|error| explain(address, error))?;
            // A port that the system chose is the one that the others share.
            address = socket.local_addr().map_err(|error| error.to_string())?;
            sockets.push(socket);
        }
        listening.insert(listener.name.clone(), address);
        groups.push(Sockets {
            name: listener.name.clone(),
            listeners: sockets,
        });
    }
    Ok((groups, listening))
}

fn open(address: SocketAddr) -> Result<TcpListener, Errno> {
    let family = match address {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    };
    let socket = socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    set_socket_reuseaddr(&socket, true)?;
    set_socket_reuseport(&socket, true)?;
    if address.is_ipv6() {
        set_ipv6_v6only(&socket, true)?;
    }
    bind_socket(&socket, &address)?;
    listen(&socket, QUEUE)?;
    Ok(TcpListener::from(socket))
}

fn explain(address: SocketAddr, error: Errno) -> String {
    match error {
        Errno::ADDRINUSE => format!("{address} is in use by another program"),
        Errno::ACCESS => format!("{address} needs root: ports below 1024 are the system's"),
        other => format!("cannot listen on {address}: {other}"),
    }
}
