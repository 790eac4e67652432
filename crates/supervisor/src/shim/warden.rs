//! The loop above a program, for shims and keepers alike: output, verbs, signals, the end.

mod ending;
mod succession;

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use plimsoll_bundle::Digest;
use plimsoll_stdx::backoff::Backoff;
use plimsoll_stdx::clock::unix_ms;
use plimsoll_stdx::fs::read_bounded;
use plimsoll_stdx::net::frame::{self, FrameError};
use plimsoll_stdx::net::{handover, unix};
use plimsoll_stdx::process::{ProcessId, boot_id};
use plimsoll_stdx::random;
use plimsoll_store::state::{self, MAX_LEN};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Signal, set_child_subreaper, setsid};

use super::child::Child;
use super::containment::Containment;
use super::handoff::{Entered, Run, Tie};
use super::keep::{Draft, keep};
use super::launch::launch;
use super::output::{Flow, Output, Source};
use super::relay::Relay;
use super::serve::{Wish, serve, serve_door};
use super::sys::{Reaped, Signals, reap};
use super::word::{release_stdio, say};
use super::{MOUNT_POINT, Started, door, memory};
use crate::logs::Stream;
use crate::order::StopSignal;
use crate::record::{
    ExitReason, PROTOCOL, Program, SHIM_FILE, SHIM_FORMAT, SPEC_FILE, SPEC_FORMAT, ShimRecord,
    Spec, socket_name,
};
use crate::secrets::Secrets;

/// How often old output is looked at, and the longest sleep.
const LOOK_EVERY: Duration = Duration::from_mins(1);
/// The wait before a keeper starts its program again: at once at first, so that a gateway is back within 200 ms.
const RESPAWN: Backoff = Backoff {
    base_ms: 50,
    cap_ms: 5_000,
};
/// A program that lived so long did not fail at its start.
const LIVED: Duration = Duration::from_secs(10);

/// What a warden is besides a shim.
#[derive(Debug)]
pub(crate) enum Post {
    /// Ends with its program.
    Shim,
    /// Starts its program again.
    Keeper {
        /// What the program serves.
        sockets: Vec<handover::Sockets>,
    },
}

/// Why the loop is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Course {
    On,
    Stopping { kill_at: Instant },
    Killed,
}

/// The loop's state.
#[derive(Debug)]
pub(crate) struct Warden {
    /// A path that stays valid when the root is exchanged and the user is another.
    pub(crate) dir: PathBuf,
    /// Where a root is put together: by its real path, because a descriptor leads to the mounts of before.
    pub(crate) mount_point: PathBuf,
    _handle: File,
    pub(crate) spec: Spec,
    secrets: Secrets,
    pub(crate) record: ShimRecord,
    pub(crate) post: Post,
    signals: Signals,
    listener: UnixListener,
    door: Option<UnixListener>,
    output: Output,
    child: Option<Child>,
    /// Programs that finish what they have, since another one serves.
    leaving: Vec<Child>,
    course: Course,
    /// When a keeper starts its program again.
    respawn_at: Option<Instant>,
    failures: u32,
    /// When old output was looked at.
    looked: Instant,
    /// Largest resident memory in bytes and CPU in milliseconds of those that have ended.
    used: (u64, u64),
    oom_before: Option<u64>,
    containment: Option<Containment>,
    /// What carries the program's connections, where it has edges.
    relay: Option<Relay>,
    end: Option<ExitReason>,
    killed_descendants: u32,
}

/// Why a shim or keeper could not do its work.
pub(crate) type WardenError = String;

impl Warden {
    /// Reads orders and secrets and opens the socket; nothing runs yet.
    pub(crate) fn open(dir: &Path) -> Result<Self, WardenError> {
        let handle = File::open(dir).map_err(text)?;
        let mount_point = dir.join(MOUNT_POINT);
        let dir = PathBuf::from(format!("/proc/self/fd/{}", handle.as_raw_fd()));
        let bytes = read_bounded(&dir.join(SPEC_FILE), MAX_LEN).map_err(text)?;
        let spec: Spec = state::decode(&bytes, &dir.join(SPEC_FILE), SPEC_FORMAT).map_err(text)?;
        let secrets: Secrets = match frame::read(&mut io::stdin()) {
            Ok(secrets) => secrets,
            Err(FrameError::Closed) => return Err("the supervisor died".to_owned()),
            Err(error) => return Err(error.to_string()),
        };
        // Its own session: no terminal and no signal for the supervisor's group reaches it. It is one already when
        // somebody started it so.
        let _ = setsid();
        set_child_subreaper(Some(rustix::process::getpid())).map_err(text)?;
        let signals = Signals::collect(&[
            libc::SIGCHLD,
            libc::SIGTERM,
            libc::SIGINT,
            libc::SIGQUIT,
            libc::SIGHUP,
            libc::SIGUSR2,
        ])
        .map_err(text)?;
        let name = socket_name(spec.order.kind);
        let listener = unix::bind_in(&handle, name).map_err(text)?;
        listener.set_nonblocking(true).map_err(text)?;
        let door = door::open(&spec)?;
        let record = ShimRecord {
            instance: spec.instance(),
            shim: ProcessId::own().map_err(text)?,
            boot_id: boot_id().map_err(text)?,
            protocol: PROTOCOL,
            spec: Digest::of(&bytes),
            program: None,
            respawns: 0,
            listening: std::collections::BTreeMap::new(),
        };
        let output = Output::open(&dir, &spec.order.logs);
        Ok(Self {
            dir,
            mount_point,
            _handle: handle,
            spec,
            secrets,
            record,
            post: Post::Shim,
            signals,
            listener,
            door,
            output,
            child: None,
            leaving: Vec::new(),
            course: Course::On,
            respawn_at: None,
            failures: 0,
            looked: Instant::now(),
            used: (0, 0),
            oom_before: None,
            containment: None,
            relay: None,
            end: None,
            killed_descendants: 0,
        })
    }

    /// Starts the program, tells the supervisor, and stays until nothing of it is left.
    pub(crate) fn run(mut self) -> Result<(), WardenError> {
        let path = self.dir.join(SHIM_FILE);
        let draft = match self.post {
            Post::Shim => Some(Draft::begin(&path, SHIM_FORMAT, &self.record)?),
            // That of the keeper before lies there, and is good until there is another.
            Post::Keeper { .. } => {
                self.save_record()?;
                None
            }
        };
        if let Err(reason) = self.start() {
            // A keeper could try again, but what fails at the first start fails for the orders' sake.
            self.end = Some(ExitReason::NotStarted {
                reason: reason.clone(),
            });
            self.finish()?;
            return Err(reason);
        }
        match draft {
            Some(draft) => draft.amend(&self.record)?,
            None => self.save_record()?,
        }
        let started = Started::Running(Box::new(self.record.clone()));
        // A supervisor that died meanwhile will adopt us; we go on without the word.
        say(&started);
        release_stdio()?;
        while self.end.is_none() {
            self.wait();
            // Signals first: one that tells of a death after the look for the dead would be taken and never heeded.
            self.take_signals();
            self.reap();
            self.take_output();
            self.answer();
            self.open_door();
            self.keep_time();
        }
        self.finish()
    }

    fn start(&mut self) -> Result<(), String> {
        let keeper = matches!(self.post, Post::Keeper { .. });
        if !keeper {
            self.relay = Relay::start(&self.spec)?;
            self.containment = Containment::enter(&self.spec, &self.mount_point)?;
            if let Some(relay) = &mut self.relay {
                relay.open(&self.spec.order)?;
            }
        }
        if self.containment.is_none() {
            self.oom_before = memory::oom_kills();
        }
        let containment = self.containment.as_ref();
        let launched = launch(&Run {
            order: &self.spec.order,
            ports: &self.spec.ports,
            secrets: &self.secrets,
            token: &self.spec.token,
            mount_point: &self.mount_point,
            entered: if keeper { Entered::Yes } else { Entered::No },
            tie: if keeper { Tie::Survives } else { Tie::Dies },
            containment,
        })?;
        let applied = launched.applied.clone();
        let mut applied = match containment {
            Some(containment) => containment.complete(applied),
            None => applied,
        };
        let edges = self.relay.iter().map(|_| Relay::control(&self.spec.order));
        applied.controls.extend(edges);
        let contained = containment.is_some();
        let mut child = Child::new(launched)?;
        let voice = self.relay.as_mut().and_then(Relay::voice);
        let source = |voice| Source::new(voice, Stream::Stderr).ok();
        child.sources.extend(voice.and_then(source));
        self.record.program = Some(Program {
            process: child.process,
            init: contained.then_some(child.top),
            since_ms: unix_ms(SystemTime::now()),
            mount_ns: applied.mount_ns,
            class: applied.class,
            controls: applied.controls,
        });
        self.child = Some(child);
        Ok(())
    }

    fn save_record(&self) -> Result<(), WardenError> {
        keep(&self.dir.join(SHIM_FILE), SHIM_FORMAT, &self.record)
    }

    fn wait(&self) {
        let now = Instant::now();
        let mut until = now + LOOK_EVERY;
        if let Course::Stopping { kill_at } = self.course {
            until = until.min(kill_at);
        }
        until = self.respawn_at.map_or(until, |at| until.min(at));
        let timeout = Timespec::try_from(until.saturating_duration_since(now)).ok();
        let mut fds = vec![
            PollFd::from_borrowed_fd(self.signals.as_fd(), PollFlags::IN),
            PollFd::from_borrowed_fd(self.listener.as_fd(), PollFlags::IN),
        ];
        let door = self.door.iter();
        fds.extend(door.map(|door| PollFd::from_borrowed_fd(door.as_fd(), PollFlags::IN)));
        let programs = self.child.iter().chain(&self.leaving);
        let sources = programs.flat_map(|child| &child.sources);
        fds.extend(sources.map(|source| PollFd::new(&source.pipe, PollFlags::IN)));
        // Interrupted or not, everything is looked at next.
        let _ = poll(&mut fds, timeout.as_ref());
    }

    fn reap(&mut self) {
        while let Some(reaped) = reap() {
            if self.lost_relay(reaped) || self.has_left(reaped) {
                continue;
            }
            self.used = (
                self.used.0.max(reaped.max_rss_bytes),
                self.used.1 + reaped.cpu_ms,
            );
            let ours = self.child.as_ref().map(|child| child.top.pid);
            if ours == Some(reaped.pid) {
                self.program_ended(reaped);
            }
        }
    }

    /// Whether it was the relay that ended. A program without its connections is not what was ordered: it ends too, and
    /// the supervisor starts both again. (A new relay could not be had: this process has left the machine's network.)
    fn lost_relay(&mut self, reaped: Reaped) -> bool {
        let lost = self
            .relay
            .take_if(|relay| relay.process.pid == reaped.pid)
            .is_some();
        if lost {
            self.output
                .note("plimsoll: the relay of its connections died");
            self.send(Signal::KILL);
        }
        lost
    }

    fn program_ended(&mut self, reaped: Reaped) {
        let ending = match &mut self.child {
            Some(child) => child.ending(reaped),
            None => return,
        };
        self.killed_descendants += ending.killed;
        let reason = match ending.end {
            Ok(code) => ExitReason::Code { code },
            Err(signal) => ExitReason::Signal {
                signal,
                out_of_memory: self.out_of_memory(signal),
            },
        };
        self.relay.take().into_iter().for_each(Relay::end);
        self.tidy();
        let lived = self
            .child
            .take()
            .map_or(Duration::ZERO, |child| child.started.elapsed());
        if matches!(self.post, Post::Shim) || self.course != Course::On {
            self.end = Some(reason);
            return;
        }
        self.failures = if lived >= LIVED { 1 } else { self.failures + 1 };
        let wait = RESPAWN.delay(self.failures, random::number());
        self.respawn_at = Some(Instant::now() + wait);
    }

    /// The kernel counts its kills for want of memory. If the count stood still it was not that; if it moved, it may
    /// have been another process.
    fn out_of_memory(&self, signal: i32) -> Option<bool> {
        if signal != libc::SIGKILL || self.course != Course::On {
            return Some(false);
        }
        if let Some(containment) = &self.containment {
            return containment.out_of_memory();
        }
        (self.oom_before? == memory::oom_kills()?).then_some(false)
    }

    fn respawn(&mut self) {
        self.respawn_at = None;
        if self.start().is_ok() {
            self.record.respawns += 1;
        } else {
            self.failures = self.failures.saturating_add(1);
            let wait = RESPAWN.delay(self.failures, random::number());
            self.respawn_at = Some(Instant::now() + wait);
        }
        // The answer to Info is right in any case; the file is for when we are dead.
        let _ = self.save_record();
    }

    fn take_signals(&mut self) {
        for signal in self.signals.take() {
            if matches!(signal, libc::SIGTERM | libc::SIGINT | libc::SIGQUIT) {
                self.stop();
            } else if signal == libc::SIGUSR2 {
                self.succeed();
            }
        }
    }

    fn stop(&mut self) {
        if self.course != Course::On {
            return;
        }
        let grace = Duration::from_millis(self.spec.order.grace_ms);
        self.course = Course::Stopping {
            kill_at: Instant::now() + grace,
        };
        let signal = match self.spec.order.stop_signal {
            StopSignal::Term => Signal::TERM,
            StopSignal::Int => Signal::INT,
            StopSignal::Quit => Signal::QUIT,
        };
        self.send(signal);
        if self.child.is_none() {
            self.end = Some(ExitReason::Code { code: 0 });
        }
    }

    fn send(&self, signal: Signal) {
        if let Some(child) = &self.child {
            // One that has just died is reaped in this round or the next.
            let _ = child.process.signal(signal);
        }
        self.send_to_leaving(signal);
    }

    fn take_output(&mut self) {
        if let Some(child) = &mut self.child {
            let output = &mut self.output;
            child
                .sources
                .retain_mut(|source| source.drain(output) == Flow::Open);
        }
        self.take_last_words();
    }

    fn answer(&mut self) {
        while let Ok((stream, _)) = self.listener.accept() {
            let sockets = match &self.post {
                Post::Shim => &[][..],
                Post::Keeper { sockets } => sockets,
            };
            match serve(stream, &self.record, sockets) {
                Wish::Nothing => {}
                Wish::Signal(number) => self.wished(number),
            }
        }
    }

    fn open_door(&self) {
        let (Some(listener), Some(door)) = (&self.door, &self.spec.order.door) else {
            return;
        };
        while let Ok((stream, _)) = listener.accept() {
            serve_door(stream, door, &self.spec.ports);
        }
    }

    fn wished(&mut self, number: i32) {
        let ends = matches!(
            number,
            libc::SIGTERM | libc::SIGINT | libc::SIGQUIT | libc::SIGKILL
        );
        if number == libc::SIGKILL {
            self.course = Course::Killed;
            self.send(Signal::KILL);
            if self.child.is_none() {
                self.end = Some(ExitReason::Code { code: 0 });
            }
        } else if ends && matches!(self.post, Post::Keeper { .. }) {
            self.stop();
        } else if number == libc::SIGUSR2 && matches!(self.post, Post::Keeper { .. }) {
            self.succeed();
        } else if let Some(signal) = Signal::from_named_raw(number) {
            self.send(signal);
        }
    }

    fn keep_time(&mut self) {
        let now = Instant::now();
        if let Course::Stopping { kill_at } = self.course
            && kill_at <= now
        {
            self.course = Course::Killed;
            self.send(Signal::KILL);
        }
        if self.respawn_at.is_some_and(|at| at <= now) && self.end.is_none() {
            self.respawn();
        }
        if self.looked.elapsed() >= LOOK_EVERY {
            self.looked = now;
            self.output.expire();
        }
    }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
