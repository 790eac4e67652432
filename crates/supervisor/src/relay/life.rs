//! When a connection is over without either end saying so.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

/// A connection on which nothing moves is kept as long as a router must keep it that translates addresses (RFC 5382,
/// REQ-5): a program behind us sees no shorter time than behind any other.
const QUIET: Duration = Duration::from_mins(124);
/// The same of one that an end has closed for its part: the time that RFC 5382 gives one that is being closed.
const QUIET_HALF: Duration = Duration::from_mins(4);

/// What is known of one connection.
#[derive(Debug)]
pub(super) struct Life {
    born: Instant,
    /// Milliseconds from then to the last bytes.
    moved: AtomicU64,
    half: AtomicBool,
    /// The program has said all that it will.
    said: Notify,
}

impl Life {
    pub(super) fn new() -> Self {
        Self {
            born: Instant::now(),
            moved: AtomicU64::new(0),
            half: AtomicBool::new(false),
            said: Notify::new(),
        }
    }

    /// Bytes have moved.
    pub(super) fn moved(&self) {
        let now = u64::try_from(self.born.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.moved.store(now, Ordering::Relaxed);
    }

    /// An end has closed for its part.
    pub(super) fn half_closed(&self) {
        self.half.store(true, Ordering::Relaxed);
    }

    /// All that the program said has been passed on, and it says no more.
    pub(super) fn has_said(&self) {
        self.said.notify_one();
    }

    /// Comes back when that is so.
    pub(super) async fn until_said(&self) {
        self.said.notified().await;
    }

    /// Comes back when nothing has moved for too long. It looks every four minutes, and may so be that much late.
    pub(super) async fn until_quiet(&self) {
        loop {
            sleep(QUIET_HALF).await;
            let bound = if self.half.load(Ordering::Relaxed) {
                QUIET_HALF
            } else {
                QUIET
            };
            let moved = Duration::from_millis(self.moved.load(Ordering::Relaxed));
            if self.born.elapsed().saturating_sub(moved) >= bound {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_quiet_connection_ends_after_two_hours_and_a_half_closed_one_after_minutes() {
        for (half, least, most) in [(false, 124, 128), (true, 4, 8)] {
            let life = Life::new();
            if half {
                life.half_closed();
            }
            life.until_quiet().await;
            let minutes = life.born.elapsed().as_secs() / 60;
            assert!((least..=most).contains(&minutes), "{half}: {minutes}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn bytes_that_move_keep_a_connection() {
        let life = Life::new();
        life.half_closed();
        let moving = async {
            for _ in 0..10 {
                sleep(Duration::from_mins(3)).await;
                life.moved();
            }
        };
        tokio::select! {
            () = life.until_quiet() => panic!("it was quiet while bytes moved"),
            () = moving => {}
        }
    }
}
