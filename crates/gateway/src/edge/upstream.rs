//! One attempt: a connection to one replica, the request, the answer's head.

use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;

use super::core::Core;
use super::dial::dial;
use super::endpoint::Endpoint;
use super::pool::{Lease, Sender, Sent};
use super::request_body::RequestBody;
use super::timers::Elapsed;
use crate::snapshot::pool_key;

/// Time for opening a connection. On this machine it takes microseconds; a full accept queue answers after its
/// retransmission, which is a second.
pub(crate) const CONNECT: Duration = Duration::from_secs(2);
/// A head of an answer that is longer is an error of the replica.
const MAX_HEAD: usize = 64 * 1024;
/// As the server's side.
const BUFFER: usize = 64 * 1024;

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum AttemptError {
    /// The connection was closed before the request was written; here it is back.
    Unsent(Box<Request<RequestBody>>),
    /// The connection broke after it was (perhaps) written. `reused` connections may just have been too old.
    Lost {
        /// Whether the connection served a request before.
        reused: bool,
    },
    /// No head in time.
    Late,
}

/// A connection: an idle one unless `fresh`, or a new one.
pub(crate) async fn lease(
    core: &Rc<Core>,
    (endpoint, port): (&Arc<Endpoint>, &str),
    fresh: bool,
) -> io::Result<Lease> {
    // Counted before it is connected, or a drain would take the replica for idle.
    let in_flight = endpoint.begin();
    let place = endpoint.ports.keys().position(|name| name == port);
    let key = pool_key(endpoint.key, place.unwrap_or(0) as u64);
    let idle = if fresh {
        None
    } else {
        core.pools.take(key).await
    };
    let reused = idle.is_some();
    let sender = match idle {
        Some(sender) => sender,
        // Rare, and boxed, or every request would carry its room.
        None => Box::pin(connect(core, endpoint, port)).await?,
    };
    Ok(Lease {
        pools: Rc::clone(&core.pools),
        core: core.id,
        key,
        sender: Some(sender),
        reused,
        progress: None,
        in_flight: Some(in_flight),
    })
}

async fn connect(core: &Rc<Core>, endpoint: &Endpoint, port: &str) -> io::Result<Sender> {
    let address = endpoint.ports.get(port);
    let address = address.ok_or_else(|| io::Error::other("the replica has no such port"))?;
    let start = core.timers.now();
    let dialling = dial(address, endpoint.peer.as_ref());
    let opened = core.timers.within(CONNECT, || start, dialling).await;
    let stream = opened.unwrap_or_else(|Elapsed| Err(io::ErrorKind::TimedOut.into()))?;
    let handshake = builder().handshake(TokioIo::new(stream)).await;
    let (sender, connection) = handshake.map_err(io::Error::other)?;
    // The task ends with its connection; what went wrong on it is told to the request that was on it.
    tokio::task::spawn_local(async move {
        let _ = connection.await;
    });
    Ok(sender)
}

/// The client's settings.
pub(crate) fn builder() -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder.max_buf_size(BUFFER).max_header_size(MAX_HEAD);
    builder
}

/// What came of a request that a lease sent, as far as its answer's head.
pub(crate) fn settle(
    answered: Result<Sent, Elapsed>,
    lease: &mut Lease,
) -> Result<Response<Incoming>, AttemptError> {
    match answered {
        Ok(Ok(response)) => Ok(response),
        Ok(Err(mut error)) => {
            lease.failed();
            Err(match error.take_message() {
                Some(request) => AttemptError::Unsent(Box::new(request)),
                None => AttemptError::Lost {
                    reused: lease.reused,
                },
            })
        }
        Err(Elapsed) => {
            lease.failed();
            Err(AttemptError::Late)
        }
    }
}
