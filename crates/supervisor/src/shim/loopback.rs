//! The one interface of a network namespace of one's own.

use std::io;

use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, sendto, socket_with,
};

/// The first interface of every network namespace.
const LOOPBACK: u32 = 1;
/// The kernel's header and the description of an interface.
const LENGTH: u8 = 32;

/// Switches loopback on: in a new namespace it is there and down. One message of rtnetlink(7).
pub(super) fn up() -> io::Result<()> {
    let socket = socket_with(
        AddressFamily::NETLINK,
        SocketType::RAW,
        SocketFlags::CLOEXEC,
        None,
    )?;
    let flags = u16::try_from(libc::NLM_F_REQUEST | libc::NLM_F_ACK).map_err(io::Error::other)?;
    let is_up = u32::try_from(libc::IFF_UP).map_err(io::Error::other)?;
    let mut message = [0_u8; LENGTH as usize];
    message[0..4].copy_from_slice(&u32::from(LENGTH).to_ne_bytes());
    message[4..6].copy_from_slice(&libc::RTM_NEWLINK.to_ne_bytes());
    message[6..8].copy_from_slice(&flags.to_ne_bytes());
    // Of the interface: its number, the flags it is to have, and which of them are meant.
    message[20..24].copy_from_slice(&LOOPBACK.to_ne_bytes());
    message[24..28].copy_from_slice(&is_up.to_ne_bytes());
    message[28..32].copy_from_slice(&is_up.to_ne_bytes());
    sendto(
        &socket,
        &message,
        SendFlags::empty(),
        &SocketAddrNetlink::new(0, 0),
    )?;
    let mut answer = [0_u8; 128];
    let (length, _) = recv(&socket, &mut answer, RecvFlags::empty())?;
    // An acknowledgement is an error message whose number is 0, behind the header of sixteen bytes.
    let error = answer[..length]
        .get(16..20)
        .and_then(|bytes| bytes.try_into().ok());
    match error.map(i32::from_ne_bytes) {
        Some(0) => Ok(()),
        Some(number) => Err(io::Error::from_raw_os_error(-number)),
        None => Err(io::ErrorKind::InvalidData.into()),
    }
}
