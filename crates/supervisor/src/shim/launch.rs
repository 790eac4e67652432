//! Starting the second stage, and hearing from it how the program's start went.

use std::io::{self, PipeReader};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use plimsoll_stdx::net::fds;
use plimsoll_stdx::net::frame::{self, FrameError};
use plimsoll_stdx::process::{ProcessId, raw};
use plimsoll_stdx::random;
use rustix::process::{WaitOptions, waitpid};

use super::handoff::{Applied, Checked, Handoff, Report};
use crate::dispatch::INIT;

/// From handing over to the program's execution. Below the supervisor's own 15 s, so that the shim is the one to
/// say what went wrong.
const WITHIN: Duration = Duration::from_secs(10);

/// A program that runs.
#[derive(Debug)]
pub(crate) struct Launched {
    pub(crate) program: ProcessId,
    /// The child of ours: the program, or the init above it.
    pub(crate) top: u32,
    pub(crate) stdout: PipeReader,
    pub(crate) stderr: PipeReader,
    pub(crate) applied: Applied,
    /// The conversation, where an init goes on with it.
    pub(crate) talk: Option<UnixStream>,
}

/// Starts the program; `admit` is called with the child before it knows what it is to do. After an error nothing of it
/// runs, but a child may wait to be reaped.
pub(crate) fn launch(
    handoff: &Handoff,
    admit: impl FnOnce(u32) -> Result<(), String>,
) -> Result<Launched, String> {
    let (stdout, stdout_writer) = io::pipe().map_err(|error| error.to_string())?;
    let (stderr, stderr_writer) = io::pipe().map_err(|error| error.to_string())?;
    let streams = (stdout_writer.into(), stderr_writer.into());
    let (pid, mut talk) = start(Path::new("/proc/self/exe"), streams)
        .map_err(|error| format!("cannot start the second stage: {error}"))?;
    admit(pid)?;
    let (applied, handle) = converse(&mut talk, handoff)?;
    let own = ProcessId::of(pid).map_err(|error| error.to_string())?;
    let (program, talk) = match handle {
        Executed::Child => (own, None),
        // One that has ended already has no number any more; its init is still there to say how.
        Executed::BelowInit(handle) => (named(&handle).unwrap_or(own), Some(talk)),
    };
    Ok(Launched {
        program,
        top: pid,
        stdout,
        stderr,
        applied,
        talk,
    })
}

/// Who was executed.
enum Executed {
    Child,
    /// A child of the child, with a handle of it.
    BelowInit(OwnedFd),
}

/// The number that the process behind a handle has here: it only knows the one of its own namespace.
fn named(handle: &OwnedFd) -> Option<ProcessId> {
    let path = format!("/proc/self/fdinfo/{}", handle.as_raw_fd());
    let text = std::fs::read_to_string(path).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("Pid:"))?;
    ProcessId::of(line.trim().parse().ok()?).ok()
}

fn start(tool: &Path, (stdout, stderr): (Stdio, Stdio)) -> io::Result<(u32, UnixStream)> {
    let (ours, theirs) = UnixStream::pair()?;
    ours.set_read_timeout(Some(WITHIN))?;
    ours.set_write_timeout(Some(WITHIN))?;
    let child = Command::new(tool)
        .arg0("plimsoll")
        .arg(INIT)
        .current_dir("/")
        .env_clear()
        .stdin(OwnedFd::from(theirs))
        .stdout(stdout)
        .stderr(stderr)
        .spawn()?;
    Ok((child.id(), ours))
}

fn converse(talk: &mut UnixStream, handoff: &Handoff) -> Result<(Applied, Executed), String> {
    let lost = |error: FrameError| match error {
        FrameError::Closed => "the second stage died".to_owned(),
        FrameError::TooLong(_) | FrameError::Json(_) | FrameError::Io(_) => {
            format!("the second stage does not answer: {error}")
        }
    };
    frame::write(talk, handoff).map_err(lost)?;
    let applied = match frame::read(talk).map_err(lost)? {
        Report::Applied(applied) => applied,
        Report::Failed { reason } => return Err(reason),
        Report::Executed | Report::Ended { .. } | Report::Checked(_) => {
            return Err("the second stage misunderstood".to_owned());
        }
    };
    // Closed by a successful execution, or a word and a handle of it; otherwise comes the reason.
    match fds::receive(talk) {
        Err(FrameError::Closed) => Ok((applied, Executed::Child)),
        Ok((Report::Executed, handles)) => match handles.into_iter().next() {
            Some(handle) => Ok((applied, Executed::BelowInit(handle))),
            None => Err("the init did not show its program".to_owned()),
        },
        Ok((Report::Failed { reason }, _)) => Err(reason),
        Ok((Report::Applied(_) | Report::Ended { .. } | Report::Checked(_), _)) => {
            Err("the second stage spoke twice".to_owned())
        }
        Err(error) => Err(lost(error)),
    }
}

/// Tries what this machine lets us apply, in a process that then ends.
pub(crate) fn check(tool: &Path) -> Checked {
    let failed = |reason: String| Checked {
        no_root: Some(reason.clone()),
        landlock: 0,
        no_namespaces: Some(reason),
    };
    let name = format!("plimsoll-check-{:016x}", random::number());
    let mount_point = std::env::temp_dir().join(name);
    if let Err(error) = std::fs::create_dir(&mount_point) {
        return failed(error.to_string());
    }
    let checked = ask(tool, &mount_point);
    let _ = std::fs::remove_dir(&mount_point);
    checked.unwrap_or_else(failed)
}

fn ask(tool: &Path, mount_point: &Path) -> Result<Checked, String> {
    let handoff = Handoff::Check {
        mount_point: mount_point.to_owned(),
    };
    let (pid, mut talk) =
        start(tool, (Stdio::null(), Stdio::null())).map_err(|error| error.to_string())?;
    let answer = frame::write(&mut talk, &handoff).and_then(|()| frame::read(&mut talk));
    drop(talk);
    // It ends with its answer, or with the end of the conversation.
    let _ = waitpid(raw(pid), WaitOptions::empty());
    match answer {
        Ok(Report::Checked(checked)) => Ok(checked),
        Ok(
            Report::Applied(_) | Report::Executed | Report::Ended { .. } | Report::Failed { .. },
        ) => Err("it misunderstood".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}
