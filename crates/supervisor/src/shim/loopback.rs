//! The one interface of a network namespace of one's own.

use std::io;

use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, sendto, socket_with,
};

/// The first interface of every network namespace.
pub(super) const LOOPBACK: u32 = 1;
/// The kernel's header of a message.
const HEADER: usize = 16;

/// Switches loopback on: in a new namespace it is there and down. One message of rtnetlink(7).
pub(super) fn up() -> io::Result<()> {
    let is_up = u32::try_from(libc::IFF_UP).map_err(io::Error::other)?;
    let mut body = [0_u8; 16];
    // Of the interface: its number, the flags it is to have, and which of them are meant.
    body[4..8].copy_from_slice(&LOOPBACK.to_ne_bytes());
    body[8..12].copy_from_slice(&is_up.to_ne_bytes());
    body[12..16].copy_from_slice(&is_up.to_ne_bytes());
    request(libc::RTM_NEWLINK, &body)
}

/// Asks the kernel for a change of this network, and hears whether it was made.
pub(super) fn request(kind: u16, body: &[u8]) -> io::Result<()> {
    let socket = socket_with(
        AddressFamily::NETLINK,
        SocketType::RAW,
        SocketFlags::CLOEXEC,
        None,
    )?;
    let length = u32::try_from(HEADER + body.len()).map_err(io::Error::other)?;
    let flags = u16::try_from(libc::NLM_F_REQUEST | libc::NLM_F_ACK).map_err(io::Error::other)?;
    let mut message = vec![0_u8; HEADER];
    message[0..4].copy_from_slice(&length.to_ne_bytes());
    message[4..6].copy_from_slice(&kind.to_ne_bytes());
    message[6..8].copy_from_slice(&flags.to_ne_bytes());
    message.extend(body);
    sendto(
        &socket,
        &message,
        SendFlags::empty(),
        &SocketAddrNetlink::new(0, 0),
    )?;
    let mut answer = [0_u8; 128];
    let (length, _) = recv(&socket, &mut answer, RecvFlags::empty())?;
    // An acknowledgement is an error message whose number is 0, behind the header.
    let error = answer[..length]
        .get(HEADER..HEADER + 4)
        .and_then(|bytes| bytes.try_into().ok());
    match error.map(i32::from_ne_bytes) {
        Some(0) => Ok(()),
        Some(number) => Err(io::Error::from_raw_os_error(-number)),
        None => Err(io::ErrorKind::InvalidData.into()),
    }
}
