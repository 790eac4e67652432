//! Accepting on every edge at once, and no more than is bounded.

use std::io;
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use rustix::net::sockopt::set_socket_linger;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::carry::carry;
use super::reach::{Far, Way};
use super::voice::Voice;

/// Connections of one program at a time: at two buffers of 16 KiB each they take 16 MiB at most. Who comes later waits
/// in the kernel's queue.
pub(super) const FLOWS: usize = 512;
/// Connections of one edge at a time, so that one end that answers nobody does not stand in the way of the others. A
/// PostgreSQL takes 100 by default, and a pool of HTTP clients is about as large.
const FLOWS_OF_EDGE: usize = 256;
/// From accepting to the other end's answer, the lookup of a name included: a SYN is sent again after 1, 3 and 7
/// seconds, and a resolver asks its second server after 5.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// From the program's end to ours, for what it said last: both ways are memory of this machine or a network that works.
const FAREWELL: Duration = Duration::from_millis(500);
/// After a failure to accept: the kernel is short of something, and asking again at once would not help.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);
/// Lookups block a thread each. More than this at once are of a program that looks for trouble.
const LOOKUPS: usize = 4;

/// Carries connections until the shim closes its end of `talk`.
pub(super) fn run(ways: Vec<(TcpListener, Way)>, talk: UnixStream) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(LOOKUPS)
        .build()?;
    let served = runtime.block_on(serve(ways, talk));
    // A lookup may still block its thread, and is waited for by nobody.
    runtime.shutdown_background();
    served
}

async fn serve(ways: Vec<(TcpListener, Way)>, talk: UnixStream) -> io::Result<()> {
    let all = Arc::new(Semaphore::new(FLOWS));
    let (end, ending) = watch::channel(false);
    let mut edges = JoinSet::new();
    for (listener, way) in ways {
        listener.set_nonblocking(true)?;
        let edge = Arc::new(Gate {
            way,
            voice: Voice::default(),
            own: Arc::new(Semaphore::new(FLOWS_OF_EDGE)),
            all: Arc::clone(&all),
        });
        let listener = tokio::net::TcpListener::from_std(listener)?;
        edges.spawn(accept(listener, edge, ending.clone()));
    }
    drop(ending);
    until_closed(talk).await?;
    let _ = end.send(true);
    // What is late is closed with the process.
    let _ = timeout(FAREWELL, edges.join_all()).await;
    Ok(())
}

/// The shim says nothing more; it closes.
async fn until_closed(talk: UnixStream) -> io::Result<()> {
    talk.set_nonblocking(true)?;
    let mut talk = tokio::net::UnixStream::from_std(talk)?;
    let mut byte = [0];
    // Whatever comes instead of the end is one as well.
    let _ = talk.read(&mut byte).await;
    Ok(())
}

/// One edge, and what may be used of it.
#[derive(Debug)]
struct Gate {
    way: Way,
    voice: Voice,
    own: Arc<Semaphore>,
    all: Arc<Semaphore>,
}

type Permits = (OwnedSemaphorePermit, OwnedSemaphorePermit);

impl Gate {
    /// Waits for its turn. The semaphores are never closed.
    async fn permits(&self) -> Option<Permits> {
        let own = Arc::clone(&self.own).acquire_owned().await.ok()?;
        let all = Arc::clone(&self.all).acquire_owned().await.ok()?;
        Some((own, all))
    }
}

async fn accept(
    listener: tokio::net::TcpListener,
    gate: Arc<Gate>,
    mut ending: watch::Receiver<bool>,
) {
    let mut flows = JoinSet::new();
    let told = ending.clone();
    let accepting = async {
        while let Some(permits) = gate.permits().await {
            // Those that are over are forgotten.
            while flows.try_join_next().is_some() {}
            match listener.accept().await {
                Ok((near, _)) => {
                    flows.spawn(flow(near, Arc::clone(&gate), told.clone(), permits));
                }
                Err(_) => sleep(ACCEPT_AGAIN).await,
            }
        }
    };
    tokio::select! {
        () = accepting => {}
        _ = ending.wait_for(|ending| *ending) => {}
    }
    drop(listener);
    while flows.join_next().await.is_some() {}
}

async fn flow(near: TcpStream, gate: Arc<Gate>, ending: watch::Receiver<bool>, _permits: Permits) {
    let reached = match timeout(CONNECT_WITHIN, gate.way.connect()).await {
        Ok(reached) => reached,
        Err(_) => Err(io::ErrorKind::TimedOut.into()),
    };
    let carried = match reached {
        Ok(far) => pass(near, far, ending).await,
        Err(error) => {
            gate.voice.complain(&gate.way.place, &error.to_string());
            abort(&near);
            return;
        }
    };
    // What broke in the middle has been told to both ends, and is theirs to judge.
    drop(carried);
}

async fn pass(mut near: TcpStream, far: Far, ending: watch::Receiver<bool>) -> io::Result<()> {
    near.set_nodelay(true)?;
    let carried = match far {
        Far::Unix(mut far) => carry(near.split(), far.split(), ending).await,
        Far::Tcp(mut far) => {
            let carried = carry(near.split(), far.split(), ending).await;
            if carried.is_err() {
                abort(&far);
            }
            carried
        }
    };
    if carried.is_err() {
        abort(&near);
    }
    carried
}

/// Closes with a reset, so that what was cut off is not taken for what was finished.
fn abort(stream: &TcpStream) {
    // Without it the end is a plain one, as it is when a Unix socket breaks.
    let _ = set_socket_linger(stream, Some(Duration::ZERO));
}
