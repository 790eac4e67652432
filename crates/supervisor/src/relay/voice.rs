//! What the relay says: one line where an end cannot be reached, which the program's log has among its errors.

use std::io::Write;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Between two lines of one edge that say the same: an end that is away for a night is 60 lines an hour, and a program
/// that tries a thousand times a second is no more.
const AGAIN: Duration = Duration::from_mins(1);

/// The voice of one edge.
#[derive(Debug, Default)]
pub(super) struct Voice {
    last: Mutex<Option<(String, Instant)>>,
}

impl Voice {
    /// Says that `place` cannot be reached, unless it has just been said.
    pub(super) fn complain(&self, place: &str, reason: &str) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let said = |(words, at): &(String, Instant)| words == reason && at.elapsed() < AGAIN;
        if last.as_ref().is_some_and(said) {
            return;
        }
        *last = Some((reason.to_owned(), Instant::now()));
        // Not waited for: who reads it has more important things to do, and the pipe holds a thousand lines.
        let _ = writeln!(
            std::io::stderr(),
            "plimsoll: cannot reach {place}: {reason}"
        );
    }
}
