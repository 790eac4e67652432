//! Starting the second stage, and hearing from it how the program's start went.

use std::io::{self, PipeReader, PipeWriter};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use plimsoll_stdx::net::fds;
use plimsoll_stdx::net::frame::{self, FrameError};
use plimsoll_stdx::process::ProcessId;

use super::handoff::{Applied, Report, Run};
use super::{init, oci, sys};

/// From the fork to the program's execution. Below the supervisor's own 15 s, so that the shim is the one to say what
/// went wrong.
const WITHIN: Duration = Duration::from_secs(10);

/// A program that runs.
#[derive(Debug)]
pub(crate) struct Launched {
    pub(crate) program: ProcessId,
    /// The child of ours: the program, or the init above it.
    pub(crate) top: ProcessId,
    pub(crate) stdout: PipeReader,
    pub(crate) stderr: PipeReader,
    pub(crate) applied: Applied,
    /// The conversation, where an init goes on with it.
    pub(crate) talk: Option<UnixStream>,
}

/// What a program writes to.
#[derive(Debug)]
pub(super) struct Streams {
    pub(super) stdout: PipeWriter,
    pub(super) stderr: PipeWriter,
}

/// Starts the program. After an error nothing of it runs, but a child may wait to be reaped.
pub(crate) fn launch(run: &Run<'_>) -> Result<Launched, String> {
    let (stdout, stdout_writer) = io::pipe().map_err(text)?;
    let (stderr, stderr_writer) = io::pipe().map_err(text)?;
    let streams = Streams {
        stdout: stdout_writer,
        stderr: stderr_writer,
    };
    let (mut talk, theirs) = UnixStream::pair().map_err(text)?;
    talk.set_read_timeout(Some(WITHIN)).map_err(text)?;
    let by_runtime = run
        .containment
        .and_then(|containment| Some((containment, containment.bundle()?)));
    let child = match by_runtime {
        Some(by_runtime) => oci::start(run, by_runtime, (&mut talk, theirs, streams))?,
        None => sys::fork(move || init::main(run, theirs, streams))
            .map_err(|error| format!("cannot start the second stage: {error}"))?,
    };
    let (applied, handle) = hear(&mut talk)?;
    let top = ProcessId::of(child).map_err(text)?;
    let (program, talk) = match handle {
        None => (top, None),
        // One that has ended already has no number any more; its init is still there to say how.
        Some(handle) => (named(&handle).unwrap_or(top), Some(talk)),
    };
    Ok(Launched {
        program,
        top,
        stdout,
        stderr,
        applied,
        talk,
    })
}

/// The number that the process behind a handle has here: it only knows the one of its own namespace.
fn named(handle: &OwnedFd) -> Option<ProcessId> {
    let path = format!("/proc/self/fdinfo/{}", handle.as_raw_fd());
    let text = std::fs::read_to_string(path).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("Pid:"))?;
    ProcessId::of(line.trim().parse().ok()?).ok()
}

/// Waits until the program has been executed. The handle is of a program with an init above it.
fn hear(talk: &mut UnixStream) -> Result<(Applied, Option<OwnedFd>), String> {
    let (applied, handle) = match fds::receive(talk).map_err(|error| lost(&error))? {
        (Report::Applied(applied), handles) => (applied, handles.into_iter().next()),
        (Report::Failed { reason }, _) => return Err(reason),
        (Report::Ended { .. }, _) => return Err("the second stage misunderstood".to_owned()),
    };
    if handle.is_some() {
        return Ok((applied, handle));
    }
    // Closed by a successful execution; otherwise comes the reason.
    match frame::read(talk) {
        Err(FrameError::Closed) => Ok((applied, None)),
        Ok(Report::Failed { reason }) => Err(reason),
        Ok(Report::Applied(_) | Report::Ended { .. }) => {
            Err("the second stage spoke twice".to_owned())
        }
        Err(error) => Err(lost(&error)),
    }
}

fn lost(error: &FrameError) -> String {
    match error {
        FrameError::Closed => "the second stage died".to_owned(),
        FrameError::TooLong(_) | FrameError::Json(_) | FrameError::Io(_) => {
            format!("the second stage does not answer: {error}")
        }
    }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
