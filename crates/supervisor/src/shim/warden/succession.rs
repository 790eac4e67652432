//! A keeper's program is exchanged while it serves: another one is started beside it, on the same sockets.
//!
//! The new one tells the old one to leave as soon as it serves itself, in a way that only the two of them know. If it
//! dies before, the old one is still there and serves on, and the keeper tries again as after any death.

use rustix::process::Signal;

use super::super::child::Child;
use super::super::output::Flow;
use super::super::sys::Reaped;
use super::{Course, Post, Warden};

/// Programs that may be on their way out at once: one that finishes long connections, and one more. Whoever asks for
/// more waits until one of them has left.
const MAX_LEAVING: usize = 2;

/// Reads of what one that has left still said: a full pipe of 64 KiB in pieces of a page.
const LAST_READS: usize = 16;

impl Warden {
    /// Starts the program once more beside the one that runs.
    pub(super) fn succeed(&mut self) {
        let may = matches!(self.post, Post::Keeper { .. }) && self.course == Course::On;
        if !may || self.leaving.len() >= MAX_LEAVING {
            return;
        }
        let Some(before) = self.child.take() else {
            return;
        };
        match self.start() {
            Ok(()) => {
                self.leaving.push(before);
                self.record.respawns += 1;
                // The answer to Info is right in any case; the file is for when we are dead.
                let _ = self.save_record();
            }
            Err(reason) => {
                self.child = Some(before);
                self.output
                    .note(&format!("plimsoll: cannot start a successor: {reason}"));
            }
        }
    }

    /// Whether it was a program on its way out that ended.
    pub(super) fn has_left(&mut self, reaped: Reaped) -> bool {
        let found = self
            .leaving
            .iter()
            .position(|child| child.top.pid == reaped.pid);
        let Some(found) = found else {
            return false;
        };
        let mut child = self.leaving.swap_remove(found);
        for source in &mut child.sources {
            for _ in 0..LAST_READS {
                if source.drain(&mut self.output) != Flow::Open {
                    break;
                }
            }
        }
        true
    }

    /// Whether a process is one that was told to leave in its own time.
    pub(super) fn is_leaving(&self, pid: u32) -> bool {
        let is = |child: &Child| child.top.pid == pid || child.process.pid == pid;
        self.leaving.iter().any(is)
    }

    /// Takes what programs on their way out still say.
    pub(super) fn take_last_words(&mut self) {
        let output = &mut self.output;
        for child in &mut self.leaving {
            child
                .sources
                .retain_mut(|source| source.drain(output) == Flow::Open);
        }
    }

    /// Programs on their way out hear of an end too.
    pub(super) fn send_to_leaving(&self, signal: Signal) {
        for child in &self.leaving {
            // One that has just left is reaped in this round or the next.
            let _ = child.process.signal(signal);
        }
    }
}
