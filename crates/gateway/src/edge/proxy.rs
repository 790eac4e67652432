//! To a replica and back, by the retry rule:
//!
//! A request that never left may go to any other replica. One that may have arrived is sent once more, to another
//! replica, when its method is idempotent (GET, HEAD, or PUT and DELETE with a kept body) and no byte of an answer
//! went to the client; so that this also holds in mid-body, the first 64 KiB of such answers are held back.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::response::Parts;
use http::{HeaderMap, Response, StatusCode, header};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;

use super::asked::Asked;
use super::body::{EdgeBody, UpstreamBody};
use super::core::Core;
use super::endpoint::Endpoint;
use super::exchange::Exchange;
use super::headers;
use super::outgoing::Outgoing;
use super::patience::Patience;
use super::pool::Lease;
use super::problem::Problem;
use super::request_body::RequestBody;
use super::route::{Route, Service};
use super::timers::Elapsed;
use super::upstream::{AttemptError, lease, settle};

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
    request: Box<Outgoing>,
    tried: Vec<u64>,
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
    mut asked: Box<Asked>,
) -> Result<Response<EdgeBody>, Problem> {
    let length = asked.body.size_hint().exact();
    let request = if asked.is_idempotent() && length.is_some_and(|length| length <= KEPT as u64) {
        let kept = collect(exchange, route, &mut asked.body).await?;
        Outgoing::kept(asked.head, kept)
    } else {
        stream(exchange, route, asked)
    };
    let mut journey = Journey {
        exchange,
        route,
        service,
        request,
        tried: Vec::new(),
        again: None,
        unsent: 0,
    };
    loop {
        let mut lease = journey.connect().await?;
        match journey.attempt(&mut lease).await {
            Ok(answer) => return Ok(journey.finish(answer, lease)),
            Err(Outcome::Again) => {}
            Err(Outcome::Over(problem)) => return Err(problem),
        }
    }
}

fn stream(exchange: &Exchange, route: &Route, asked: Box<Asked>) -> Box<Outgoing> {
    let Asked { head, body } = *asked;
    let (timers, watch) = (&exchange.core.timers, &exchange.client.watch);
    let (body, progress) = RequestBody::stream(body, route.body_bytes, timers, watch);
    Outgoing::streamed(head, body, progress)
}

/// What a replica answered.
struct Answer {
    head: Parts,
    /// What was held back of its body.
    frames: VecDeque<Bytes>,
    /// What has not come yet.
    rest: Option<Incoming>,
    /// Whether it is a stream of events.
    is_stream: bool,
}

enum Outcome {
    /// It was not sent, or may have been and may be sent again.
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
            let endpoint = self.exchange.endpoint.insert(endpoint);
            let to = (&*endpoint, self.service.port.as_str());
            match lease(&self.exchange.core, to, fresh).await {
                Ok(lease) => return Ok(lease),
                Err(error) => {
                    endpoint.eject(format!("cannot connect: {error}"));
                    self.tried.push(endpoint.key);
                    let endpoint = Arc::clone(endpoint);
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

    /// Sends the request and brings the answer, with all of a short body.
    async fn attempt(&mut self, lease: &mut Lease) -> Result<Answer, Outcome> {
        let sent = Instant::now();
        if let Some(endpoint) = &self.exchange.endpoint {
            let core = &self.exchange.core;
            endpoint.tally.sent(core.id, core.shared.unix_ms(sent));
        }
        let response = self.ask(lease).await?;
        let (mut head, incoming) = response.into_parts();
        let is_stream = self.route.stream || is_event_stream(&head.headers);
        headers::strip_response(&mut head.headers);
        let (mut frames, mut rest) = (VecDeque::new(), Some(incoming));
        if !is_stream && self.request.is_replayable() {
            let (core, pause) = (&self.exchange.core, self.route.timeout);
            if let Err(BrokenOff) = hold_back(core, pause, &mut frames, &mut rest).await {
                lease.failed();
                return Err(self.lost(lease.reused));
            }
        }
        if let Some(endpoint) = &self.exchange.endpoint {
            let micros = u64::try_from(sent.elapsed().as_micros()).unwrap_or(u64::MAX);
            let core = self.exchange.core.id;
            endpoint.tally.answered(core, head.status.as_u16(), micros);
        }
        Ok(Answer {
            head,
            frames,
            rest,
            is_stream,
        })
    }

    /// Sends the request and waits for the answer's head.
    async fn ask(&mut self, lease: &mut Lease) -> Result<Response<Incoming>, Outcome> {
        let progress = self.request.progress().cloned();
        let Some(request) = self.request.next() else {
            return Err(Outcome::Over(bad_gateway()));
        };
        // Pinned where it is made, and lent from here on: each hand that it went through would have room for the whole
        // request.
        let answer = pin!(lease.send(request, progress.clone()));
        let Some(answer) = answer.as_pin_mut() else {
            return Err(Outcome::Over(bad_gateway()));
        };
        let timers = &self.exchange.core.timers;
        let start = timers.now();
        let last = || {
            let last = progress.as_ref().map(|progress| progress.last.get());
            last.map_or(start, |last| last.max(start))
        };
        let answered = timers.within(self.route.timeout, last, answer).await;
        settle(answered, lease).map_err(|error| self.failed(error))
    }

    /// The answer as the client gets it: all of its body where it is there, what comes otherwise.
    fn finish(&self, answer: Answer, mut lease: Lease) -> Response<EdgeBody> {
        let core = &self.exchange.core;
        let Answer {
            head,
            mut frames,
            rest,
            is_stream,
        } = answer;
        if rest.is_none() {
            lease.finished();
            if frames.len() <= 1 {
                return Response::from_parts(head, EdgeBody::Full(frames.pop_front()));
            }
        }
        let mut body = UpstreamBody::new(frames, rest, lease);
        if is_stream {
            body.becomes_socket(&core.sockets);
        } else {
            let pause = self.route.timeout;
            body.pause = Some((core.timers.start(pause), pause));
        }
        Response::from_parts(head, EdgeBody::Upstream(Box::new(body)))
    }

    fn failed(&mut self, error: AttemptError) -> Outcome {
        match error {
            AttemptError::Unsent(request) => {
                self.unsent += 1;
                if self.unsent >= MAX_CONNECTS {
                    return Outcome::Over(bad_gateway());
                }
                self.again.clone_from(&self.exchange.endpoint);
                self.request.give_back(*request);
                Outcome::Again
            }
            AttemptError::Lost { reused } => match self.request.progress() {
                Some(progress) if progress.too_long.get() => Outcome::Over(too_large()),
                Some(progress) if progress.too_slow.get() => Outcome::Over(too_slow()),
                Some(progress) if progress.broken.get() => Outcome::Over(broken_off()),
                Some(_) | None => self.lost(reused),
            },
            AttemptError::Late => {
                self.unanswered();
                Outcome::Over(late())
            }
        }
    }

    /// A request may have arrived at a replica that is gone.
    fn lost(&mut self, reused: bool) -> Outcome {
        self.unanswered();
        if !self.request.is_replayable() || self.exchange.retries > 0 {
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
}

/// A replica stopped in mid-body.
struct BrokenOff;

/// Collects up to 64 KiB of an answer's body, or all of it; then there is no `rest`.
async fn hold_back(
    core: &Core,
    pause: Duration,
    frames: &mut VecDeque<Bytes>,
    rest: &mut Option<Incoming>,
) -> Result<(), BrokenOff> {
    let Some(body) = rest else {
        return Ok(());
    };
    let timers = &core.timers;
    let mut size = 0;
    while size < KEPT && !body.is_end_stream() {
        let start = timers.now();
        match timers.within(pause, || start, body.frame()).await {
            Ok(None) => break,
            Ok(Some(Ok(frame))) => {
                if let Ok(data) = frame.into_data() {
                    size += data.len();
                    frames.push_back(data);
                }
            }
            Ok(Some(Err(_))) | Err(_) => return Err(BrokenOff),
        }
    }
    if body.is_end_stream() || size < KEPT {
        *rest = None;
    }
    Ok(())
}

async fn collect(
    exchange: &Exchange,
    route: &Route,
    incoming: &mut Incoming,
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
            |context| match Pin::new(&mut *incoming).poll_frame(context) {
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
