//! A service that is paused: its requests are held for a moment instead of refused, so that what stops all of its
//! replicas at once (a change by `recreate`, a migration that locks) costs clients some latency and no failure.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use http::StatusCode;
use tokio::sync::Notify;
use tokio::time::timeout;

use super::problem::Problem;

/// Requests of one service that can be held at most, whatever is asked for. A held request costs its head and task,
/// about 20 KiB: 80 MiB.
pub(crate) const MAX_HELD: u32 = 4096;
/// The longest pause, so that one whose author died ends by itself: the longest `within` of a migration step.
pub(crate) const MAX_PAUSE: Duration = Duration::from_mins(10);

/// Where requests of one service wait while it is paused.
#[derive(Debug)]
pub(crate) struct Gate {
    started: Instant,
    /// Milliseconds since `started` at which the pause ends by itself; 0 when there is none.
    ends_ms: AtomicU64,
    wait_ms: AtomicU64,
    most: AtomicU32,
    held: AtomicU32,
    opened: Notify,
}

/// Why a request was not held to the end of a pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turned {
    /// As many wait already as may.
    Full,
    /// It has waited as long as it may.
    Late,
}

/// A place among those that wait, given back when the request goes on or its client goes away.
struct Place<'a>(&'a AtomicU32);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Default for Gate {
    fn default() -> Self {
        Self {
            started: Instant::now(),
            ends_ms: AtomicU64::new(0),
            wait_ms: AtomicU64::new(0),
            most: AtomicU32::new(0),
            held: AtomicU32::new(0),
            opened: Notify::new(),
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl Gate {
    /// Holds requests from now on, each for at most `wait`, at most `held` at once, until [`Gate::open`] or for
    /// `lasts`. A second call replaces the bounds of the first.
    pub(crate) fn close(&self, wait: Duration, held: u32, lasts: Duration) {
        let wait = millis(wait.min(MAX_PAUSE));
        self.wait_ms.store(wait, Ordering::Relaxed);
        self.most.store(held.min(MAX_HELD), Ordering::Relaxed);
        let end = millis(self.started.elapsed() + lasts.min(MAX_PAUSE));
        self.ends_ms.store(end, Ordering::Release);
    }

    /// Lets all go on.
    pub(crate) fn open(&self) {
        self.ends_ms.store(0, Ordering::Release);
        self.opened.notify_waiters();
    }

    /// Whether requests are held.
    pub(crate) fn is_closed(&self) -> bool {
        let ends = self.ends_ms.load(Ordering::Acquire);
        // Most are open, and then no clock is read.
        ends != 0 && ends > millis(self.started.elapsed())
    }

    /// Requests that wait now.
    pub(crate) fn held(&self) -> u32 {
        self.held.load(Ordering::Relaxed)
    }

    /// Waits until the pause is over.
    pub(crate) async fn wait(&self) -> Result<(), Turned> {
        let most = self.most.load(Ordering::Relaxed);
        if self.held.fetch_add(1, Ordering::Relaxed) >= most {
            self.held.fetch_sub(1, Ordering::Relaxed);
            return Err(Turned::Full);
        }
        let _place = Place(&self.held);
        let deadline = Instant::now() + Duration::from_millis(self.wait_ms.load(Ordering::Relaxed));
        loop {
            let mut opened = std::pin::pin!(self.opened.notified());
            // From here on an opening is not missed.
            opened.as_mut().enable();
            let ends = self.ends_ms.load(Ordering::Acquire);
            let left = ends.saturating_sub(millis(self.started.elapsed()));
            if left == 0 {
                return Ok(());
            }
            let patience = deadline.saturating_duration_since(Instant::now());
            if patience.is_zero() {
                return Err(Turned::Late);
            }
            // Opened, or over by itself, or too late: the next turn sees which.
            let _ = timeout(patience.min(Duration::from_millis(left)), opened).await;
        }
    }
}

impl From<Turned> for Problem {
    fn from(turned: Turned) -> Self {
        let detail = match turned {
            Turned::Full => "the service is paused and too many requests wait for it",
            Turned::Late => "the service is paused",
        };
        Self::new(StatusCode::SERVICE_UNAVAILABLE, detail).retry_after(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_mins(5);

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
    }

    #[test]
    fn an_open_gate_holds_nobody() {
        let gate = Gate::default();
        assert!(!gate.is_closed());
        gate.close(LONG, 1, LONG);
        gate.open();
        gate.close(LONG, 1, Duration::ZERO);
        assert!(!gate.is_closed());
    }

    #[test]
    fn bounds_are_kept_whatever_is_asked_for() {
        let gate = Gate::default();
        gate.close(LONG, u32::MAX, Duration::MAX);
        assert_eq!(gate.most.load(Ordering::Relaxed), MAX_HELD);
        assert!(gate.ends_ms.load(Ordering::Relaxed) <= millis(MAX_PAUSE + LONG));
    }

    #[test]
    fn those_that_wait_go_on_together_and_the_one_too_many_is_turned_away() {
        runtime().block_on(async {
            let gate = std::sync::Arc::new(Gate::default());
            gate.close(LONG, 2, LONG);
            let waiting: Vec<_> = (0..2)
                .map(|_| {
                    let gate = std::sync::Arc::clone(&gate);
                    tokio::spawn(async move { gate.wait().await })
                })
                .collect();
            while gate.held() < 2 {
                tokio::task::yield_now().await;
            }
            assert_eq!(gate.wait().await, Err(Turned::Full));
            gate.open();
            for one in waiting {
                assert_eq!(one.await.unwrap(), Ok(()));
            }
            assert_eq!(gate.held(), 0);
        });
    }

    #[test]
    fn one_that_has_waited_long_enough_is_told_to_come_back() {
        runtime().block_on(async {
            let gate = Gate::default();
            gate.close(Duration::from_millis(1), 1, LONG);
            assert_eq!(gate.wait().await, Err(Turned::Late));
            let problem = Problem::from(Turned::Late);
            assert_eq!(
                (problem.status.as_u16(), problem.retry_after_s),
                (503, Some(1))
            );
        });
    }

    #[test]
    fn a_client_that_goes_away_gives_its_place_back() {
        runtime().block_on(async {
            let gate = Gate::default();
            gate.close(LONG, 1, LONG);
            let gone = timeout(Duration::from_millis(1), gate.wait()).await;
            assert!(gone.is_err());
            assert_eq!(gate.held(), 0);
        });
    }
}
