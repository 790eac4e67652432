//! Addresses of other machines, on the loopback of a network of one's own: a program that connects to one finds the
//! relay there.

use std::io;
use std::net::IpAddr;

use super::loopback::{LOOPBACK, request};

/// Of `struct ifaddrmsg`.
const SCOPE_HOST: u8 = 254;
/// Nobody else is there to have the address.
const NO_DETECTION: u8 = 0x02;

/// Adds the address; one that is there already is no error. One message of rtnetlink(7).
pub(super) fn add(address: IpAddr) -> io::Result<()> {
    let (family, octets) = match address {
        IpAddr::V4(address) => (libc::AF_INET, address.octets().to_vec()),
        IpAddr::V6(address) => (libc::AF_INET6, address.octets().to_vec()),
    };
    let bits = u8::try_from(octets.len() * 8).map_err(io::Error::other)?;
    let family = u8::try_from(family).map_err(io::Error::other)?;
    let mut body = vec![family, bits, NO_DETECTION, SCOPE_HOST];
    body.extend(LOOPBACK.to_ne_bytes());
    for attribute in [libc::IFA_LOCAL, libc::IFA_ADDRESS] {
        let length = u16::try_from(4 + octets.len()).map_err(io::Error::other)?;
        body.extend(length.to_ne_bytes());
        body.extend(attribute.to_ne_bytes());
        body.extend(&octets);
    }
    match request(libc::RTM_NEWADDR, &body) {
        Err(error) if error.raw_os_error() == Some(libc::EEXIST) => Ok(()),
        added => added,
    }
}
