//! What one client connection does now, so that a sweep can close idle ones and end stalled ones.
//!
//! It lives in an `Arc` with atomics only because an upgraded connection must be `Send`; one core writes it.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::framing::Framing;
use super::timers::ticks;

/// A connection between two requests is closed after this: above the 60 s of common load balancers' own pools.
pub(crate) const IDLE: Duration = Duration::from_secs(75);
/// A head must be complete this long after its first byte. It bounds slow-loris clients: each costs one
/// connection for ten seconds.
pub(crate) const HEAD: Duration = Duration::from_secs(10);
/// A body that is being read must bring bytes, and a response that is being written must be taken, this often.
pub(crate) const STALL: Duration = Duration::from_mins(1);

/// Requests that a client may give up at once: two full sets of streams, which is what a browser does whose user leaves
/// a page that has just reloaded. Each may have cost a replica its work already.
const ABANDONED: u32 = 256;
/// How many of them are forgotten in a second.
const FORGIVEN: u32 = 50;

/// What the connection's task is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Command {
    /// Nothing.
    None,
    /// Finish what is in flight, then close.
    Close,
    /// Close at once.
    Abort,
}

/// A connection's state.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    /// Requests in flight.
    busy: AtomicU32,
    /// Whether bytes of a next head have come.
    in_head: AtomicBool,
    /// Whether a request's body is waited for.
    in_body: AtomicBool,
    /// Whether the client is told by the protocol which requests were not begun.
    http2: AtomicBool,
    /// Whether the last head had two lengths.
    two_lengths: AtomicBool,
    /// Whether a line of the last head ended without CR.
    bare_end: AtomicBool,
    /// Tick at which the present phase began.
    since: AtomicU32,
    /// Tick of the last byte read.
    read_at: AtomicU32,
    /// Tick since which a write is blocked, plus one; 0 when none is.
    blocked_since: AtomicU32,
    /// Requests of HTTP/2 that the client gave up and that are not forgotten yet.
    abandoned: AtomicU32,
    /// The sweep's current tick, stored here so that reads need no clock.
    now: AtomicU32,
    command: AtomicU8,
    waker: Mutex<Option<Waker>>,
}

impl Watch {
    /// A connection that was accepted at tick `now`.
    pub(crate) fn new(now: u32) -> Self {
        let watch = Self::default();
        watch.now.store(now, Ordering::Relaxed);
        watch.since.store(now, Ordering::Relaxed);
        // A client that connects and says nothing is as bad as one that says a head slowly.
        watch.in_head.store(true, Ordering::Relaxed);
        watch
    }

    /// A request begins.
    pub(crate) fn begin(&self) {
        self.busy.fetch_add(1, Ordering::Relaxed);
        self.in_head.store(false, Ordering::Relaxed);
    }

    /// A request has ended.
    pub(crate) fn end(&self) {
        self.busy.fetch_sub(1, Ordering::Relaxed);
        self.since
            .store(self.now.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    /// The connection speaks HTTP/2.
    pub(crate) fn speaks_http2(&self) {
        self.http2.store(true, Ordering::Relaxed);
    }

    /// Whether the client may be sending a request now that a close would break, without a word of whether it arrived.
    pub(crate) fn may_be_sending(&self) -> bool {
        self.is_idle() && !self.http2.load(Ordering::Relaxed)
    }

    /// The client reset a stream whose request we had begun to serve. Too many end the connection: it is an attack that
    /// costs the client nothing and a replica its work.
    pub(crate) fn abandoned(&self) {
        if self.abandoned.fetch_add(1, Ordering::Relaxed) >= ABANDONED {
            self.tell(Command::Abort);
        }
    }

    /// A request's body is waited for, or no longer.
    pub(crate) fn set_in_body(&self, waiting: bool) {
        if waiting && !self.in_body.swap(true, Ordering::Relaxed) {
            self.read_at
                .store(self.now.load(Ordering::Relaxed), Ordering::Relaxed);
        } else if !waiting {
            self.in_body.store(false, Ordering::Relaxed);
        }
    }

    /// Whether the last head that was seen had two lengths; see [`Framing`].
    pub(crate) fn has_two_lengths(&self) -> bool {
        self.two_lengths.load(Ordering::Relaxed)
    }

    /// Whether a line of the last head that was seen ended without CR; see [`Framing`].
    pub(crate) fn has_bare_end(&self) -> bool {
        self.bare_end.load(Ordering::Relaxed)
    }

    fn note(&self, framing: &Framing) {
        let both = framing.has_two_lengths();
        self.two_lengths.store(both, Ordering::Relaxed);
        self.bare_end
            .store(framing.has_bare_end(), Ordering::Relaxed);
    }

    /// Whether no request is in flight.
    pub(crate) fn is_idle(&self) -> bool {
        self.busy.load(Ordering::Relaxed) == 0
    }

    /// Looks at the connection at tick `now` and tells it to go where it has taken too long. This is also where an
    /// idle connection would be parked (its buffers given back while it waits for a byte).
    pub(crate) fn sweep(&self, now: u32) {
        self.now.store(now, Ordering::Relaxed);
        let abandoned = self.abandoned.load(Ordering::Relaxed);
        if abandoned > 0 {
            let left = abandoned.saturating_sub(FORGIVEN);
            self.abandoned.store(left, Ordering::Relaxed);
        }
        let over = |since: u32, bound: Duration| now.saturating_sub(since) > ticks(bound);
        let since = self.since.load(Ordering::Relaxed);
        let blocked = self.blocked_since.load(Ordering::Relaxed);
        if blocked > 0 && over(blocked - 1, STALL) {
            self.tell(Command::Abort);
        } else if self.is_idle() {
            if self.in_head.load(Ordering::Relaxed) && over(since, HEAD) {
                self.tell(Command::Abort);
            } else if over(since, IDLE) {
                self.tell(Command::Close);
            }
        } else if self.in_body.load(Ordering::Relaxed)
            && over(self.read_at.load(Ordering::Relaxed), STALL)
        {
            self.tell(Command::Abort);
        }
    }

    /// Tells the connection's task.
    pub(crate) fn tell(&self, command: Command) {
        let code = match command {
            Command::None => 0,
            Command::Close => 1,
            Command::Abort => 2,
        };
        // A stronger command is not taken back.
        if self.command.fetch_max(code, Ordering::Relaxed) < code {
            let mut waker = self.waker.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(waker) = waker.take() {
                waker.wake();
            }
        }
    }

    /// What the task is told; it is woken when that changes.
    pub(crate) fn command(&self, context: &Context<'_>) -> Command {
        match self.command.load(Ordering::Relaxed) {
            0 => {
                let mut waker = self.waker.lock().unwrap_or_else(PoisonError::into_inner);
                if !waker
                    .as_ref()
                    .is_some_and(|waker| waker.will_wake(context.waker()))
                {
                    *waker = Some(context.waker().clone());
                }
                Command::None
            }
            1 => {
                let mut waker = self.waker.lock().unwrap_or_else(PoisonError::into_inner);
                *waker = Some(context.waker().clone());
                Command::Close
            }
            _ => Command::Abort,
        }
    }

    /// Bytes have come; whether they begin a head on a connection that was idle.
    fn saw_bytes(&self) -> bool {
        let now = self.now.load(Ordering::Relaxed);
        self.read_at.store(now, Ordering::Relaxed);
        let begins = self.is_idle() && !self.in_head.swap(true, Ordering::Relaxed);
        if begins {
            self.since.store(now, Ordering::Relaxed);
        }
        begins
    }

    fn wrote<T>(&self, outcome: &Poll<T>) {
        if outcome.is_ready() {
            if self.blocked_since.load(Ordering::Relaxed) != 0 {
                self.blocked_since.store(0, Ordering::Relaxed);
            }
        } else if self.blocked_since.load(Ordering::Relaxed) == 0 {
            let now = self.now.load(Ordering::Relaxed);
            self.blocked_since
                .store(now.saturating_add(1), Ordering::Relaxed);
        }
    }
}

/// A stream that notes what happens on it.
#[derive(Debug)]
pub(crate) struct Watched<S> {
    stream: S,
    watch: Arc<Watch>,
    /// For HTTP/1.
    framing: Option<Framing>,
}

impl<S> Watched<S> {
    /// Notes what happens on `stream` in `watch`.
    pub(crate) fn new(stream: S, watch: Arc<Watch>) -> Self {
        Self {
            stream,
            watch,
            framing: None,
        }
    }

    /// As [`Watched::new`], on a connection that speaks HTTP/1.
    pub(crate) fn http1(stream: S, watch: Arc<Watch>) -> Self {
        let mut framing = Framing::default();
        framing.begin();
        Self {
            stream,
            watch,
            framing: Some(framing),
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let outcome = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            let begins = self.watch.saw_bytes();
            let watched = &mut *self;
            if let Some(framing) = &mut watched.framing {
                if begins {
                    framing.begin();
                }
                framing.see(&buffer.filled()[before..]);
                watched.watch.note(framing);
            }
        }
        outcome
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.watch.wrote(&outcome);
        outcome
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.watch.wrote(&outcome);
        outcome
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(watch: &Watch) -> Command {
        watch.command(&Context::from_waker(Waker::noop()))
    }

    fn after(watch: &Watch, duration: Duration) -> Command {
        watch.sweep(ticks(duration) + 1);
        told(watch)
    }

    #[test]
    fn a_silent_client_and_a_slow_head_are_ended_after_the_head_bound() {
        let watch = Watch::new(0);
        watch.sweep(ticks(HEAD));
        assert_eq!(told(&watch), Command::None);
        watch.saw_bytes();
        assert_eq!(after(&watch, HEAD), Command::Abort);
    }

    #[test]
    fn requests_given_up_are_forgiven_slowly_and_too_many_end_the_connection() {
        let patient = Watch::new(0);
        for second in 1..100 {
            for _ in 0..FORGIVEN {
                patient.abandoned();
            }
            patient.begin();
            patient.sweep(second);
            patient.end();
        }
        assert_eq!(told(&patient), Command::None);
        let rapid = Watch::new(0);
        (0..ABANDONED).for_each(|_| rapid.abandoned());
        assert_eq!(told(&rapid), Command::None);
        rapid.abandoned();
        assert_eq!(told(&rapid), Command::Abort);
    }

    #[test]
    fn an_idle_connection_is_closed_and_a_busy_one_is_left_alone() {
        let watch = Watch::new(0);
        watch.begin();
        assert_eq!(after(&watch, IDLE * 2), Command::None);
        watch.end();
        let now = ticks(IDLE * 2) + 1;
        watch.sweep(now + ticks(IDLE));
        assert_eq!(told(&watch), Command::None);
        watch.sweep(now + ticks(IDLE) + 1);
        assert_eq!(told(&watch), Command::Close);
    }

    #[test]
    fn a_body_that_stops_and_a_reader_that_does_not_read_are_ended() {
        let body = Watch::new(0);
        body.begin();
        body.set_in_body(true);
        assert_eq!(after(&body, STALL), Command::Abort);
        let reader = Watch::new(0);
        reader.begin();
        reader.wrote(&Poll::<()>::Pending);
        assert_eq!(after(&reader, STALL), Command::Abort);
        let fine = Watch::new(0);
        fine.begin();
        fine.wrote(&Poll::<()>::Pending);
        fine.wrote(&Poll::Ready(()));
        assert_eq!(after(&fine, STALL), Command::None);
    }
}
