//! Answering on the control socket.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use plimsoll_stdx::net::frame::{self, FrameError};
use plimsoll_stdx::net::{fds, handover, unix};

use crate::order::Door;
use crate::protocol::{Request, Response};
use crate::record::ShimRecord;

/// A peer is our supervisor or gateway, and asks in one short message. While one dawdles nothing else is done, so
/// it gets little time; output waits in the pipe meanwhile.
const PATIENCE: Duration = Duration::from_secs(1);

/// What the loop has to do for a peer.
pub(super) enum Wish {
    Nothing,
    Signal(i32),
}

/// Answers one question of one peer. A peer that breaks off has only itself to blame.
pub(super) fn serve(
    stream: UnixStream,
    record: &ShimRecord,
    sockets: &[handover::Sockets],
) -> Wish {
    converse(stream, record, sockets).unwrap_or(Wish::Nothing)
}

/// Connects one peer to a port of the program. A peer that breaks off has only itself to blame.
pub(super) fn serve_door(stream: UnixStream, door: &Door, ports: &BTreeMap<String, u16>) {
    let _ = show_in(stream, door, ports);
}

fn show_in(
    mut stream: UnixStream,
    door: &Door,
    ports: &BTreeMap<String, u16>,
) -> Result<(), FrameError> {
    let peer = greet(&stream)?;
    let invited = peer == door.uid || Some(peer) == door.relays;
    if !is_owner(peer) && !invited {
        return refuse(&mut stream, "you are not expected here");
    }
    match frame::read(&mut stream)? {
        Request::Dial { port } if ports.values().any(|&open| open == port) => {
            hand_over(&mut stream, connect(port))
        }
        Request::Dial { .. }
        | Request::Info
        | Request::Signal { .. }
        | Request::Listen { .. }
        | Request::Sockets => refuse(&mut stream, "this door leads to the program's ports only"),
    }
}

/// Gives the peer little time, and says who it is.
fn greet(stream: &UnixStream) -> Result<u32, FrameError> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(unix::peer_uid(stream)?)
}

fn is_owner(peer: u32) -> bool {
    peer == 0 || peer == rustix::process::geteuid().as_raw()
}

fn connect(port: u16) -> std::io::Result<TcpStream> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    TcpStream::connect_timeout(&address, PATIENCE)
}

fn converse(
    mut stream: UnixStream,
    record: &ShimRecord,
    sockets: &[handover::Sockets],
) -> Result<Wish, FrameError> {
    if !is_owner(greet(&stream)?) {
        refuse(&mut stream, "you are not the owner of this process")?;
        return Ok(Wish::Nothing);
    }
    match frame::read(&mut stream)? {
        Request::Info => {
            frame::write(&mut stream, &Response::Info(Box::new(record.clone())))?;
            Ok(Wish::Nothing)
        }
        Request::Signal { signal } => {
            frame::write(&mut stream, &Response::Done)?;
            Ok(Wish::Signal(signal))
        }
        Request::Dial { port } => {
            hand_over(&mut stream, connect(port))?;
            Ok(Wish::Nothing)
        }
        Request::Listen { port } => {
            hand_over(&mut stream, TcpListener::bind((Ipv4Addr::LOCALHOST, port)))?;
            Ok(Wish::Nothing)
        }
        Request::Sockets if sockets.is_empty() => {
            refuse(&mut stream, "there are no listening sockets here")?;
            Ok(Wish::Nothing)
        }
        Request::Sockets => {
            handover::answer(&mut stream, sockets)?;
            Ok(Wish::Nothing)
        }
    }
}

fn refuse(stream: &mut UnixStream, reason: &str) -> Result<(), FrameError> {
    let reason = reason.to_owned();
    frame::write(stream, &Response::Refused { reason })
}

fn hand_over(
    stream: &mut UnixStream,
    socket: std::io::Result<impl AsFd>,
) -> Result<(), FrameError> {
    match socket {
        Ok(socket) => fds::send(stream, &Response::Done, &[socket.as_fd()]),
        Err(error) => refuse(stream, &error.to_string()),
    }
}
