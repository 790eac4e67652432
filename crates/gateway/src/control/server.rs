//! The gateway's side of the control socket.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use plimsoll_stdx::net::{frame, unix};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use super::wire::{self, Info, Refusal, Reply, Request};
use crate::hub::Hub;
use crate::metrics;
use crate::status::status;

/// Callers at a time: the supervisor, a command or two of a person, a drain per replica of a rollout.
const MAX_CALLERS: usize = 64;
/// Time for the first message.
const HELLO: Duration = Duration::from_secs(5);
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Binds the socket in the gateway's folder.
pub(crate) fn bind(hub: &Hub) -> io::Result<UnixListener> {
    let listener = unix::bind(&hub.dir, super::SOCKET)?;
    listener.set_nonblocking(true)?;
    UnixListener::from_std(listener)
}

/// Answers callers for as long as the gateway runs.
pub(crate) async fn serve(hub: Arc<Hub>, listener: UnixListener) {
    let callers = Arc::new(Semaphore::new(MAX_CALLERS));
    loop {
        let Ok(permit) = Arc::clone(&callers).acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, _)) => {
                let hub = Arc::clone(&hub);
                tokio::spawn(async move {
                    // What went wrong with a caller is the caller's to report.
                    let _ = answer(&hub, stream).await;
                    drop(permit);
                });
            }
            Err(_) => sleep(ACCEPT_PAUSE).await,
        }
    }
}

async fn answer(hub: &Arc<Hub>, mut stream: UnixStream) -> Result<(), frame::FrameError> {
    let own = rustix::process::geteuid().as_raw();
    let peer = unix::peer_uid(&stream)?;
    if peer != own && peer != 0 {
        let message = format!("uid {peer} may not use this socket");
        return refuse(&mut stream, Refusal::Peer, message).await;
    }
    let first = timeout(HELLO, frame::read_async::<Request>(&mut stream)).await;
    let Ok(first) = first else {
        return Ok(());
    };
    let Request::Hello(hello) = first? else {
        let message = "the first message must be a hello".to_owned();
        return refuse(&mut stream, Refusal::Protocol, message).await;
    };
    if hello.proto[0] > wire::PROTO[1] || hello.proto[1] < wire::PROTO[0] {
        let message = format!(
            "no common protocol version: {:?} and {:?}",
            hello.proto,
            wire::PROTO
        );
        return refuse(&mut stream, Refusal::Protocol, message).await;
    }
    frame::write_async(&mut stream, &Reply::Hello(info(hub).await)).await?;
    loop {
        let request = frame::read_async::<Request>(&mut stream).await?;
        let reply = handle(hub, hello.epoch, request).await;
        frame::write_async(&mut stream, &reply).await?;
    }
}

async fn refuse(
    stream: &mut UnixStream,
    code: Refusal,
    message: String,
) -> Result<(), frame::FrameError> {
    frame::write_async(stream, &Reply::Refused { code, message }).await
}

async fn info(hub: &Hub) -> Info {
    let generations = hub.generations().await;
    Info {
        proto: wire::PROTO,
        tool: concat!("plimsoll ", env!("CARGO_PKG_VERSION")).to_owned(),
        pid: std::process::id(),
        table_generation: generations.table,
        endpoints_generation: generations.endpoints,
        epoch: generations.epoch,
    }
}

async fn handle(hub: &Arc<Hub>, epoch: u64, request: Request) -> Reply {
    let outcome = match request {
        Request::Hello(_) => Ok(Reply::Hello(info(hub).await)),
        Request::TablePut { generation, table } => hub
            .put_table(epoch, generation, *table)
            .await
            .map(|()| Reply::Done),
        Request::EndpointsPut { endpoints } => hub
            .put_endpoints(epoch, endpoints)
            .await
            .map(|()| Reply::Done),
        Request::Status => Ok(Reply::Status(Box::new(status(hub).await))),
        Request::Drain { endpoint } => hub.drain(&endpoint).await.map(Reply::Drained),
        Request::Metrics => Ok(Reply::Metrics {
            text: metrics::text(hub).await,
        }),
        Request::Pause { service, pause } => hub
            .pause(epoch, &service, pause)
            .await
            .map(|()| Reply::Done),
        Request::Resume { service } => hub.resume(epoch, &service).await.map(|()| Reply::Done),
        Request::Samples { after } => {
            let (samples, more) = hub.samples(&after).await;
            Ok(Reply::Samples { samples, more })
        }
        Request::Succeed => {
            hub.succeed();
            Ok(Reply::Done)
        }
        Request::Shutdown => {
            hub.ending.notify_one();
            Ok(Reply::Done)
        }
    };
    outcome.unwrap_or_else(|(code, message)| Reply::Refused { code, message })
}
