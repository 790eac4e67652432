//! Driving a runtime.

use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::time::Duration;

use plimsoll_stdx::net::{fds, frame};
use plimsoll_stdx::process::raw;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitOptions, pidfd_open, pidfd_send_signal, waitpid,
};

use super::super::containment::Containment;
use super::super::handoff::{Report, Run};
use super::super::launch::Streams;
use super::super::sys;
use super::begin;
use super::bundle::Bundle;
use super::task::Task;

/// From the fork to the process that it was to start: a tenth of a second on an idle machine.
const START_WITHIN: Duration = Duration::from_secs(8);
/// From the task to the word that the program runs: what is left is to look and to execute. Together with the runtime
/// below the 15 s of the supervisor, so that the shim is the one to say what went wrong.
const SAID_WITHIN: Duration = Duration::from_secs(5);
/// It removes some folders.
const DELETE_WITHIN: Duration = Duration::from_secs(3);
/// Where runtimes look for what they call.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Has the runtime start process 1 of the program's container, limits it, and tells it the rest. Its number.
pub(in crate::shim) fn start(
    run: &Run<'_>,
    (containment, bundle): (&Containment, &Bundle),
    (ours, theirs, streams): (&mut UnixStream, UnixStream, Streams),
) -> Result<u32, String> {
    let child = sys::fork(move || begin::main(run, bundle, theirs, streams))
        .map_err(|error| format!("cannot start the runtime: {error}"))?;
    let ended = wait(child, START_WITHIN);
    if ended != Ok(Some(0)) {
        let complaint = bundle.complaint();
        // Before it is listened to: what it may have started holds the other end.
        delete(bundle);
        return Err(match fds::receive(ours) {
            Ok((Report::Failed { reason }, _)) => reason,
            Ok(_) | Err(_) => refused(bundle, complaint, ended),
        });
    }
    let init = bundle
        .pid()
        .ok_or_else(|| refused(bundle, Some("it names no process".to_owned()), Ok(None)))?;
    ours.set_read_timeout(Some(SAID_WITHIN))
        .map_err(|error| error.to_string())?;
    containment.limit(&run.order.limits);
    let task = Task {
        order: run.order.clone(),
        secrets: run.secrets.env.clone(),
        outside: containment.outside().namespaces.clone(),
    };
    frame::write(ours, &task).map_err(|error| {
        let complaint = bundle.complaint().unwrap_or_else(|| error.to_string());
        refused(bundle, Some(complaint), Ok(None))
    })?;
    Ok(init)
}

fn refused(bundle: &Bundle, said: Option<String>, ended: Result<Option<i32>, String>) -> String {
    let said = said.unwrap_or_else(|| match ended {
        Ok(Some(code)) => format!("it ended with code {code}"),
        Ok(None) => "it was killed".to_owned(),
        Err(reason) => reason,
    });
    format!("{} did not start it: {said}", bundle.runtime.display())
}

/// Has the runtime forget the container, and forgets the bundle.
pub(in crate::shim) fn delete(bundle: &Bundle) {
    if bundle.state().exists() {
        let mut command = quiet(bundle);
        command.args(["delete", "--force"]).arg(&bundle.id);
        // What it does not remove, the groups and this folder, is removed after it.
        let _ = command.spawn().map(|child| wait(child.id(), DELETE_WITHIN));
    }
    let _ = std::fs::remove_dir_all(&bundle.dir);
}

fn quiet(bundle: &Bundle) -> Command {
    let mut command = command(bundle);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

/// The runtime, with what every one of its commands is told.
pub(super) fn command(bundle: &Bundle) -> Command {
    let mut command = Command::new(&bundle.runtime);
    command.env_clear().env("PATH", PATH).current_dir("/");
    command.arg("--root").arg(bundle.state());
    command.arg("--log").arg(bundle.log());
    command.args(["--log-format", "json"]);
    command
}

/// Waits for a child of ours, and kills it when it takes too long. Its exit code; `None` when it was killed.
fn wait(child: u32, within: Duration) -> Result<Option<i32>, String> {
    let pid = raw(child).ok_or("the runtime has no number")?;
    let late = is_late(pid, within).unwrap_or(true);
    let ended = rustix::io::retry_on_intr(|| waitpid(Some(pid), WaitOptions::empty()));
    let code = match ended {
        Ok(Some((_, status))) => status.exit_status(),
        Ok(None) => None,
        Err(error) => return Err(error.to_string()),
    };
    if late {
        let seconds = within.as_secs();
        return Err(format!("it took longer than {seconds} s and was killed"));
    }
    Ok(code)
}

fn is_late(pid: Pid, within: Duration) -> rustix::io::Result<bool> {
    let handle = pidfd_open(pid, PidfdFlags::empty())?;
    let timeout = Timespec::try_from(within).map_err(|_| rustix::io::Errno::INVAL)?;
    let mut waited = [PollFd::new(&handle, PollFlags::IN)];
    let ready = rustix::io::retry_on_intr(|| poll(&mut waited, Some(&timeout)));
    if ready == Ok(0) {
        pidfd_send_signal(&handle, Signal::KILL)?;
        return Ok(true);
    }
    Ok(false)
}
