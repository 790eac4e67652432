//! To a replica and back, by the retry rule:
//!
//! A request that never left may go to any other replica. One that may have arrived is sent once more, to another
//! replica, when its method is idempotent (GET, HEAD, or PUT and DELETE with a kept body) and no byte of an answer
//! went to the client; so that this also holds in mid-body, the first 64 KiB of such answers are held back.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;

use super::body::{EdgeBody, UpstreamBody};
use super::endpoint::Endpoint;
use super::exchange::Exchange;
use super::headers;
use super::patience::Patience;
use super::pool::Lease;
use super::problem::Problem;
use super::request_body::{Progress, RequestBody};
use super::route::{Route, Service};
use super::timers::Elapsed;
use super::upstream::{AttemptError, lease, send};

/// Bodies of PUT and DELETE that are kept, and what is held back of answers.
pub(crate) const KEPT: usize = 64 * 1024;
/// Replicas that may refuse a connection before the client is told: one more than can be dead at once in a rollout
/// with a surge of two.
const MAX_CONNECTS: usize = 4;

/// A request on its way.
struct Journey<'a> {
    exchange: &'a mut Exchange,
    route: &'a Route,
    service: &'a Service,
    tried: Vec<u64>,
    replayable: bool,
    /// Where to go once more although it was tried: its connection may only have been too old.
    again: Option<Arc<Endpoint>>,
    /// How often a connection was closed before the request was on it.
    unsent: usize,
}

/// Sends a request, whose head is already as the replica is to see it, and gives the answer.
pub(crate) async fn proxy(
    exchange: &mut Exchange,
    route: &Route,
    service: &Service,
    request: Request<Incoming>,
) -> Result<Response<EdgeBody>, Problem> {
    let (parts, incoming) = request.into_parts();
    let limit = route.body_bytes;
    let idempotent = matches!(
        parts.method,
        Method::GET | Method::HEAD | Method::PUT | Method::DELETE
    );
    let length = incoming.size_hint().exact();
    let keep = idempotent && length.is_some_and(|length| length <= KEPT as u64);
    let (kept, mut streamed) = if keep {
        (Some(collect(exchange, route, incoming).await?), None)
    } else {
        let core = &exchange.core;
        let stream = RequestBody::stream(incoming, limit, &core.timers, &exchange.client.watch);
        (None, Some(stream))
    };
    let mut journey = Journey {
        exchange,
        route,
        service,
        tried: Vec::new(),
        replayable: keep,
        again: None,
        unsent: 0,
    };
    let progress = streamed.as_ref().map(|(_, progress)| Rc::clone(progress));
    let mut head = Some(parts);
    let mut unsent = None;
    loop {
        let lease = journey.connect().await?;
        let request = match unsent.take() {
            Some(request) => request,
            None => match (head.as_ref().filter(|_| keep), &kept) {
                (Some(parts), Some(bytes)) => {
                    Request::from_parts(copy(parts), RequestBody::Kept(bytes.clone()))
                }
                _ => match (head.take(), streamed.take()) {
                    (Some(parts), Some((body, _))) => Request::from_parts(parts, body),
                    _ => return Err(bad_gateway()),
                },
            },
        };
        match journey.attempt(lease, request, progress.as_ref()).await {
            Ok(response) => return Ok(response),
            Err(Outcome::Unsent(request)) => unsent = Some(*request),
            Err(Outcome::Again) => {}
            Err(Outcome::Over(problem)) => return Err(problem),
        }
    }
}

enum Outcome {
    /// Nothing was sent; the request is back.
    Unsent(Box<Request<RequestBody>>),
    /// It may have been sent, and may be sent again.
    Again,
    /// The client is told.
    Over(Problem),
}

impl Journey<'_> {
    async fn connect(&mut self) -> Result<Lease, Problem> {
        let mut refused: Option<Arc<Endpoint>> = None;
        loop {
            let again = self.again.take();
            let fresh = again.is_some();
            let Some(endpoint) = again.or_else(|| self.pick()) else {
                return Err(self.nobody(refused.as_deref()));
            };
            self.exchange.endpoint = Some(Arc::clone(&endpoint));
            let to = (&endpoint, self.service.port.as_str());
            match lease(&self.exchange.core, to, fresh).await {
                Ok(lease) => return Ok(lease),
                Err(error) => {
                    endpoint.eject(format!("cannot connect: {error}"));
                    self.tried.push(endpoint.key);
                    if self.tried.len() >= MAX_CONNECTS {
                        return Err(self.nobody(Some(&endpoint)));
                    }
                    refused = Some(endpoint);
                }
            }
        }
    }

    fn pick(&self) -> Option<Arc<Endpoint>> {
        let random = &self.exchange.core.random;
        let replicas = &self.service.replicas;
        let point = self.exchange.point.map(|point| point.value);
        replicas.pick(&self.tried, random, point).map(Arc::clone)
    }

    /// There is no replica left to ask; the last one that refused a connection answers for it.
    fn nobody(&self, refused: Option<&Endpoint>) -> Problem {
        if let Some(endpoint) = refused {
            endpoint.tally.unreachable(self.exchange.core.id);
        }
        if self.tried.is_empty() {
            unavailable()
        } else {
            bad_gateway()
        }
    }

    /// The replica got the request and did not answer it.
    fn unanswered(&self) {
        if let Some(endpoint) = &self.exchange.endpoint {
            endpoint.tally.unanswered(self.exchange.core.id);
        }
    }

    async fn attempt(
        &mut self,
        mut lease: Lease,
        request: Request<RequestBody>,
        progress: Option<&Rc<Progress>>,
    ) -> Result<Response<EdgeBody>, Outcome> {
        let core = Rc::clone(&self.exchange.core);
        let timeout = self.route.timeout;
        let sent = Instant::now();
        if let Some(endpoint) = &self.exchange.endpoint {
            endpoint.tally.sent(core.id, core.shared.unix_ms(sent));
        }
        match send(&core, &mut lease, request, progress, timeout).await {
            Ok(response) => self.receive(lease, response, sent).await,
            Err(AttemptError::Unsent(request)) => {
                self.unsent += 1;
                if self.unsent >= MAX_CONNECTS {
                    return Err(Outcome::Over(bad_gateway()));
                }
                self.again.clone_from(&self.exchange.endpoint);
                Err(Outcome::Unsent(request))
            }
            Err(AttemptError::Lost { reused }) => {
                if progress.is_some_and(|progress| progress.too_long.get()) {
                    return Err(Outcome::Over(too_large()));
                }
                if progress.is_some_and(|progress| progress.too_slow.get()) {
                    return Err(Outcome::Over(too_slow()));
                }
                if progress.is_some_and(|progress| progress.broken.get()) {
                    return Err(Outcome::Over(broken_off()));
                }
                Err(self.lost(reused))
            }
            Err(AttemptError::Late) => {
                self.unanswered();
                Err(Outcome::Over(late()))
            }
        }
    }

    /// A request may have arrived at a replica that is gone.
    fn lost(&mut self, reused: bool) -> Outcome {
        self.unanswered();
        if !self.replayable || self.exchange.retries > 0 {
            return Outcome::Over(bad_gateway());
        }
        if let Some(endpoint) = &self.exchange.endpoint {
            endpoint.probe_now.notify_one();
            self.tried.push(endpoint.key);
            if reused && !self.service.replicas.has_other_than(&self.tried) {
                self.again = Some(Arc::clone(endpoint));
            }
        }
        self.exchange.retries += 1;
        self.route.stats.retried(self.exchange.core.id);
        Outcome::Again
    }

    async fn receive(
        &mut self,
        lease: Lease,
        response: Response<Incoming>,
        sent: Instant,
    ) -> Result<Response<EdgeBody>, Outcome> {
        let (mut parts, incoming) = response.into_parts();
        let stream = self.route.stream || is_event_stream(&parts.headers);
        headers::strip_response(&mut parts.headers);
        let core = &self.exchange.core;
        let mut body = UpstreamBody {
            held: VecDeque::new(),
            rest: Some(incoming),
            lease,
            ticket: None,
            pause: None,
        };
        if stream {
            let key = body.lease.in_flight.as_mut().map(|in_flight| {
                in_flight.becomes_socket();
                in_flight.endpoint().key
            });
            body.ticket = Some(core.sockets.enter(key.unwrap_or(0)));
        } else if self.replayable
            && let Err(BrokenOff) = hold_back(self.exchange, self.route.timeout, &mut body).await
        {
            let reused = body.lease.reused;
            return Err(self.lost(reused));
        }
        if let Some(endpoint) = &self.exchange.endpoint {
            let micros = u64::try_from(sent.elapsed().as_micros()).unwrap_or(u64::MAX);
            let status = parts.status.as_u16();
            endpoint
                .tally
                .answered(self.exchange.core.id, status, micros);
        }
        let body = if body.rest.is_none() && body.held.len() <= 1 {
            EdgeBody::Full(body.held.pop_front())
        } else {
            if !stream {
                let pause = self.route.timeout;
                body.pause = Some((self.exchange.core.timers.start(pause), pause));
            }
            EdgeBody::Upstream(Box::new(body))
        };
        Ok(Response::from_parts(parts, body))
    }
}

/// A replica stopped in mid-body.
struct BrokenOff;

/// Collects up to 64 KiB of an answer's body, or all of it.
async fn hold_back(
    exchange: &Exchange,
    pause: Duration,
    body: &mut UpstreamBody,
) -> Result<(), BrokenOff> {
    let Some(rest) = &mut body.rest else {
        return Ok(());
    };
    let timers = &exchange.core.timers;
    let mut size = 0;
    while size < KEPT && !rest.is_end_stream() {
        let start = timers.now();
        match timers.within(pause, || start, rest.frame()).await {
            Ok(None) => break,
            Ok(Some(Ok(frame))) => {
                if let Ok(data) = frame.into_data() {
                    size += data.len();
                    body.held.push_back(data);
                }
            }
            Ok(Some(Err(_))) | Err(_) => {
                body.lease.failed();
                return Err(BrokenOff);
            }
        }
    }
    if rest.is_end_stream() || size < KEPT {
        body.rest = None;
        body.lease.finished();
    }
    Ok(())
}

async fn collect(
    exchange: &Exchange,
    route: &Route,
    mut incoming: Incoming,
) -> Result<Option<Bytes>, Problem> {
    if incoming.is_end_stream() {
        return Ok(None);
    }
    let watch = &exchange.client.watch;
    let mut patience = Patience::new(&exchange.core.timers);
    let mut kept = Vec::new();
    watch.set_in_body(true);
    loop {
        let next = poll_fn(
            |context| match Pin::new(&mut incoming).poll_frame(context) {
                Poll::Ready(next) => Poll::Ready(Ok(next)),
                Poll::Pending => patience.poll_wait(context).map(Err),
            },
        );
        let Some(frame) = next.await.map_err(|Elapsed| too_slow())? else {
            break;
        };
        if let Ok(data) = frame.map_err(|_| broken_off())?.into_data() {
            patience.received(data.len());
            if (kept.len() + data.len()) as u64 > route.body_bytes {
                return Err(too_large());
            }
            kept.extend_from_slice(&data);
        }
    }
    watch.set_in_body(false);
    Ok(Some(Bytes::from(kept)))
}

/// A head that can be sent again. Extensions are of no interest to a replica.
fn copy(parts: &Parts) -> Parts {
    let (mut copy, ()) = Request::new(()).into_parts();
    copy.method = parts.method.clone();
    copy.uri = parts.uri.clone();
    copy.headers = parts.headers.clone();
    copy
}

fn is_event_stream(headers: &HeaderMap) -> bool {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .map(http::HeaderValue::as_bytes);
    kind.is_some_and(|kind| {
        let kind = kind.split(|byte| *byte == b';').next().unwrap_or(kind);
        kind.trim_ascii().eq_ignore_ascii_case(b"text/event-stream")
    })
}

/// The answer when a body is longer than its route allows.
pub(crate) fn too_large() -> Problem {
    Problem::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "the body exceeds this route's limit",
    )
    .closing()
}

fn too_slow() -> Problem {
    let detail = "the request's body came too slowly";
    Problem::new(StatusCode::REQUEST_TIMEOUT, detail).closing()
}

fn broken_off() -> Problem {
    let detail = "the request's body was broken off";
    Problem::new(StatusCode::BAD_REQUEST, detail).closing()
}

/// The answer when a service has no replica that takes traffic.
pub(crate) fn unavailable() -> Problem {
    let detail = "no replica of the service is ready";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).retry_after(1)
}

/// The answer when a replica failed the request.
pub(crate) fn bad_gateway() -> Problem {
    Problem::new(StatusCode::BAD_GATEWAY, "the replica did not answer")
}

fn late() -> Problem {
    Problem::new(
        StatusCode::GATEWAY_TIMEOUT,
        "the replica did not answer in time",
    )
}
