//! What carries the connections of a contained program to what its orders name: one process for each such program.
//!
//! The program's network is nothing but loopback. Its shim listens there on the address of each edge and hands the
//! sockets to this process, which was started before the shim left this machine's network and has that network still.
//! For every connection that it accepts it opens one to the other end, and carries bytes both ways without looking at
//! them: TLS stays end to end. An address that no edge names has no listener, and no route leads to it.
//!
//! A process of its own, because the shim must answer and reap whatever a connection does, and because names are looked
//! up by calls that block. It is nobody (a user without files), may make no connection by TCP but to the ports of its
//! edges, and ends with the shim. A program without edges has none.
//!
//! Reading order: `task` (what it is told), `settle` (what it gives up), `serve` (accepting), `reach` and `replicas`
//! (opening the other end), `carry` (bytes both ways), `life` (when a connection is over), `voice` (what it says).

mod carry;
mod life;
mod reach;
mod replicas;
mod serve;
mod settle;
pub(crate) mod task;
mod voice;

use std::net::TcpListener;
use std::os::unix::net::UnixStream;

use plimsoll_stdx::net::{fds, frame};
use rustix::fd::OwnedFd;

use reach::Way;
use task::{Answer, Task};

/// Reads its task from standard input, and carries connections until the other end of that is closed.
pub(crate) fn main() -> u8 {
    let Ok(shim) = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3) else {
        return 1;
    };
    let mut shim = UnixStream::from(shim);
    // A shim that could not go on has closed.
    let Ok((task, sockets)) = fds::receive::<Task>(&mut shim) else {
        return 1;
    };
    let (answer, ways) = match prepare(&task, sockets) {
        Ok(ways) => (Answer::Ready, Some(ways)),
        Err(reason) => (Answer::Failed { reason }, None),
    };
    match (frame::write(&mut shim, &answer), ways) {
        (Ok(()), Some(ways)) => u8::from(serve::run(ways, shim).is_err()),
        (Ok(()) | Err(_), _) => 1,
    }
}

/// Opens every folder while it still may, then becomes nobody.
fn prepare(task: &Task, sockets: Vec<OwnedFd>) -> Result<Vec<(TcpListener, Way)>, String> {
    if sockets.len() != task.edges.len() {
        return Err("there is not one socket for each edge".to_owned());
    }
    let ways = task
        .edges
        .iter()
        .zip(sockets)
        .map(|(edge, socket)| Ok((TcpListener::from(socket), Way::open(edge)?)))
        .collect::<Result<Vec<_>, String>>()?;
    let folders: Vec<_> = ways.iter().filter_map(|(_, way)| way.folder()).collect();
    settle::down(task, &folders)?;
    Ok(ways)
}
