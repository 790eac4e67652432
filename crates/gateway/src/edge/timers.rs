//! Deadlines without a timer per request: a slot that one sweep per core looks at ten times a second.
//!
//! Arming and disarming a runtime timer for every request costs more than most requests need; a deadline that is
//! a tenth of a second late costs nobody anything.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// Time between two sweeps.
pub(crate) const TICK: Duration = Duration::from_millis(100);

/// The deadlines of one core.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    now: Cell<u32>,
    slots: RefCell<Vec<Slot>>,
    free: RefCell<Vec<usize>>,
}

#[derive(Debug, Default)]
struct Slot {
    /// The tick at which it is due; 0 is unused.
    due: u32,
    waker: Option<Waker>,
}

/// A deadline. It can be moved; it ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Timer {
    timers: Rc<Timers>,
    slot: usize,
    due: u32,
}

/// The deadline came first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Elapsed;

impl Timers {
    /// The current tick, for marks that are compared with later ones.
    pub(crate) fn now(&self) -> u32 {
        self.now.get()
    }

    /// One tick is over: wakes who waits for it.
    pub(crate) fn sweep(&self) {
        let now = self.now.get().saturating_add(1);
        self.now.set(now);
        let due = |slot: &mut Slot| {
            if slot.due != 0 && slot.due <= now {
                slot.waker.take()
            } else {
                None
            }
        };
        let wakers: Vec<Waker> = self.slots.borrow_mut().iter_mut().filter_map(due).collect();
        for waker in wakers {
            waker.wake();
        }
    }

    /// A deadline `after` from now, rounded up.
    pub(crate) fn start(self: &Rc<Self>, after: Duration) -> Timer {
        let due = self.now().saturating_add(ticks(after)).saturating_add(1);
        let mut slots = self.slots.borrow_mut();
        let slot = self.free.borrow_mut().pop().unwrap_or_else(|| {
            slots.push(Slot::default());
            slots.len() - 1
        });
        slots[slot] = Slot { due, waker: None };
        Timer {
            timers: Rc::clone(self),
            slot,
            due,
        }
    }

    /// Runs `future` for at most `budget` since `last` (a tick that may rise meanwhile) was taken.
    pub(crate) async fn within<F: Future>(
        self: &Rc<Self>,
        budget: Duration,
        last: impl Fn() -> u32,
        future: F,
    ) -> Result<F::Output, Elapsed> {
        let mut timer = None;
        let mut future = pin!(future);
        poll_fn(|context| {
            if let Poll::Ready(output) = future.as_mut().poll(context) {
                return Poll::Ready(Ok(output));
            }
            // Most futures are ready within two polls; a slot is taken only by those that wait.
            let timer = timer.get_or_insert_with(|| self.start(budget));
            timer.move_to(last().saturating_add(ticks(budget)).saturating_add(1));
            timer.poll(context).map(Err)
        })
        .await
    }
}

/// Ticks in `duration`, rounded up.
pub(crate) fn ticks(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis().div_ceil(TICK.as_millis())).unwrap_or(u32::MAX)
}

impl Timer {
    /// Moves the deadline to a tick.
    pub(crate) fn move_to(&mut self, due: u32) {
        if self.due != due {
            self.due = due;
            self.timers.slots.borrow_mut()[self.slot].due = due;
        }
    }

    /// Moves the deadline to `after` from now.
    pub(crate) fn restart(&mut self, after: Duration) {
        let due = self
            .timers
            .now()
            .saturating_add(ticks(after))
            .saturating_add(1);
        self.move_to(due);
    }

    /// Whether it is due; the task is woken when it is.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Elapsed> {
        if self.timers.now() >= self.due {
            return Poll::Ready(Elapsed);
        }
        let mut slots = self.timers.slots.borrow_mut();
        let waker = &mut slots[self.slot].waker;
        if !waker
            .as_ref()
            .is_some_and(|waker| waker.will_wake(context.waker()))
        {
            *waker = Some(context.waker().clone());
        }
        Poll::Pending
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.timers.slots.borrow_mut()[self.slot] = Slot::default();
        self.timers.free.borrow_mut().push(self.slot);
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    fn block_on<F: Future>(future: F, mut between: impl FnMut(u32)) -> F::Output {
        let mut future = pin!(future);
        let mut context = Context::from_waker(Waker::noop());
        for round in 0.. {
            if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
                return output;
            }
            between(round);
        }
        unreachable!()
    }

    #[test]
    fn what_waits_too_long_is_ended_and_its_slot_is_used_again() {
        let timers = Rc::new(Timers::default());
        for _ in 0..3 {
            let start = timers.now();
            let waiting = timers.within(Duration::from_secs(1), || start, pending::<()>());
            assert_eq!(block_on(waiting, |_| timers.sweep()), Err(Elapsed));
            assert!((10..=11).contains(&(timers.now() - start)));
        }
        assert_eq!(timers.slots.borrow().len(), 1);
    }

    #[test]
    fn what_is_ready_takes_no_slot() {
        let timers = Rc::new(Timers::default());
        let done = timers.within(Duration::from_secs(1), || 0, ready(7));
        assert_eq!(block_on(done, |_| ()), Ok(7));
        assert!(timers.slots.borrow().is_empty());
    }

    #[test]
    fn progress_moves_the_deadline() {
        let timers = Rc::new(Timers::default());
        let last = Cell::new(0);
        let waiting = timers.within(Duration::from_millis(300), || last.get(), pending::<()>());
        let ended = block_on(waiting, |round| {
            timers.sweep();
            if round < 20 {
                last.set(timers.now());
            }
        });
        assert_eq!(ended, Err(Elapsed));
        assert!(timers.now() > 20);
    }
}
