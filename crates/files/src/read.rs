//! A file as a body: read in pieces by a thread of the blocking pool, never by the core's loop.

use std::fs::File;
use std::future::Future as _;
use std::io;
use std::os::unix::fs::FileExt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::task::{JoinHandle, spawn_blocking};

/// One piece: large enough that the thread hop is noise, small enough that a slow client costs little memory.
const PIECE: u64 = 128 * 1024;

/// A span of a file.
#[derive(Debug)]
pub struct FileBody {
    file: Arc<File>,
    next: u64,
    left: u64,
    reading: Option<JoinHandle<io::Result<Bytes>>>,
}

impl FileBody {
    /// `length` bytes from `start`, which must be there.
    pub(crate) fn new(file: File, start: u64, length: u64) -> Self {
        Self {
            file: Arc::new(file),
            next: start,
            left: length,
            reading: None,
        }
    }

    fn start_reading(&self) -> JoinHandle<io::Result<Bytes>> {
        let file = Arc::clone(&self.file);
        let (at, length) = (self.next, self.left.min(PIECE));
        spawn_blocking(move || {
            let mut piece = vec![0; usize::try_from(length).unwrap_or(0)];
            file.read_exact_at(&mut piece, at)?;
            Ok(Bytes::from(piece))
        })
    }
}

impl Body for FileBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let mut reading = match self.reading.take() {
            Some(reading) => reading,
            None => self.start_reading(),
        };
        let Poll::Ready(read) = Pin::new(&mut reading).poll(context) else {
            self.reading = Some(reading);
            return Poll::Pending;
        };
        let piece = read.unwrap_or_else(|error| Err(io::Error::other(error)));
        if let Ok(piece) = &piece {
            let length = piece.len() as u64;
            self.next += length;
            self.left = self.left.saturating_sub(length);
        }
        Poll::Ready(Some(piece.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
