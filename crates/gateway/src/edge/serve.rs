//! Connections of clients: accepted, wrapped in TLS, served until they end or are told to.

use std::convert::Infallible;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{HeaderValue, Request, Response};
use hyper::body::Incoming;
use hyper::rt::Executor;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::core::Core;
use super::exchange::{Client, Tracked};
use super::handle::handle;
use super::watch::{Command, Watch, Watched};
use crate::tls::Certificates;

/// Time for a handshake: three round trips over a bad mobile network, and its client's arithmetic.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// After an accept error (usually: out of descriptors) the loop waits, or it would spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Client connections of one core. 20,000 idle ones cost 0.3 GiB at 13 KiB each; beyond that new ones are closed.
const MAX_CONNECTIONS: u64 = 20_000;

/// hyper's buffer per direction; also the longest head.
const BUFFER: usize = 16 * 1024;
/// Streams of one HTTP/2 connection at a time: what browsers open, and nginx's default.
const MAX_STREAMS: u32 = 128;
/// What a client may send on one stream, and on one connection, before we have read it.
const STREAM_WINDOW: u32 = 64 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;
/// Streams that a client opened and reset before we saw them (rapid reset, CVE-2023-44487): beyond, the connection
/// ends. Those that we did see are counted by its [`Watch`].
const MAX_RESETS: usize = 20;
/// Streams that we reset because of what the client sent on them: one full set, then the connection ends.
const MAX_FAULTS: usize = 128;
/// The smallest that the protocol allows, so that one stream's frame holds up no other for long.
const MAX_FRAME: u32 = 16 * 1024;
/// The longest head of HTTP/2, which counts 32 bytes for each header beside its own. Two frames: with less, the library
/// takes a head that is over for an attack and ends the connection, where it should answer 431.
const MAX_HEAD: u32 = 2 * MAX_FRAME;
/// The protocol's default for the table of header compression.
const HEADER_TABLE: u32 = 4096;
/// Of an answer, what may wait for the client's window: with [`MAX_STREAMS`] that is 8 MiB per connection, where the
/// library's default would be 50.
const MAX_SEND_BUFFER: usize = 64 * 1024;

/// Accepts connections until this core says farewell.
pub(crate) async fn accept(core: Rc<Core>, listener: TcpListener, tls: Option<Arc<Certificates>>) {
    while !core.is_draining() {
        let accepted = tokio::select! {
            biased;
            // What waits in the queue is for whoever else has this socket, and no farewell is for it.
            () = core.leaving.notified() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let open = &core.shared.gauges[core.id].connections;
                if open.load(Ordering::Relaxed) < MAX_CONNECTIONS {
                    let serving = serve(Rc::clone(&core), stream, peer, tls.clone());
                    tokio::task::spawn_local(serving);
                }
            }
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}

async fn serve(
    core: Rc<Core>,
    stream: TcpStream,
    peer: SocketAddr,
    tls: Option<Arc<Certificates>>,
) {
    // Without it a response waits for the client's acknowledgement of the one before.
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let (id, watch) = core.enter();
    match tls {
        None => {
            let client = client(peer, false, &watch);
            serve_http1(&core, stream, client).await;
        }
        // Boxed, or a plain connection would carry, for as long as it lives, the room that TLS and HTTP/2 need.
        Some(certificates) => {
            Box::pin(serve_tls(&core, stream, peer, (&certificates, &watch))).await;
        }
    }
    core.leave(id);
}

async fn serve_tls(
    core: &Rc<Core>,
    stream: TcpStream,
    peer: SocketAddr,
    (certificates, watch): (&Certificates, &Arc<Watch>),
) {
    let Some(config) = certificates.config() else {
        core.shared.tls_failures.fetch_add(1, Ordering::Relaxed);
        return;
    };
    let handshake = TlsAcceptor::from(config).accept(stream);
    let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE, handshake).await else {
        core.shared.tls_failures.fetch_add(1, Ordering::Relaxed);
        return;
    };
    let client = client(peer, true, watch);
    if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
        Box::pin(serve_http2(core, stream, client)).await;
    } else {
        Box::pin(serve_http1(core, stream, client)).await;
    }
}

fn client(peer: SocketAddr, tls: bool, watch: &Arc<Watch>) -> Rc<Client> {
    let peer = peer.ip().to_canonical();
    let peer_value = HeaderValue::try_from(peer.to_string());
    Rc::new(Client {
        peer,
        peer_value: peer_value.unwrap_or(HeaderValue::from_static("unknown")),
        tls,
        watch: Arc::clone(watch),
    })
}

async fn serve_http1<S>(core: &Rc<Core>, stream: S, client: Rc<Client>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let watch = Arc::clone(&client.watch);
    let io = TokioIo::new(Watched::http1(stream, Arc::clone(&watch)));
    let answering = answering(core, client);
    let connection = http1::Builder::new()
        // It takes 100 headers, twice what browsers send with many cookies. Said to it, that bound would cost room for
        // as many, filled and moved, at each request.
        .max_buf_size(BUFFER)
        // The sweep bounds heads, bodies and idleness without a timer per request.
        .header_read_timeout(None)
        .serve_connection(io, service_fn(answering))
        .with_upgrades();
    let graceful = |connection: Pin<&mut http1::UpgradeableConnection<_, _>>| {
        connection.graceful_shutdown();
    };
    until_told(pin!(connection), graceful, &watch).await;
}

async fn serve_http2<S>(core: &Rc<Core>, stream: S, client: Rc<Client>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let watch = Arc::clone(&client.watch);
    watch.speaks_http2();
    let io = TokioIo::new(Watched::new(stream, Arc::clone(&watch)));
    let answering = answering(core, client);
    let connection = http2::Builder::new(Local)
        .max_concurrent_streams(MAX_STREAMS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_header_list_size(MAX_HEAD)
        .max_frame_size(MAX_FRAME)
        .header_table_size(HEADER_TABLE)
        .max_send_buf_size(MAX_SEND_BUFFER)
        .max_pending_accept_reset_streams(MAX_RESETS)
        .max_local_error_reset_streams(MAX_FAULTS)
        .enable_connect_protocol()
        .serve_connection(io, service_fn(answering));
    let graceful =
        |connection: Pin<&mut http2::Connection<_, _, Local>>| connection.graceful_shutdown();
    until_told(pin!(connection), graceful, &watch).await;
}

/// Boxed, because hyper keeps it inside a connection that lives much longer than a request. [`handle`] keeps it small
/// enough for the allocator's fast way.
type Answering = Pin<Box<dyn Future<Output = Result<Response<Tracked>, Infallible>>>>;

fn answering(
    core: &Rc<Core>,
    client: Rc<Client>,
) -> impl Fn(Request<Incoming>) -> Answering + use<> {
    let core = Rc::clone(core);
    move |request: Request<Incoming>| -> Answering { Box::pin(handle(&core, &client, request)) }
}

/// Drives a connection to its end, or to the one that its watch asks for. Lent, because a future that is given one has
/// room for it twice, for as long as the client stays.
async fn until_told<C: Future>(
    mut connection: Pin<&mut C>,
    graceful: impl Fn(Pin<&mut C>),
    watch: &Watch,
) {
    let mut closing = false;
    poll_fn(|context: &mut Context<'_>| {
        match watch.command(context) {
            Command::None => {}
            Command::Close if closing => {}
            Command::Close => {
                closing = true;
                graceful(connection.as_mut());
            }
            Command::Abort => return Poll::Ready(()),
        }
        // How a connection ends is the client's business; its requests are logged one by one.
        connection.as_mut().poll(context).map(|_| ())
    })
    .await;
}

/// Runs the streams of HTTP/2 connections on their own core.
#[derive(Debug, Clone, Copy)]
struct Local;

impl<F: Future + 'static> Executor<F> for Local {
    fn execute(&self, future: F) {
        tokio::task::spawn_local(async move {
            future.await;
        });
    }
}
