//! Opening the other end of an edge.

use std::fs::File;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::time::Duration;

use plimsoll_stdx::net::dial;
use rustix::net::sockopt;
use tokio::net::{TcpStream, UnixStream};
use tokio::time::sleep;

use super::replicas::Replicas;
use crate::order::{Edge, Towards};

/// Between two tries of a socket whose queue is full: the server takes from it in microseconds.
const QUEUE_FULL: Duration = Duration::from_millis(5);
/// When a far end that says nothing is asked whether it is still there, how often and how many times: one that is gone
/// is noticed within two minutes, not after the two hours that are the kernel's default.
const ALIVE_AFTER: Duration = Duration::from_mins(1);
const ALIVE_EVERY: Duration = Duration::from_secs(15);
const ALIVE_TIMES: u32 = 4;

/// A connection to the other end.
#[derive(Debug)]
pub(super) enum Far {
    Unix(UnixStream),
    Tcp(TcpStream),
}

/// An edge whose folder is open, because its path cannot be followed by nobody.
#[derive(Debug)]
pub(super) struct Way {
    /// As the program calls it; for people.
    pub(super) place: String,
    to: To,
}

#[derive(Debug)]
enum To {
    Socket { dir: File, name: String },
    Tcp { host: String, port: u16 },
    Service(Replicas),
}

impl Way {
    pub(super) fn open(edge: &Edge) -> Result<Self, String> {
        let folder = |path: &PathBuf| {
            File::open(path).map_err(|error| format!("cannot open {}: {error}", path.display()))
        };
        let to = match &edge.to {
            Towards::Socket { dir, name } => To::Socket {
                dir: folder(dir)?,
                name: name.clone(),
            },
            Towards::Tcp { host, port } => To::Tcp {
                host: host.clone(),
                port: *port,
            },
            Towards::Service {
                doors,
                service,
                port,
            } => To::Service(Replicas::new(folder(doors)?, service, port)),
        };
        let place = edge.to_string();
        Ok(Self { place, to })
    }

    pub(super) fn folder(&self) -> Option<&File> {
        match &self.to {
            To::Socket { dir, .. } => Some(dir),
            To::Service(replicas) => Some(replicas.folder()),
            To::Tcp { .. } => None,
        }
    }

    /// Opens a connection; the caller sets the deadline.
    pub(super) async fn connect(&self) -> io::Result<Far> {
        match &self.to {
            To::Socket { dir, name } => {
                let path = PathBuf::from(format!("/proc/self/fd/{}/{name}", dir.as_raw_fd()));
                patiently(path).await.map(Far::Unix)
            }
            To::Tcp { host, port } => outside(host, *port).await.map(Far::Tcp),
            To::Service(replicas) => inside(replicas).await.map(Far::Tcp),
        }
    }
}

/// A Unix socket has no retries of its own: where the server's queue is full, it says so at once.
async fn patiently(path: PathBuf) -> io::Result<UnixStream> {
    loop {
        match UnixStream::connect(&path).await {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => sleep(QUEUE_FULL).await,
            connected => return connected,
        }
    }
}

async fn outside(host: &str, port: u16) -> io::Result<TcpStream> {
    let stream = if let Ok(address) = host.parse::<IpAddr>() {
        TcpStream::connect((address, port)).await?
    } else {
        TcpStream::connect(&resolved(host, port).await?[..]).await?
    };
    stream.set_nodelay(true)?;
    sockopt::set_socket_keepalive(&stream, true)?;
    sockopt::set_tcp_keepidle(&stream, ALIVE_AFTER)?;
    sockopt::set_tcp_keepintvl(&stream, ALIVE_EVERY)?;
    sockopt::set_tcp_keepcnt(&stream, ALIVE_TIMES)?;
    Ok(stream)
}

async fn resolved(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    let mut found: Vec<SocketAddr> = tokio::net::lookup_host((host, port)).await?.collect();
    found.retain(|address| may_be_meant(host, address.ip()));
    if found.is_empty() {
        return Err(io::Error::other(
            "the name leads to this machine itself, which only an address or `localhost` may",
        ));
    }
    Ok(found)
}

/// Whoever answers for a name's addresses must not be able to point us at what listens on this machine for this machine
/// alone, or at what a cloud tells its machines of themselves.
fn may_be_meant(host: &str, address: IpAddr) -> bool {
    let address = address.to_canonical();
    let is_local = host.eq_ignore_ascii_case("localhost");
    let is_link = match address {
        IpAddr::V4(address) => address.is_link_local() || address.is_broadcast(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    };
    let is_special = address.is_unspecified() || address.is_multicast() || is_link;
    !is_special && (is_local || !address.is_loopback())
}

/// The first replica that opens its door.
async fn inside(replicas: &Replicas) -> io::Result<TcpStream> {
    let mut last = io::Error::other("no replica of it is ready");
    for (door, port) in replicas.in_turn() {
        match dial::connect(&door, port).await {
            Ok(stream) => {
                stream.set_nonblocking(true)?;
                let stream = TcpStream::from_std(stream)?;
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_never_leads_to_this_machine_itself_and_localhost_does() {
        for (host, address, meant) in [
            ("api.example.com", "203.0.113.7", true),
            ("db.internal", "10.0.0.5", true),
            ("api.example.com", "2001:db8::1", true),
            ("api.example.com", "127.0.0.1", false),
            ("api.example.com", "::1", false),
            ("api.example.com", "::ffff:127.0.0.1", false),
            ("api.example.com", "0.0.0.0", false),
            ("api.example.com", "169.254.169.254", false),
            ("api.example.com", "fe80::1", false),
            ("localhost", "127.0.0.1", true),
            ("localhost", "169.254.169.254", false),
        ] {
            let address = address.parse().unwrap();
            assert_eq!(may_be_meant(host, address), meant, "{host} {address}");
        }
    }
}
