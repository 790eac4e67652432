//! WebSocket: an upgrade in HTTP/1.1, an extended CONNECT (RFC 8441) in HTTP/2, always an upgrade towards the
//! replica. Bytes are passed on only after the replica has said 101; until then they are a request.

use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version, header};
use hyper::body::Incoming;
use hyper::ext::Protocol;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf, split};
use tokio::time::timeout;

use super::asked::Asked;
use super::body::EdgeBody;
use super::core::Core;
use super::dial::{Upstream, dial};
use super::endpoint::InFlight;
use super::exchange::Exchange;
use super::handle::rewrite;
use super::headers;
use super::problem::Problem;
use super::proxy::{bad_gateway, unavailable};
use super::request_body::RequestBody;
use super::route::{Route, Service};
use super::sockets::Ticket;
use super::timers::Elapsed;
use super::upstream::{CONNECT, builder};
use super::websocket::{Frames, GOING_AWAY};

/// Time for the client's own close frame to come and to be passed on.
const FAREWELL: Duration = Duration::from_secs(2);
/// Bytes in hand per direction.
const BUFFER: usize = 16 * 1024;

/// How the client asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `connection: upgrade`.
    Upgrade,
    /// Extended CONNECT.
    Connect,
}

/// Whether a request asks for a tunnel that its route allows.
pub(crate) fn wanted(route: &Route, parts: &Parts) -> Option<Kind> {
    if !route.upgrade {
        return None;
    }
    if parts.method == Method::CONNECT {
        let protocol = parts.extensions.get::<Protocol>()?;
        return (protocol.as_str() == "websocket").then_some(Kind::Connect);
    }
    let upgrade = parts.headers.get(header::UPGRADE)?;
    let websocket = upgrade.as_bytes().eq_ignore_ascii_case(b"websocket");
    let asks = parts
        .headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|line| line.split(','))
        .any(|token| token.trim().eq_ignore_ascii_case("upgrade"));
    let version = parts.version == Version::HTTP_11 && parts.method == Method::GET;
    (websocket && asks && version).then_some(Kind::Upgrade)
}

/// Opens a tunnel and gives the answer that starts it, or the replica's refusal.
pub(crate) async fn open(
    exchange: &mut Exchange,
    route: &Route,
    service: &Service,
    (asked, kind, path): (Box<Asked>, Kind, &str),
) -> Result<Response<EdgeBody>, Problem> {
    let mut request = asked.into_request();
    let client = hyper::upgrade::on(&mut request);
    let (mut parts, _) = request.into_parts();
    rewrite(exchange, route, &mut parts, path)?;
    ask_for_upgrade(&mut parts, kind, &exchange.core);
    let core = Rc::clone(&exchange.core);
    let (mut in_flight, stream) = reach(exchange, service).await?;
    let request = Request::from_parts(parts, RequestBody::empty());
    let mut response = ask(exchange, route, request, stream).await?;
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Ok(refusal(response));
    }
    let replica = hyper::upgrade::on(&mut response);
    in_flight.becomes_socket();
    let endpoint = in_flight.endpoint();
    let ticket = core.sockets.enter(endpoint.key, endpoint.is_draining());
    tokio::task::spawn_local(carry(client, replica, in_flight, ticket));
    Ok(start_of_tunnel(response.headers(), kind))
}

/// Opens a connection to a replica.
async fn reach(
    exchange: &mut Exchange,
    service: &Service,
) -> Result<(InFlight, Upstream), Problem> {
    let core = Rc::clone(&exchange.core);
    let point = exchange.point.map(|point| point.value);
    let mut tried = Vec::new();
    loop {
        let Some(chosen) = service.replicas.pick(&tried, &core.random, point) else {
            return Err(match exchange.endpoint.as_ref() {
                Some(refused) => {
                    refused.tally.unreachable(core.id);
                    bad_gateway()
                }
                None => unavailable(),
            });
        };
        let endpoint = Arc::clone(chosen);
        exchange.endpoint = Some(Arc::clone(&endpoint));
        // Counted before it is connected, or a drain would take the replica for idle.
        let in_flight = endpoint.begin();
        let address = endpoint.ports.get(&service.port).ok_or_else(bad_gateway)?;
        let start = core.timers.now();
        let dialling = dial(address, endpoint.peer.as_ref());
        let dialled = core.timers.within(CONNECT, || start, dialling).await;
        match dialled.unwrap_or_else(|Elapsed| Err(io::ErrorKind::TimedOut.into())) {
            Ok(stream) => return Ok((in_flight, stream)),
            Err(error) => {
                endpoint.eject(format!("cannot connect: {error}"));
                tried.push(endpoint.key);
            }
        }
    }
}

/// Sends the request for the tunnel and waits for the head of the answer, which the replica's counts are told.
async fn ask(
    exchange: &Exchange,
    route: &Route,
    request: Request<RequestBody>,
    stream: Upstream,
) -> Result<Response<Incoming>, Problem> {
    let core = &exchange.core;
    let sent = Instant::now();
    let tally = exchange.endpoint.as_ref().map(|endpoint| &endpoint.tally);
    if let Some(tally) = tally {
        tally.sent(core.id, core.shared.unix_ms(sent));
    }
    let asking = async {
        let (mut sender, connection) = builder().handshake(TokioIo::new(stream)).await?;
        tokio::task::spawn_local(async move {
            let _ = connection.with_upgrades().await;
        });
        sender.send_request(request).await
    };
    let start = core.timers.now();
    let answer = core.timers.within(route.timeout, || start, asking).await;
    let Ok(Ok(response)) = answer else {
        if let Some(tally) = tally {
            tally.unanswered(core.id);
        }
        return Err(bad_gateway());
    };
    if let Some(tally) = tally {
        let micros = u64::try_from(sent.elapsed().as_micros()).unwrap_or(u64::MAX);
        tally.answered(core.id, response.status().as_u16(), micros);
    }
    Ok(response)
}

/// The replica said no: its words, without what belongs to the connection. Its body is short or dropped.
fn refusal(response: Response<Incoming>) -> Response<EdgeBody> {
    let (mut parts, body) = response.into_parts();
    headers::strip_response(&mut parts.headers);
    let body = http_body_util::BodyExt::map_err(body, io::Error::other);
    Response::from_parts(parts, EdgeBody::boxed(body))
}

fn ask_for_upgrade(parts: &mut Parts, kind: Kind, core: &Core) {
    parts.method = Method::GET;
    let headers = &mut parts.headers;
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    if kind == Kind::Connect {
        // HTTP/2 has no key; it proves nothing between two programs that speak HTTP anyway.
        let mut key = [0; 16];
        key[..8].copy_from_slice(&core.random.next().to_ne_bytes());
        key[8..].copy_from_slice(&core.random.next().to_ne_bytes());
        let key = HeaderValue::try_from(base64(&key));
        headers.insert(
            header::SEC_WEBSOCKET_KEY,
            key.unwrap_or(HeaderValue::from_static("")),
        );
        headers
            .entry(header::SEC_WEBSOCKET_VERSION)
            .or_insert(HeaderValue::from_static("13"));
    }
}

fn start_of_tunnel(replica: &HeaderMap, kind: Kind) -> Response<EdgeBody> {
    let mut response = Response::new(EdgeBody::empty());
    let headers = response.headers_mut();
    for (name, value) in replica {
        if name.as_str().starts_with("sec-websocket-") {
            headers.append(name.clone(), value.clone());
        }
    }
    match kind {
        Kind::Upgrade => {
            headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
            headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
            *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        }
        Kind::Connect => {
            headers.remove(header::SEC_WEBSOCKET_ACCEPT);
        }
    }
    response
}

type Reader = ReadHalf<TokioIo<Upgraded>>;
type Writer = WriteHalf<TokioIo<Upgraded>>;

async fn carry(client: OnUpgrade, replica: OnUpgrade, in_flight: InFlight, ticket: Ticket) {
    // A client that goes away before the tunnel starts leaves nothing to carry.
    let (Ok(client), Ok(replica)) = (client.await, replica.await) else {
        return;
    };
    let (from_client, mut to_client) = split(TokioIo::new(client));
    let (mut from_replica, to_replica) = split(TokioIo::new(replica));
    let mut up = std::pin::pin!(pass(from_client, to_replica));
    let down = pass_until_farewell(&mut from_replica, &mut to_client, &ticket);
    let said_farewell = tokio::select! {
        () = &mut up => false,
        farewell = down => farewell,
    };
    if said_farewell {
        // The client's close frame still has to reach the replica, which ends the tunnel in good order.
        let _ = timeout(FAREWELL, up).await;
    }
    // The client may be gone already.
    let _ = to_client.shutdown().await;
    drop(in_flight);
}

async fn pass(mut from: Reader, mut to: Writer) {
    let mut buffer = vec![0; BUFFER];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        if to.write_all(&buffer[..count]).await.is_err() || to.flush().await.is_err() {
            return;
        }
    }
    // The replica may be gone already.
    let _ = to.shutdown().await;
}

/// Passes frames to the client until it is time to close, and then says so between two frames. Whether it did.
async fn pass_until_farewell<R, W>(from: &mut R, to: &mut W, ticket: &Ticket) -> bool
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let mut buffer = vec![0; BUFFER];
    let mut frames = Frames::default();
    loop {
        let at_border = frames.at_border();
        let farewell = async {
            ticket.farewell.wait().await;
            if !at_border {
                // The rest of the frame comes first, unless it does not come.
                tokio::time::sleep(FAREWELL).await;
            }
        };
        let read = tokio::select! {
            biased;
            () = farewell => break,
            read = from.read(&mut buffer) => read,
        };
        let Ok(count @ 1..) = read else {
            return false;
        };
        frames.see(&buffer[..count]);
        if to.write_all(&buffer[..count]).await.is_err() || to.flush().await.is_err() {
            return false;
        }
    }
    frames.at_border() && to.write_all(&GOING_AWAY).await.is_ok() && to.flush().await.is_ok()
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let group = chunk
            .iter()
            .fold(0_usize, |sum, byte| (sum << 8) | usize::from(*byte));
        let group = group << (8 * (3 - chunk.len()));
        for place in 0..4 {
            if place <= chunk.len() {
                out.push(char::from(ALPHABET[(group >> (18 - 6 * place)) & 63]));
            } else {
                out.push('=');
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_of_the_standard() {
        for (plain, coded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
        ] {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
    }
}
