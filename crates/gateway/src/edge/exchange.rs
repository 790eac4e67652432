//! One request and its answer: what must be remembered until the last byte is sent, and then counted and logged.

use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, Method, Response, StatusCode, Uri, Version, header};
use http_body::{Body, Frame, SizeHint};

use super::body::EdgeBody;
use super::core::Core;
use super::endpoint::Endpoint;
use super::headers::{self, TRACEPARENT, X_REQUEST_ID};
use super::route::Route;
use super::sticky::{self, Point};
use super::watch::Watch;
use crate::access_log::Line;

/// The client's side of a connection.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) peer: IpAddr,
    /// The peer's address as a header value, made once per connection.
    pub(crate) peer_value: HeaderValue,
    pub(crate) tls: bool,
    pub(crate) watch: Arc<Watch>,
}

/// One request and its answer.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) core: Rc<Core>,
    pub(crate) client: Rc<Client>,
    pub(crate) started: Instant,
    pub(crate) request_id: HeaderValue,
    pub(crate) method: Method,
    pub(crate) address: IpAddr,
    pub(crate) route: Option<Arc<Route>>,
    pub(crate) endpoint: Option<Arc<Endpoint>>,
    pub(crate) cors_origin: Option<HeaderValue>,
    pub(crate) retries: u32,
    /// The client's place in a change, where it keeps it.
    pub(crate) point: Option<Point>,
    uri: Uri,
    host: Option<HeaderValue>,
    version: Version,
    status: u16,
    bytes: u64,
    complete: bool,
    bare_end: bool,
}

impl Exchange {
    /// A request has come. In a box, because it goes into the answer's body at the end.
    pub(crate) fn begin(core: &Rc<Core>, client: &Rc<Client>, parts: &Parts) -> Box<Self> {
        client.watch.begin();
        core.in_flight.set(core.in_flight.get() + 1);
        let request_id = parts
            .headers
            .get(X_REQUEST_ID)
            .filter(|value| headers::is_request_id(value))
            .cloned()
            .unwrap_or_else(|| new_request_id(core));
        Box::new(Self {
            core: Rc::clone(core),
            client: Rc::clone(client),
            started: Instant::now(),
            request_id,
            method: parts.method.clone(),
            address: client.peer,
            route: None,
            endpoint: None,
            cors_origin: None,
            retries: 0,
            point: None,
            uri: parts.uri.clone(),
            host: parts.headers.get(header::HOST).cloned(),
            version: parts.version,
            status: 0,
            bytes: 0,
            complete: false,
            bare_end: client.watch.has_bare_end(),
        })
    }

    /// Sets what every answer carries, and gives the answer this exchange's end to keep.
    pub(crate) fn finish(mut self: Box<Self>, response: Response<EdgeBody>) -> Response<Tracked> {
        let (mut parts, body) = response.into_parts();
        self.status = parts.status.as_u16();
        // The replica's version is no matter of the client's connection.
        parts.version = Version::HTTP_11;
        let snapshot;
        let fixed = if let Some(route) = &self.route {
            &route.headers
        } else {
            snapshot = self.core.snapshot();
            &snapshot.headers
        };
        let fixed = fixed.on(self.core.id, self.client.tls);
        parts.headers.reserve(fixed.len() + 4);
        for (name, value) in fixed {
            parts.headers.insert(name, value.clone());
        }
        parts.headers.insert(X_REQUEST_ID, self.request_id.clone());
        if let Some(point) = self.point.filter(|point| point.is_new)
            && let Some(cookie) = sticky::cookie(point.value, self.client.tls)
        {
            parts.headers.append(header::SET_COOKIE, cookie);
        }
        if let Some(route) = &self.route {
            if let Some(cors) = &route.cors {
                cors.set(self.cors_origin.as_ref(), &mut parts.headers);
            }
            let cache = route
                .cache_control
                .as_ref()
                .filter(|_| parts.status.is_success());
            if let Some(cache) = cache {
                parts.headers.insert(header::CACHE_CONTROL, cache.clone());
            }
        }
        if self.core.is_draining() && parts.status != StatusCode::SWITCHING_PROTOCOLS {
            // The next request belongs on another connection; HTTP/2 says so in its own way.
            if self.version != Version::HTTP_2 {
                let close = HeaderValue::from_static("close");
                parts.headers.insert(header::CONNECTION, close);
            }
        }
        let exchange = self;
        Response::from_parts(parts, Tracked { body, exchange })
    }

    /// Counts what the cache did.
    pub(crate) fn count_cache(&self, is_hit: bool) {
        if let Some(route) = &self.route {
            route.stats.cache(self.core.id, is_hit);
        }
    }

    fn count_and_log(&self) {
        let elapsed = self.started.elapsed();
        let micros = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX);
        let stats = match &self.route {
            Some(route) => route.stats.as_ref(),
            None => &self.core.shared.unrouted,
        };
        stats.answer(self.core.id, self.status, micros, self.bytes);
        let client;
        let client = if self.address == self.client.peer {
            self.client.peer_value.as_bytes()
        } else {
            client = self.address.to_string();
            client.as_bytes()
        };
        let host = match (self.uri.authority(), &self.host) {
            (Some(authority), _) => authority.as_str().as_bytes(),
            (None, Some(host)) => host.as_bytes(),
            (None, None) => b"",
        };
        self.core.log.push(&Line {
            unix_ms: self.core.shared.unix_ms(self.started),
            request_id: self.request_id.as_bytes(),
            client,
            protocol: if self.version == Version::HTTP_2 {
                "h2"
            } else {
                "http/1.1"
            },
            tls: self.client.tls,
            method: self.method.as_str(),
            host,
            path: self.uri.path(),
            status: self.status,
            bytes: self.bytes,
            micros,
            route: self.route.as_ref().map_or("", |route| &route.name),
            endpoint: self.endpoint.as_ref().map_or("", |endpoint| &endpoint.id),
            retries: self.retries,
            complete: self.complete,
            bare_end: self.bare_end,
        });
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.client.watch.end();
        if self.status == 0 && self.version == Version::HTTP_2 {
            self.client.watch.abandoned();
        }
        self.core
            .in_flight
            .set(self.core.in_flight.get().saturating_sub(1));
        self.count_and_log();
    }
}

fn new_request_id(core: &Core) -> HeaderValue {
    core.values.cut(&core.random.hex_id())
}

/// A trace context for a request that came without one; not sampled, because nobody asked for it.
pub(crate) fn set_traceparent(core: &Core, headers: &mut http::HeaderMap) {
    if headers
        .get(TRACEPARENT)
        .is_some_and(headers::is_traceparent)
    {
        return;
    }
    let mut value = [b'0'; 55];
    value[2] = b'-';
    value[3..35].copy_from_slice(&core.random.hex_id());
    value[35] = b'-';
    value[36..52].copy_from_slice(&core.random.hex_half());
    value[52] = b'-';
    headers.remove("tracestate");
    headers.insert(TRACEPARENT, core.values.cut(&value));
}

/// A body that is counted on its way out and keeps its exchange until its end.
#[derive(Debug)]
pub(crate) struct Tracked {
    body: EdgeBody,
    exchange: Box<Exchange>,
}

impl Body for Tracked {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let tracked = self.get_mut();
        let polled = Pin::new(&mut tracked.body).poll_frame(context);
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(data) = frame.data_ref()
        {
            tracked.exchange.bytes += data.len() as u64;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Tracked {
    fn drop(&mut self) {
        self.exchange.complete = self.body.is_end_stream();
    }
}
