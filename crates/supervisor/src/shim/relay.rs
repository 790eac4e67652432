//! The shim's part of a program's edges: the process that carries them, and the sockets on which they begin.

use std::io::{self, PipeReader, Read};
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use plimsoll_stdx::net::fds;
use plimsoll_stdx::net::frame;
use plimsoll_stdx::process::{ProcessId, raw};
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, listen, socket_with, sockopt};
use rustix::process::{Signal, WaitOptions, waitpid};

use super::{TOKEN_VARIABLE, address};
use crate::dispatch::RELAY;
use crate::order::edge::{check, places};
use crate::order::{Isolation, Order};
use crate::record::Spec;
use crate::relay::task::{Answer, Task};

/// From the sockets to its word: it opens some folders and gives up its rights.
const READY_WITHIN: Duration = Duration::from_secs(5);
/// From the end of the program to the relay's: twice the farewell that the relay takes at most.
const END_WITHIN: Duration = Duration::from_secs(1);
/// Connections that wait to be accepted, of one edge. A program that opens a thousand at once waits for none of them a
/// second, which is what the kernel lets pass before it asks again.
const QUEUE: i32 = 1024;
/// What the kernel keeps of a connection between program and relay in each direction, which it doubles for its own
/// account; without a bound it would grow to megabytes for a program that never reads, and not at its expense.
const KERNEL_BUFFER: usize = 128 * 1024;

/// A relay that runs.
#[derive(Debug)]
pub(super) struct Relay {
    pub(super) process: ProcessId,
    /// Closed, it ends.
    talk: UnixStream,
    /// What it says of ends that cannot be reached.
    voice: Option<PipeReader>,
}

impl Relay {
    /// Starts the relay of a program that has edges. To be called while this process has this machine's network: the
    /// relay keeps it.
    pub(super) fn start(spec: &Spec) -> Result<Option<Self>, String> {
        let order = &spec.order;
        if order.isolation == Isolation::Shared || order.edges.is_empty() {
            return Ok(None);
        }
        check(&order.edges)?;
        spawn(&spec.token)
            .map(Some)
            .map_err(|error| format!("cannot start the relay: {error}"))
    }

    /// Listens, in the network that the program will have, and waits until the relay accepts.
    pub(super) fn open(&mut self, order: &Order) -> Result<(), String> {
        let places = places(&order.edges);
        let mut added: Vec<IpAddr> = Vec::new();
        let mut sockets = Vec::new();
        for place in places {
            let refused = |error: io::Error| format!("cannot listen on {place} inside: {error}");
            if !place.ip().is_loopback() && !added.contains(&place.ip()) {
                address::add(place.ip()).map_err(refused)?;
                added.push(place.ip());
            }
            sockets.push(listener(place).map_err(refused)?);
        }
        let task = Task {
            edges: order.edges.clone(),
            user: order.relay.clone(),
        };
        let borrowed: Vec<_> = sockets.iter().map(AsFd::as_fd).collect();
        let lost = |error: frame::FrameError| format!("the relay does not answer: {error}");
        fds::send(&mut self.talk, &task, &borrowed).map_err(lost)?;
        match frame::read(&mut self.talk).map_err(lost)? {
            Answer::Ready => Ok(()),
            Answer::Failed { reason } => Err(format!("the relay: {reason}")),
        }
    }

    /// What it makes of the network, in words.
    pub(super) fn control(order: &Order) -> String {
        let places: Vec<String> = order.edges.iter().map(ToString::to_string).collect();
        format!("connections to {} only", places.join(", "))
    }

    /// What it says, once.
    pub(super) fn voice(&mut self) -> Option<PipeReader> {
        self.voice.take()
    }

    /// Lets it pass on what the program said last, and ends it.
    pub(super) fn end(mut self) {
        let _ = self.talk.shutdown(std::net::Shutdown::Write);
        let _ = self.talk.set_read_timeout(Some(END_WITHIN));
        // The end of the stream is its end.
        let _ = self.talk.read(&mut [0]);
        self.kill();
    }

    fn kill(&self) {
        let _ = self.process.signal(Signal::KILL);
        // It has been killed, so this does not wait; or it has been reaped.
        let _ = waitpid(raw(self.process.pid), WaitOptions::empty());
    }
}

fn spawn(token: &str) -> io::Result<Relay> {
    let (ours, theirs) = UnixStream::pair()?;
    ours.set_read_timeout(Some(READY_WITHIN))?;
    ours.set_write_timeout(Some(READY_WITHIN))?;
    let (voice, writer) = io::pipe()?;
    let child = Command::new("/proc/self/exe")
        .arg0("plimsoll")
        .arg(RELAY)
        .current_dir("/")
        .env_clear()
        .env(TOKEN_VARIABLE, token)
        .stdin(OwnedFd::from(theirs))
        .stdout(Stdio::null())
        .stderr(writer)
        .spawn()?;
    Ok(Relay {
        process: ProcessId::of(child.id())?,
        talk: ours,
        voice: Some(voice),
    })
}

fn listener(place: SocketAddr) -> io::Result<TcpListener> {
    let family = match place {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    };
    let socket = socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    // Those that are accepted inherit it.
    sockopt::set_socket_recv_buffer_size(&socket, KERNEL_BUFFER)?;
    sockopt::set_socket_send_buffer_size(&socket, KERNEL_BUFFER)?;
    bind(&socket, &place)?;
    listen(&socket, QUEUE)?;
    Ok(TcpListener::from(socket))
}
