//! File descriptors in messages (SCM_RIGHTS). Each message is a frame (see [`super::frame`]) and its descriptors
//! travel with its first byte.

use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::frame::{self, FrameError};

/// Most descriptors in one message: four listeners with sixteen sockets each, and well below the kernel's 253.
pub const MAX_FDS: usize = 64;

const SPACE: usize = rustix::cmsg_space!(ScmRights(MAX_FDS));

/// Sends `message` with `fds`; the receiver gets duplicates.
pub fn send(
    stream: &mut UnixStream,
    message: &impl Serialize,
    fds: &[BorrowedFd<'_>],
) -> Result<(), FrameError> {
    let bytes = frame::encode(message)?;
    let mut space = [MaybeUninit::uninit(); SPACE];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !fds.is_empty() && !control.push(SendAncillaryMessage::ScmRights(fds)) {
        return Err(io::Error::other("too many descriptors for one message").into());
    }
    let slice = [IoSlice::new(&bytes)];
    let sent =
        rustix::io::retry_on_intr(|| sendmsg(&*stream, &slice, &mut control, SendFlags::NOSIGNAL))
            .map_err(io::Error::from)?;
    stream.write_all(&bytes[sent..])?;
    Ok(())
}

/// Receives a message and the descriptors that came with it, all close-on-exec. Give the stream a read timeout.
pub fn receive<T: DeserializeOwned>(
    stream: &mut UnixStream,
) -> Result<(T, Vec<OwnedFd>), FrameError> {
    let mut space = [MaybeUninit::uninit(); SPACE];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut first = [0; 1];
    let received = rustix::io::retry_on_intr(|| {
        let mut slice = [IoSliceMut::new(&mut first)];
        recvmsg(&*stream, &mut slice, &mut control, RecvFlags::CMSG_CLOEXEC)
    })
    .map_err(io::Error::from)?;
    if received.bytes == 0 {
        return Err(FrameError::Closed);
    }
    let mut fds = Vec::new();
    for part in control.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = part {
            fds.extend(rights);
        }
    }
    let message = frame::read(&mut first.as_slice().chain(stream))?;
    Ok((message, fds))
}
