//! Bodies of requests on their way to a replica.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::patience::Patience;
use super::timers::Timers;
use super::watch::Watch;

/// A request's body.
#[derive(Debug)]
pub(crate) enum RequestBody {
    /// Kept, so that it can be sent again.
    Kept(Option<Bytes>),
    /// Passed on as it comes.
    Stream(Box<Stream>),
}

/// A body that is passed on as it comes, cut off at its limit. Trailers are dropped: the replica would have to
/// trust them like headers, and nobody has checked them.
#[derive(Debug)]
pub(crate) struct Stream {
    incoming: Incoming,
    left: u64,
    progress: Rc<Progress>,
    timers: Rc<Timers>,
    patience: Patience,
    watch: Arc<Watch>,
}

/// How far a body has come, for whoever waits for the answer.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// Tick of the last bytes, or of the end.
    pub(crate) last: Cell<u32>,
    /// Whether all of it was read.
    pub(crate) done: Cell<bool>,
    /// Whether it was longer than its limit.
    pub(crate) too_long: Cell<bool>,
    /// Whether the client was too slow with it.
    pub(crate) too_slow: Cell<bool>,
    /// Whether the client broke it off.
    pub(crate) broken: Cell<bool>,
}

impl RequestBody {
    /// No body.
    pub(crate) fn empty() -> Self {
        Self::Kept(None)
    }

    /// A body that may have at most `limit` bytes.
    pub(crate) fn stream(
        incoming: Incoming,
        limit: u64,
        timers: &Rc<Timers>,
        watch: &Arc<Watch>,
    ) -> (Self, Rc<Progress>) {
        let progress = Rc::new(Progress::default());
        progress.last.set(timers.now());
        let stream = Stream {
            incoming,
            left: limit,
            progress: Rc::clone(&progress),
            timers: Rc::clone(timers),
            patience: Patience::new(timers),
            watch: Arc::clone(watch),
        };
        (Self::Stream(Box::new(stream)), progress)
    }
}

impl Stream {
    fn poll_data(&mut self, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        loop {
            let Poll::Ready(next) = Pin::new(&mut self.incoming).poll_frame(context) else {
                self.watch.set_in_body(true);
                return self.patience.poll_wait(context).map(|_| {
                    self.progress.too_slow.set(true);
                    Some(Err(io::ErrorKind::TimedOut.into()))
                });
            };
            self.progress.last.set(self.timers.now());
            let Some(frame) = next else {
                self.finish();
                return Poll::Ready(None);
            };
            let frame = match frame {
                Ok(frame) => frame,
                Err(error) => {
                    self.progress.broken.set(true);
                    return Poll::Ready(Some(Err(io::Error::other(error))));
                }
            };
            let Ok(data) = frame.into_data() else {
                continue;
            };
            self.patience.received(data.len());
            let Some(left) = self.left.checked_sub(data.len() as u64) else {
                self.progress.too_long.set(true);
                return Poll::Ready(Some(Err(io::Error::other("the body exceeds its limit"))));
            };
            self.left = left;
            if self.incoming.is_end_stream() {
                self.finish();
            }
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
    }

    fn finish(&self) {
        self.watch.set_in_body(false);
        self.progress.done.set(true);
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.watch.set_in_body(false);
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match self.get_mut() {
            Self::Kept(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Stream(stream) => stream.poll_data(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Kept(bytes) => bytes.is_none(),
            Self::Stream(stream) => stream.incoming.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Kept(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            Self::Stream(stream) => stream.incoming.size_hint(),
        }
    }
}
