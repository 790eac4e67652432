//! A body on its way to a client, and into the store once it is complete.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::super::body::EdgeBody;
use super::store::MAX_BODY;

/// Called with a body that is complete.
type Keep = Box<dyn FnOnce(Bytes)>;

/// Passes `body` on, and gives it to `keep` when all of it has come. Dropped before that, or longer than what is kept,
/// it drops `keep` uncalled.
pub(super) struct Tee {
    body: EdgeBody,
    seen: Vec<u8>,
    keep: Option<Keep>,
}

impl Tee {
    /// A body of which a copy is kept.
    pub(super) fn of(body: EdgeBody, keep: Keep) -> EdgeBody {
        match body {
            EdgeBody::Full(bytes) => {
                let all = bytes.clone().unwrap_or_default();
                if all.len() <= MAX_BODY {
                    keep(all);
                }
                EdgeBody::Full(bytes)
            }
            EdgeBody::Upstream(_) | EdgeBody::Boxed(_) => EdgeBody::boxed(Self {
                body,
                seen: Vec::new(),
                keep: Some(keep),
            }),
        }
    }

    fn see(&mut self, data: &Bytes) {
        if self.keep.is_none() {
            return;
        }
        if self.seen.len() + data.len() > MAX_BODY {
            self.seen = Vec::new();
            self.keep = None;
        } else {
            self.seen.extend_from_slice(data);
        }
    }

    fn finish(&mut self) {
        if let Some(keep) = self.keep.take() {
            keep(Bytes::from(std::mem::take(&mut self.seen)));
        }
    }
}

impl Body for Tee {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(data) = frame.data_ref() {
                    self.see(data);
                }
                // A body of known length is not polled to its `None`.
                if self.body.is_end_stream() {
                    self.finish();
                }
            }
            Poll::Ready(None) => self.finish(),
            Poll::Ready(Some(Err(_))) => self.keep = None,
            Poll::Pending => {}
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
