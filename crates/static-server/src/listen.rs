//! Connections: as many as fit, each bounded in time, and an end that lets answers under way finish.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use plimsoll_files::Site;
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;

use crate::answer::answer;
use crate::say;

/// Connections at once. Each costs some 10 KiB and a file descriptor; 1,024 is the usual limit of open files.
const CONNECTIONS: u32 = 900;
/// From the first byte of a head to its last, and between two requests.
const HEAD: Duration = Duration::from_secs(15);
/// A head with the cookies of a whole site.
const HEAD_BYTES: usize = 32 << 10;
/// After a connection that could not be taken.
const PAUSE: Duration = Duration::from_millis(10);
/// How long answers under way may take once the end was asked for: the usual grace period.
const DRAIN: Duration = Duration::from_secs(30);

/// Serves until SIGTERM or SIGINT.
pub(crate) async fn run(address: SocketAddr, site: Arc<Site>) -> Result<(), String> {
    let refused = |error| format!("cannot listen on {address}: {error}");
    let listener = TcpListener::bind(address).await.map_err(refused)?;
    let bound = listener.local_addr().map_err(refused)?;
    let signals = |error| format!("cannot wait for signals: {error}");
    let mut terminate = signal(SignalKind::terminate()).map_err(signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(signals)?;
    say(&format!("listening on {bound}"));

    let places = Arc::new(Semaphore::new(CONNECTIONS as usize));
    let (end, ending) = watch::channel(false);
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &places) => accepted,
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
        };
        let Some((stream, place)) = accepted else {
            continue;
        };
        let (site, ending) = (Arc::clone(&site), ending.clone());
        tokio::spawn(async move {
            serve(stream, &site, ending).await;
            drop(place);
        });
    }
    drop(listener);
    end.send_replace(true);
    // Past its time, what is left ends with the process.
    let _ = timeout(DRAIN, places.acquire_many(CONNECTIONS)).await;
    Ok(())
}

/// The next connection, with its place. An error of one connection is not the listener's end; the pause keeps a lack
/// of file descriptors from becoming a busy loop.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.ok()?;
    let Ok((stream, _)) = listener.accept().await else {
        tokio::time::sleep(PAUSE).await;
        return None;
    };
    Some((stream, place))
}

async fn serve(stream: TcpStream, site: &Arc<Site>, mut ending: watch::Receiver<bool>) {
    // Answers are written at once; waiting for more would only delay them.
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| {
        let site = Arc::clone(site);
        async move { answer(&site, request).await }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        // A client that hangs up or speaks nonsense has had its answer.
        _ = connection.as_mut() => return,
        _ = ending.wait_for(|ending| *ending) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = connection.await;
}
