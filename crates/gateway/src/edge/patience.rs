//! How long a client may take to send a body: ten seconds of waiting, and one more for every 500 bytes that came. Only
//! the time in which we wait for the client counts, not the one in which a replica does not take what came.
//!
//! The figures are those of Apache's `mod_reqtimeout` (`body=20,MinRate=500`) with the shorter grace that heads have
//! here. A modem of 1985 is faster; a client that trickles a byte a second has its connection for ten seconds.

use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use super::timers::{Elapsed, TICK, Timer, Timers, ticks};

/// Waiting that costs nothing.
pub(crate) const GRACE: Duration = Duration::from_secs(10);
/// Bytes per second that a client must bring on average after that.
const MIN_RATE: u64 = 500;

/// One body's account.
#[derive(Debug)]
pub(crate) struct Patience {
    timers: Rc<Timers>,
    /// Ticks that were waited before the present wait.
    waited: u32,
    received: u64,
    waiting: Option<(u32, Timer)>,
}

impl Patience {
    /// An account at zero.
    pub(crate) fn new(timers: &Rc<Timers>) -> Self {
        Self {
            timers: Rc::clone(timers),
            waited: 0,
            received: 0,
            waiting: None,
        }
    }

    /// The client brought something.
    pub(crate) fn received(&mut self, bytes: usize) {
        self.received = self.received.saturating_add(bytes as u64);
        if let Some((since, _)) = self.waiting.take() {
            let waited = self.timers.now().saturating_sub(since);
            self.waited = self.waited.saturating_add(waited);
        }
    }

    /// Nothing is there now. Ready when the client is too slow; the task is woken then.
    pub(crate) fn poll_wait(&mut self, context: &mut Context<'_>) -> Poll<Elapsed> {
        if self.waiting.is_none() {
            let left = self.allowed().saturating_sub(self.waited);
            let timer = self.timers.start(TICK * left);
            self.waiting = Some((self.timers.now(), timer));
        }
        match &mut self.waiting {
            Some((_, timer)) => timer.poll(context),
            None => Poll::Pending,
        }
    }

    /// Ticks that may be waited in all.
    fn allowed(&self) -> u32 {
        let earned = Duration::from_secs(self.received / MIN_RATE);
        ticks(GRACE).saturating_add(ticks(earned))
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    /// How long a client lasts that brings `bytes` every `gap`, in ticks; at most `most`.
    fn lasts(bytes: usize, gap: u32, most: u32) -> u32 {
        let timers = Rc::new(Timers::default());
        let mut patience = Patience::new(&timers);
        let mut context = Context::from_waker(Waker::noop());
        while timers.now() < most {
            if patience.poll_wait(&mut context).is_ready() {
                return timers.now();
            }
            timers.sweep();
            if timers.now().is_multiple_of(gap) {
                patience.received(bytes);
            }
        }
        most
    }

    #[test]
    fn silence_lasts_as_long_as_the_grace_and_a_trickle_hardly_longer() {
        assert_eq!(lasts(0, 10_000, 9000), ticks(GRACE) + 1);
        let trickle = lasts(1, 10, 9000);
        assert!((100..=102).contains(&trickle), "{trickle}");
    }

    #[test]
    fn a_modem_is_fast_enough() {
        assert_eq!(lasts(600, 10, 9000), 9000);
    }

    #[test]
    fn a_replica_that_takes_its_time_costs_the_client_nothing() {
        let timers = Rc::new(Timers::default());
        let mut patience = Patience::new(&timers);
        for _ in 0..1000 {
            patience.received(1);
            timers.sweep();
        }
        let mut context = Context::from_waker(Waker::noop());
        assert!(patience.poll_wait(&mut context).is_pending());
    }
}
