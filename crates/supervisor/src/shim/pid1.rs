//! Process 1 of a contained program's process namespace.
//!
//! It starts the program as its child, passes signals on, takes in orphans, and when the program ends, ends everything.
//! Process 1 cannot die of a signal from its own namespace, so how the program ended is said over the conversation with
//! the shim. It has no more rights than the program: the same user, the same filters, no capability.

use std::fs::File;
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use plimsoll_stdx::net::fds;
use plimsoll_stdx::process::raw;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open, setsid};

use super::handoff::{Report, Run};
use super::init::{execute, say};
use super::sys::{Forked, Signals, fork, kill_all, reap, unblock_signals};

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
/// Longest reason why a program could not be executed: a path of at most 4 KiB and the system's words.
const REASON_MAX: u64 = 8 * 1024;
/// From SIGKILL for what is left to the end. What hangs in the kernel longer keeps the whole namespace, and is not
/// counted.
const TIDY_WITHIN: Duration = Duration::from_secs(5);

/// Starts the program, stays until it has ended, and says how. The exit code is nobody's.
pub(super) fn stay(run: &Run, talk: &mut UnixStream) -> u8 {
    match start(run) {
        Ok((program, signals)) => {
            let handle = pidfd_open(program, PidfdFlags::empty()).ok();
            let handles: Vec<_> = handle.iter().map(AsFd::as_fd).collect();
            // A shim that is gone takes us along.
            let _ = fds::send(talk, &Report::Executed, &handles);
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

fn start(run: &Run) -> Result<(Pid, Signals), String> {
    let mut collected = PASSED.to_vec();
    collected.push(libc::SIGCHLD);
    let signals = Signals::collect(&collected).map_err(|error| error.to_string())?;
    let (reader, writer) = io::pipe().map_err(|error| error.to_string())?;
    match fork().map_err(|error| format!("cannot start the program: {error}"))? {
        Forked::Child => become_program(run, writer),
        Forked::Parent(pid) => {
            drop(writer);
            let pid = raw(pid).ok_or("the program has no number")?;
            executed(reader)?;
            let null = File::options().write(true).open("/dev/null");
            if let Ok(null) = null {
                // The pipes are the program's alone: they end when it lets go of them.
                let _ = rustix::stdio::dup2_stdout(&null);
                let _ = rustix::stdio::dup2_stderr(&null);
            }
            Ok((pid, signals))
        }
    }
}

/// Never returns: what it could not do it says into the pipe, which closes by itself when the program is executed.
fn become_program(run: &Run, mut writer: PipeWriter) -> ! {
    let _ = setsid();
    let reason = match unblock_signals() {
        Ok(()) => execute(run),
        Err(error) => error.to_string(),
    };
    let _ = writer.write_all(reason.as_bytes());
    drop(writer);
    #[expect(
        clippy::exit,
        reason = "the other half of a fork must not return into what its parent does"
    )]
    std::process::exit(127)
}

fn executed(reader: PipeReader) -> Result<(), String> {
    let mut reason = String::new();
    reader
        .take(REASON_MAX)
        .read_to_string(&mut reason)
        .map_err(|error| error.to_string())?;
    if reason.is_empty() {
        Ok(())
    } else {
        Err(reason)
    }
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
