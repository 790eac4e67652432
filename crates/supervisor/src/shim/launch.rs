//! Starting the second stage, and hearing from it how the program's start went.

use std::io::{self, PipeReader};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use plimsoll_stdx::net::frame::{self, FrameError};
use plimsoll_stdx::process::raw;
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
    pub(crate) pid: u32,
    pub(crate) stdout: PipeReader,
    pub(crate) stderr: PipeReader,
    pub(crate) applied: Applied,
}

/// Starts the program. After an error nothing of it runs, but a child may wait to be reaped.
pub(crate) fn launch(handoff: &Handoff) -> Result<Launched, String> {
    let (stdout, stdout_writer) = io::pipe().map_err(|error| error.to_string())?;
    let (stderr, stderr_writer) = io::pipe().map_err(|error| error.to_string())?;
    let streams = (stdout_writer.into(), stderr_writer.into());
    let (pid, mut talk) = start(Path::new("/proc/self/exe"), streams)
        .map_err(|error| format!("cannot start the second stage: {error}"))?;
    let applied = converse(&mut talk, handoff)?;
    Ok(Launched {
        pid,
        stdout,
        stderr,
        applied,
    })
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

fn converse(talk: &mut UnixStream, handoff: &Handoff) -> Result<Applied, String> {
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
        Report::Checked(_) => return Err("the second stage misunderstood".to_owned()),
    };
    // Closed by a successful execution; otherwise comes the reason.
    match frame::read(talk) {
        Err(FrameError::Closed) => Ok(applied),
        Ok(Report::Failed { reason }) => Err(reason),
        Ok(Report::Applied(_) | Report::Checked(_)) => {
            Err("the second stage spoke twice".to_owned())
        }
        Err(error) => Err(lost(error)),
    }
}

/// Tries what this machine lets us apply, in a process that then ends.
pub(crate) fn check(tool: &Path) -> Checked {
    let failed = |reason: String| Checked {
        no_root: Some(reason),
        landlock: 0,
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
        Ok(Report::Applied(_) | Report::Failed { .. }) => Err("it misunderstood".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}
