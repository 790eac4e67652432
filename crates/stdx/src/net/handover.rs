//! Handing listening sockets from the process that bound them to the one that serves them.
//!
//! The asking side connects to the holder's Unix socket, sends `{"verb":"sockets"}` and receives
//! `{"sockets":[{"name":…,"count":…}…]}` with the descriptors in that order. The message is the whole protocol, so
//! that an old holder and a new server understand each other.

use std::io;
use std::net::TcpListener;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::frame::{self, FrameError};
use super::{fds, unix};

/// How long the holder may take. It is single-threaded and answers within a poll round; 5 s covers a machine
/// that is busy starting everything at once.
const TIMEOUT: Duration = Duration::from_secs(5);

/// What the asking side sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "lowercase")]
pub enum Ask {
    /// Duplicates of every listening socket.
    Sockets,
}

#[derive(Debug, Serialize, Deserialize)]
struct Answer {
    sockets: Vec<Group>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Group {
    name: String,
    count: usize,
}

/// Listening sockets under one name. More than one share the port (`SO_REUSEPORT`), one for each accepting thread.
#[derive(Debug)]
pub struct Sockets {
    /// The name that the holder was told.
    pub name: String,
    /// At least one socket.
    pub listeners: Vec<TcpListener>,
}

/// Asks the holder behind `name` in `dir` for its sockets. Blocks for a few seconds at the most.
pub fn fetch(dir: &Path, name: &str) -> Result<Vec<Sockets>, FrameError> {
    let mut stream = unix::connect(dir, name)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    frame::write(&mut stream, &Ask::Sockets)?;
    let (answer, received): (Answer, _) = fds::receive(&mut stream)?;
    let mut received = received.into_iter();
    let mut groups = Vec::new();
    for group in answer.sockets {
        let listeners: Vec<TcpListener> = received
            .by_ref()
            .take(group.count)
            .map(TcpListener::from)
            .collect();
        if listeners.len() != group.count {
            return Err(io::Error::other("fewer sockets came than were named").into());
        }
        groups.push(Sockets {
            name: group.name,
            listeners,
        });
    }
    Ok(groups)
}

/// Answers [`Ask::Sockets`] with duplicates of `groups`.
pub fn answer(stream: &mut UnixStream, groups: &[Sockets]) -> Result<(), FrameError> {
    let sockets = groups
        .iter()
        .map(|group| Group {
            name: group.name.clone(),
            count: group.listeners.len(),
        })
        .collect();
    let listeners: Vec<BorrowedFd<'_>> = groups
        .iter()
        .flat_map(|group| group.listeners.iter().map(TcpListener::as_fd))
        .collect();
    fds::send(stream, &Answer { sockets }, &listeners)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream;

    use super::*;

    #[test]
    fn sockets_arrive_under_their_names_and_accept() {
        let dir = tempfile::tempdir().unwrap();
        let holder = unix::bind(dir.path(), "holder.sock").unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let thread = std::thread::spawn(move || {
            let (mut stream, _) = holder.accept().unwrap();
            let _: Ask = frame::read(&mut stream).unwrap();
            let groups = [Sockets {
                name: "http".into(),
                listeners: vec![listener],
            }];
            answer(&mut stream, &groups).unwrap();
        });
        let fetched = fetch(dir.path(), "holder.sock").unwrap();
        thread.join().unwrap();
        assert_eq!((fetched.len(), fetched[0].name.as_str()), (1, "http"));
        let mut client = TcpStream::connect(address).unwrap();
        client.write_all(b"x").unwrap();
        let (mut server, _) = fetched[0].listeners[0].accept().unwrap();
        let mut byte = [0];
        server.read_exact(&mut byte).unwrap();
        assert_eq!(&byte, b"x");
    }
}
