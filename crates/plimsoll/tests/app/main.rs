//! The live system: the reconciliation app behind our gateway, hit where it hurts.
//!
//! Needs a machine that `./plimsoll-up` has prepared; `PLIMSOLL_LIVE=1` says so (`tests/live/run` does it all).

#[cfg(test)]
mod app;
#[cfg(test)]
mod http;
#[cfg(test)]
mod kills;
#[cfg(test)]
mod load;
#[cfg(test)]
mod truth;

#[cfg(test)]
use std::sync::{Mutex, MutexGuard, PoisonError};

#[cfg(test)]
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// There is one app on one pair of ports: tests take turns. `None` (and a line that says so) where nothing is live.
#[cfg(test)]
fn turn() -> Option<MutexGuard<'static, ()>> {
    if std::env::var_os("PLIMSOLL_LIVE").is_none_or(|value| value.is_empty()) {
        println!("skipped: needs PLIMSOLL_LIVE");
        return None;
    }
    // A failed test must not fail the others: each starts from `App::up`.
    Some(ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner))
}
