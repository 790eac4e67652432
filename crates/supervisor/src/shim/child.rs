//! The program that a warden stands above.

use std::os::unix::net::UnixStream;
use std::time::Instant;

use plimsoll_stdx::net::frame;
use plimsoll_stdx::process::ProcessId;

use super::handoff::Report;
use super::launch::Launched;
use super::output::Source;
use super::sys::Reaped;
use crate::logs::Stream;

/// A program and its streams.
#[derive(Debug)]
pub(super) struct Child {
    pub(super) process: ProcessId,
    /// The child of ours whose end is the program's: the program itself, or the init above it.
    pub(super) top: ProcessId,
    pub(super) started: Instant,
    pub(super) sources: Vec<Source>,
    /// The conversation with the init, which says how the program ended.
    talk: Option<UnixStream>,
}

/// How a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ending {
    /// With a code, or by a signal.
    pub(super) end: Result<i32, i32>,
    /// What its init had to kill after it.
    pub(super) killed: u32,
}

impl Child {
    pub(super) fn new(launched: Launched) -> Result<Self, String> {
        let text = |error: std::io::Error| error.to_string();
        let process = launched.program;
        Ok(Self {
            process,
            top: launched.top,
            started: Instant::now(),
            sources: vec![
                Source::new(launched.stdout, Stream::Stdout).map_err(text)?,
                Source::new(launched.stderr, Stream::Stderr).map_err(text)?,
            ],
            talk: launched.talk,
        })
    }

    /// How the program ended, now that its topmost process has been reaped. An init that could not say was killed, and
    /// the program with it.
    pub(super) fn ending(&mut self, reaped: Reaped) -> Ending {
        let said = self.talk.as_mut().and_then(|talk| frame::read(talk).ok());
        match said {
            Some(Report::Ended { end, killed }) => Ending { end, killed },
            Some(Report::Applied(_) | Report::Failed { .. }) | None => Ending {
                end: reaped.end,
                killed: 0,
            },
        }
    }
}
