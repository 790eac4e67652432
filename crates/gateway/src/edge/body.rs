//! Bodies of answers.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use plimsoll_files::Content;

use super::pool::Lease;
use super::sockets::{Sockets, Ticket};
use super::timers::Timer;

/// The body of an answer.
pub(crate) enum EdgeBody {
    /// All of it, or nothing.
    Full(Option<Bytes>),
    /// What a replica sends.
    Upstream(Box<UpstreamBody>),
    /// What something else produces.
    Boxed(Pin<Box<dyn Body<Data = Bytes, Error = io::Error>>>),
}

impl EdgeBody {
    /// No bytes.
    pub(crate) fn empty() -> Self {
        Self::Full(None)
    }

    /// These bytes.
    pub(crate) fn full(bytes: Bytes) -> Self {
        Self::Full((!bytes.is_empty()).then_some(bytes))
    }

    /// A body of another kind.
    pub(crate) fn boxed(body: impl Body<Data = Bytes, Error = io::Error> + 'static) -> Self {
        Self::Boxed(Box::pin(body))
    }
}

impl From<Content> for EdgeBody {
    fn from(content: Content) -> Self {
        match content {
            Content::Empty => Self::empty(),
            Content::Bytes(bytes) => Self::full(bytes),
            Content::File(body) => Self::boxed(body),
        }
    }
}

impl std::fmt::Debug for EdgeBody {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = match self {
            Self::Full(_) => "Full",
            Self::Upstream(_) => "Upstream",
            Self::Boxed(_) => "Boxed",
        };
        formatter.write_str(kind)
    }
}

impl Body for EdgeBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match self.get_mut() {
            Self::Full(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Upstream(body) => Pin::new(body.as_mut()).poll_frame(context),
            Self::Boxed(body) => body.as_mut().poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Full(bytes) => bytes.is_none(),
            Self::Upstream(body) => body.is_end_stream(),
            Self::Boxed(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Full(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            Self::Upstream(body) => body.size_hint(),
            Self::Boxed(body) => body.size_hint(),
        }
    }
}

/// What a replica sends: first what was held back of it, then the rest as it comes. Trailers are dropped.
pub(crate) struct UpstreamBody {
    /// Frames that were held back until it was sure that no other replica must be asked.
    pub(crate) held: VecDeque<Bytes>,
    /// What has not come yet.
    pub(crate) rest: Option<Incoming>,
    /// The connection, and the request's place in the replica's count.
    pub(crate) lease: Lease,
    /// The place among the sockets, for event streams.
    pub(crate) ticket: Option<Ticket>,
    /// How long the replica may pause; no bound for event streams.
    pub(crate) pause: Option<(Timer, Duration)>,
}

impl UpstreamBody {
    /// A body that comes over `lease`, of which something is there already.
    pub(crate) fn new(held: VecDeque<Bytes>, rest: Option<Incoming>, lease: Lease) -> Self {
        Self {
            held,
            rest,
            lease,
            ticket: None,
            pause: None,
        }
    }

    /// It is a stream of events: it ends by the budget for sockets.
    pub(crate) fn becomes_socket(&mut self, sockets: &Rc<Sockets>) {
        let replica = self.lease.in_flight.as_mut().map(|in_flight| {
            in_flight.becomes_socket();
            let endpoint = in_flight.endpoint();
            (endpoint.key, endpoint.is_draining())
        });
        let (key, leaving) = replica.unwrap_or_default();
        self.ticket = Some(sockets.enter(key, leaving));
    }

    fn poll_rest(&mut self, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let Some(rest) = &mut self.rest else {
            return Poll::Ready(None);
        };
        loop {
            match Pin::new(&mut *rest).poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => {
                    let Ok(data) = frame.into_data() else {
                        continue;
                    };
                    if let Some((timer, pause)) = &mut self.pause {
                        timer.restart(*pause);
                    }
                    return Poll::Ready(Some(Ok(Frame::data(data))));
                }
                Poll::Ready(Some(Err(error))) => {
                    self.lease.broken_off();
                    return Poll::Ready(Some(Err(io::Error::other(error))));
                }
                Poll::Ready(None) => {
                    self.rest = None;
                    self.lease.finished();
                    return Poll::Ready(None);
                }
                Poll::Pending => return self.poll_pause(context),
            }
        }
    }

    fn poll_pause(&mut self, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if let Some(ticket) = &self.ticket
            && ticket.farewell.poll(context).is_ready()
        {
            // The stream ends as if the replica had ended it, and the browser asks again.
            self.rest = None;
            return Poll::Ready(None);
        }
        if let Some((timer, _)) = &mut self.pause
            && timer.poll(context).is_ready()
        {
            self.lease.broken_off();
            let error = io::Error::new(io::ErrorKind::TimedOut, "the replica stopped in mid-body");
            return Poll::Ready(Some(Err(error)));
        }
        Poll::Pending
    }
}

impl Body for UpstreamBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match self.held.pop_front() {
            Some(bytes) => Poll::Ready(Some(Ok(Frame::data(bytes)))),
            None => self.poll_rest(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.held.is_empty() && self.rest.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let held: u64 = self.held.iter().map(|bytes| bytes.len() as u64).sum();
        let rest = self
            .rest
            .as_ref()
            .map_or_else(|| SizeHint::with_exact(0), Body::size_hint);
        match rest.exact() {
            Some(rest) => SizeHint::with_exact(rest + held),
            None => SizeHint::default(),
        }
    }
}

impl Drop for UpstreamBody {
    fn drop(&mut self) {
        // hyper does not poll a body of known length to its `None`.
        if self.rest.as_ref().is_some_and(Body::is_end_stream) {
            self.lease.finished();
        }
    }
}
