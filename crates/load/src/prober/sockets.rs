//! A client that keeps a WebSocket open.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use http::StatusCode;
use tokio::sync::watch;
use tokio::time::{interval, sleep, timeout};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Bytes, Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use super::{Learnt, Shared, Target};
use crate::connect::Stream;

/// The upgrade's answer comes within this time, or not at all.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Between two pings.
const PING: Duration = Duration::from_secs(1);
/// A socket over which nothing came for so long, though it was pinged, is broken.
const SILENCE: Duration = Duration::from_secs(10);
/// Before a socket that could not be opened is tried again.
const RETRY: Duration = Duration::from_millis(200);
/// How long a server may take to answer our own close.
const FAREWELL: Duration = Duration::from_secs(1);
/// What an app sends unasked is read and thrown away; more than this at once is not.
const MESSAGE_MAX: usize = 1 << 20;

type Socket = WebSocketStream<Box<dyn Stream>>;

/// How a socket ended.
enum End {
    /// We were told to stop.
    Ours,
    /// The server said goodbye.
    Closed,
    /// Without a word.
    Broken(String),
}

/// Whether the target takes WebSockets.
pub(super) async fn learn(shared: &Shared, target: &Target) -> Result<StatusCode, String> {
    let mut socket = open(shared, target).await?;
    // The answer to a farewell decides nothing.
    let _ = timeout(FAREWELL, socket.close(None)).await;
    Ok(StatusCode::SWITCHING_PROTOCOLS)
}

/// Keeps a socket open until `stopped`; one that ends is opened anew, as a page does.
pub(super) async fn run(
    shared: Arc<Shared>,
    learnt: Arc<Learnt>,
    mut stopped: watch::Receiver<bool>,
) {
    let name = &learnt.target.name;
    loop {
        if *stopped.borrow() {
            return;
        }
        let socket = match open(&shared, &learnt.target).await {
            Ok(socket) => socket,
            Err(reason) => {
                shared.count(|tally| {
                    tally.requests += 1;
                    tally.failed += 1;
                    tally.because(&format!("{name}: {reason}"));
                });
                sleep(RETRY).await;
                continue;
            }
        };
        shared.count(|tally| {
            tally.requests += 1;
            tally.served += 1;
            tally.sockets += 1;
        });
        match hold(socket, &mut stopped).await {
            End::Ours => return,
            End::Closed => shared.count(|tally| tally.closed += 1),
            End::Broken(reason) => shared.count(|tally| {
                tally.broken += 1;
                tally.because(&format!("{name}: {reason}"));
            }),
        }
    }
}

async fn open(shared: &Shared, target: &Target) -> Result<Socket, String> {
    let (address, path) = (&target.address, &target.path);
    let stream = shared.connector.open(address).await;
    let stream = stream.map_err(|error| format!("no connection: {error}"))?;
    let scheme = if address.tls { "wss" } else { "ws" };
    let url = format!("{scheme}://{}{path}", address.authority());
    let bounds = WebSocketConfig::default()
        .max_message_size(Some(MESSAGE_MAX))
        .max_frame_size(Some(MESSAGE_MAX));
    let opening = client_async_with_config(url, stream, Some(bounds));
    match timeout(HANDSHAKE, opening).await {
        Ok(Ok((socket, _))) => Ok(socket),
        Ok(Err(Error::Http(answer))) => Err(format!("no WebSocket: {}", answer.status())),
        Ok(Err(error)) => Err(format!("no WebSocket: {error}")),
        Err(_) => Err(format!("no WebSocket in {} s", HANDSHAKE.as_secs())),
    }
}

async fn hold(mut socket: Socket, stopped: &mut watch::Receiver<bool>) -> End {
    let mut pings = interval(PING);
    let mut heard = Instant::now();
    let mut goodbye = false;
    loop {
        tokio::select! {
            biased;
            () = told(stopped) => break,
            message = socket.next() => match message {
                Some(Ok(Message::Close(_))) => goodbye = true,
                Some(Ok(_)) => heard = Instant::now(),
                Some(Err(_)) | None if goodbye => return End::Closed,
                Some(Err(error)) => return End::Broken(format!("the socket broke: {error}")),
                None => return End::Broken("the socket ended without a close".to_owned()),
            },
            _ = pings.tick(), if !goodbye => {
                if heard.elapsed() > SILENCE {
                    return End::Broken(format!("no answer to a ping in {} s", SILENCE.as_secs()));
                }
                if let Err(error) = socket.send(Message::Ping(Bytes::new())).await
                    && !matches!(error, Error::ConnectionClosed | Error::AlreadyClosed)
                {
                    return End::Broken(format!("the socket broke: {error}"));
                }
            }
        }
    }
    let _ = timeout(FAREWELL, socket.close(None)).await;
    End::Ours
}

/// Returns when the prober is to stop, or is gone.
pub(super) async fn told(stopped: &mut watch::Receiver<bool>) {
    // What is borrowed here must not live until the next wait.
    let _ = stopped.wait_for(|stop| *stop).await.map(drop);
}
