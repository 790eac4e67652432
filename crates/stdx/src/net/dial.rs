//! Connections into a network that is not ours: somebody who lives in it connects, and hands the socket over.
//!
//! The asking side connects to the holder's Unix socket, sends `{"verb":"dial","port":…}` and receives
//! `{"answer":"done"}` with the connected socket, or `{"answer":"refused","reason":…}`. The message is the whole
//! protocol, so that an old holder and a new caller understand each other.

use std::io;
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::net::UnixStream;

use super::fds;
use super::frame::{self, FrameError};
use super::unix::short_path;

/// From the first byte of the answer to its last: it is one message of a hundred bytes, sent at once.
const REST_WITHIN: Duration = Duration::from_secs(1);

/// What the asking side sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "lowercase")]
pub enum Ask {
    /// A connection to this port of the holder's loopback.
    Dial {
        /// The port.
        port: u16,
    },
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "lowercase")]
enum Answer {
    Done,
    Refused { reason: String },
}

/// Asks the holder behind `socket` for a connection to `port`; the caller sets the deadline. The socket is blocking.
///
/// [`io::ErrorKind::ConnectionRefused`]: the holder is there and could not connect, for the reason in the error.
pub async fn connect(socket: &Path, port: u16) -> io::Result<TcpStream> {
    let (Some(dir), Some(name)) = (socket.parent(), socket.file_name()) else {
        return Err(io::Error::other("the socket's path has no folder"));
    };
    let (_handle, short) = short_path(dir, &name.to_string_lossy())?;
    let mut stream = UnixStream::connect(short).await?;
    frame::write_async(&mut stream, &Ask::Dial { port })
        .await
        .map_err(broken)?;
    stream.readable().await?;
    let mut stream = stream.into_std()?;
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(REST_WITHIN))?;
    let (answer, handed) = fds::receive(&mut stream).map_err(broken)?;
    match (answer, handed.into_iter().next()) {
        (Answer::Done, Some(handed)) => Ok(TcpStream::from(handed)),
        (Answer::Done, None) => Err(io::Error::other("no socket came with the answer")),
        (Answer::Refused { reason }, _) => {
            Err(io::Error::new(io::ErrorKind::ConnectionRefused, reason))
        }
    }
}

fn broken(error: FrameError) -> io::Error {
    match error {
        FrameError::Io(error) => error,
        FrameError::Closed | FrameError::TooLong(_) | FrameError::Json(_) => {
            io::Error::other(error)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::os::fd::AsFd;

    use super::*;
    use crate::net::unix;

    fn dial(
        answer: impl FnOnce(&mut std::os::unix::net::UnixStream, u16) + Send + 'static,
    ) -> io::Result<TcpStream> {
        let dir = tempfile::tempdir().unwrap();
        let holder = unix::bind(dir.path(), "holder.sock").unwrap();
        let thread = std::thread::spawn(move || {
            let (mut stream, _) = holder.accept().unwrap();
            let Ask::Dial { port } = frame::read(&mut stream).unwrap();
            answer(&mut stream, port);
        });
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()
            .unwrap();
        let socket = dir.path().join("holder.sock");
        let dialled = runtime.block_on(connect(&socket, 7));
        thread.join().unwrap();
        dialled
    }

    #[test]
    fn a_connected_socket_comes_with_the_answer() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let mut client = dial(move |stream, port| {
            assert_eq!(port, 7);
            let connected = TcpStream::connect(address).unwrap();
            fds::send(stream, &Answer::Done, &[connected.as_fd()]).unwrap();
        })
        .unwrap();
        let (mut server, _) = listener.accept().unwrap();
        server.write_all(b"x").unwrap();
        let mut byte = [0];
        client.read_exact(&mut byte).unwrap();
        assert_eq!(&byte, b"x");
    }

    #[test]
    fn a_refusal_and_an_answer_without_a_socket_are_errors() {
        let refused = dial(|stream, _| {
            let reason = "nobody listens".to_owned();
            frame::write(stream, &Answer::Refused { reason }).unwrap();
        });
        let error = refused.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        assert_eq!(error.to_string(), "nobody listens");
        assert!(dial(|stream, _| frame::write(stream, &Answer::Done).unwrap()).is_err());
        assert!(dial(|_, _| ()).is_err());
    }
}
