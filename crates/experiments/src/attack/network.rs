//! Attacks on the walls of the network.

use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr as UnixAddr, UnixStream};
use std::time::Duration;

use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, ipproto, recv, sendto, socket,
    socket_with,
};

use super::answer::{Stopped, Tried, at};
use super::targets::{CANARY, Targets};

/// On one machine an answer takes microseconds; no answer is an answer too.
const WITHIN: Duration = Duration::from_secs(2);
/// A route to a network that is nobody's (RFC 5737), in the kernel's format: to be taken away, and not there.
const DELETE_ROUTE: u16 = 25;
const REQUEST_AND_ACK: u16 = 5;

pub(super) fn loopback_port(targets: &Targets) -> Tried {
    greeted(connect(targets.loopback)?)
}

/// What is allowed must work, or the refusal of all else says nothing.
pub(super) fn declared_port(targets: &Targets) -> Tried {
    greeted(connect(targets.declared)?)
}

pub(super) fn machine_address(targets: &Targets) -> Tried {
    let none = || Stopped::unsupported("this machine has no address but loopback");
    greeted(connect(targets.outward.ok_or_else(none)?)?)
}

/// Connecting a datagram socket looks for a route and sends nothing.
pub(super) fn route_out(_: &Targets) -> Tried {
    let nobody = SocketAddr::from((Ipv4Addr::new(203, 0, 113, 1), 9));
    let any = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    let socket = UdpSocket::bind((any, 0)).map_err(at("bind"))?;
    socket.connect(nobody).map_err(at("connect(203.0.113.1)"))?;
    Ok("has a route to other machines".to_owned())
}

pub(super) fn abstract_socket(targets: &Targets) -> Tried {
    let address = UnixAddr::from_abstract_name(&targets.abstract_name).map_err(at("bind"))?;
    let stream = UnixStream::connect_addr(&address).map_err(at("connect"))?;
    stream
        .set_read_timeout(Some(WITHIN))
        .map_err(at("setsockopt"))?;
    greeted(stream)
}

pub(super) fn vsock(_: &Targets) -> Tried {
    socket(AddressFamily::VSOCK, SocketType::STREAM, None).map_err(at("socket(AF_VSOCK)"))?;
    Ok("got a socket to the hypervisor".to_owned())
}

pub(super) fn raw_socket(_: &Targets) -> Tried {
    let icmp = Some(ipproto::ICMP);
    socket(AddressFamily::INET, SocketType::RAW, icmp).map_err(at("socket(SOCK_RAW)"))?;
    Ok("got a raw socket".to_owned())
}

pub(super) fn packet_socket(_: &Targets) -> Tried {
    socket(AddressFamily::PACKET, SocketType::RAW, None).map_err(at("socket(AF_PACKET)"))?;
    Ok("got it".to_owned())
}

/// `ESRCH` comes after the permission was found to be there: there is no such route, and nothing changes.
pub(super) fn change_routes(_: &Targets) -> Tried {
    let flags = SocketFlags::CLOEXEC;
    let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, None)
        .map_err(at("socket(AF_NETLINK)"))?;
    let kernel = SocketAddrNetlink::new(0, 0);
    sendto(&socket, &delete_route(), SendFlags::empty(), &kernel).map_err(at("send"))?;
    let mut answer = [0_u8; 256];
    let (_, length) = recv(&socket, &mut answer[..], RecvFlags::empty()).map_err(at("recv"))?;
    // After the header of 16 bytes: the error, negated.
    let code = answer[..length]
        .get(16..20)
        .and_then(|bytes| bytes.try_into().ok());
    let code = code.map(i32::from_ne_bytes);
    match code {
        Some(0 | -3) => Ok("may change routes".to_owned()),
        Some(code) => Err(at("RTM_DELROUTE")(std::io::Error::from_raw_os_error(-code))),
        None => Err(Stopped::refused("an answer that is none")),
    }
}

/// A message of `rtnetlink(7)`: header, route, and the one attribute that says whereto.
fn delete_route() -> Vec<u8> {
    let mut message = Vec::new();
    message.extend(36_u32.to_ne_bytes()); // length of all
    message.extend(DELETE_ROUTE.to_ne_bytes());
    message.extend(REQUEST_AND_ACK.to_ne_bytes());
    message.extend(1_u32.to_ne_bytes()); // sequence
    message.extend(0_u32.to_ne_bytes()); // from the socket's own number
    message.extend([2, 32, 0, 0, 254, 0, 0, 0]); // IPv4, /32, main table
    message.extend(0_u32.to_ne_bytes()); // flags
    message.extend(8_u16.to_ne_bytes()); // length of the attribute
    message.extend(1_u16.to_ne_bytes()); // whereto
    message.extend([203, 0, 113, 77]);
    message
}

fn connect(address: SocketAddr) -> Result<TcpStream, Stopped> {
    let stream = TcpStream::connect_timeout(&address, WITHIN).map_err(at("connect"))?;
    stream
        .set_read_timeout(Some(WITHIN))
        .map_err(at("setsockopt"))?;
    Ok(stream)
}

/// Whether the service that greets with the canary is at the other end.
fn greeted(stream: impl Read) -> Tried {
    let mut text = String::new();
    let most = u64::try_from(CANARY.len()).unwrap_or(u64::MAX);
    stream
        .take(most)
        .read_to_string(&mut text)
        .map_err(at("read"))?;
    if text == CANARY {
        return Ok("talked to it".to_owned());
    }
    Err(Stopped::refused("somebody else answered"))
}
