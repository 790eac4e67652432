//! Process 1 of a contained program's process namespace.
//!
//! It starts the program as its child, passes signals on, takes in orphans, and when the program ends, ends everything.
//! Process 1 cannot die of a signal from its own namespace, so how the program ended is said over the conversation with
//! the shim. It has no more rights than the program: the same user, the same filters, no capability.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::time::{Duration, Instant};

use plimsoll_stdx::net::fds;
use plimsoll_stdx::process::raw;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};

use super::handoff::{Applied, Report};
use super::init::{say, unable};
use super::spawn::spawn;
use super::sys::{Signals, kill_all, reap};

/// Signals that are passed on. Those that stop and continue reach the program by themselves or not at all.
const PASSED: &[i32] = &[
    libc::SIGTERM,
    libc::SIGINT,
    libc::SIGQUIT,
    libc::SIGHUP,
    libc::SIGUSR1,
    libc::SIGUSR2,
    libc::SIGWINCH,
];
/// From SIGKILL for what is left to the end. What hangs in the kernel longer keeps the whole namespace, and is not
/// counted.
const TIDY_WITHIN: Duration = Duration::from_secs(5);

/// Starts the program, stays until it has ended, and says how. The exit code is nobody's.
pub(super) fn stay(command: &Command, applied: Applied, talk: &mut UnixStream) -> u8 {
    match start(command) {
        Ok(Child {
            program,
            handle,
            signals,
        }) => {
            // A shim that is gone takes us along.
            let _ = fds::send(talk, &Report::Applied(applied), &[handle.as_fd()]);
            drop(handle);
            let end = wait(program, &signals);
            let killed = end_the_rest();
            let _ = say(talk, &Report::Ended { end, killed });
            0
        }
        Err(reason) => {
            let _ = say(talk, &Report::Failed { reason });
            1
        }
    }
}

/// The program, and how its end is heard of.
struct Child {
    program: Pid,
    handle: OwnedFd,
    signals: Signals,
}

fn start(command: &Command) -> Result<Child, String> {
    let text = |error: io::Error| error.to_string();
    let mut collected = PASSED.to_vec();
    collected.push(libc::SIGCHLD);
    let signals = Signals::collect(&collected).map_err(text)?;
    let program = spawn(command).map_err(|error| unable(command, &error))?;
    let program = raw(program).ok_or("the program has no number")?;
    // Also of one that has ended already: nobody but we can have waited for it.
    let handle = pidfd_open(program, PidfdFlags::empty()).map_err(|error| error.to_string())?;
    // The pipes are the program's alone: they end when it lets go of them.
    let null = rustix::stdio::stdin();
    let _ = rustix::stdio::dup2_stdout(null);
    let _ = rustix::stdio::dup2_stderr(null);
    Ok(Child {
        program,
        handle,
        signals,
    })
}

/// Passes signals on and takes in orphans until the program has ended.
fn wait(program: Pid, signals: &Signals) -> Result<i32, i32> {
    loop {
        let mut waited = [PollFd::from_borrowed_fd(signals.as_fd(), PollFlags::IN)];
        // Interrupted or not, everything is looked at next.
        let _ = poll(&mut waited, None);
        for number in signals.take() {
            if let (true, Some(signal)) = (PASSED.contains(&number), Signal::from_named_raw(number))
            {
                let _ = kill_process(program, signal);
            }
        }
        while let Some(reaped) = reap() {
            if raw(reaped.pid) == Some(program) {
                return reaped.end;
            }
        }
    }
}

/// Kills what the program has left, and counts it.
fn end_the_rest() -> u32 {
    let deadline = Instant::now() + TIDY_WITHIN;
    let mut killed = 0;
    loop {
        kill_all();
        let Some(one) = next_end(deadline) else {
            return killed;
        };
        killed += one;
    }
}

/// Waits for some of the rest to end; `None` when nobody is left, or time is.
fn next_end(deadline: Instant) -> Option<u32> {
    let mut ended = 0;
    while reap().is_some() {
        ended += 1;
    }
    if ended > 0 {
        return Some(ended);
    }
    let has_children = rustix::process::waitid(
        rustix::process::WaitId::All,
        rustix::process::WaitIdOptions::EXITED
            | rustix::process::WaitIdOptions::NOHANG
            | rustix::process::WaitIdOptions::NOWAIT,
    )
    .is_ok();
    if !has_children || Instant::now() > deadline {
        return None;
    }
    let pause = Timespec::try_from(Duration::from_millis(1)).ok();
    let _ = poll(&mut [], pause.as_ref());
    Some(0)
}
