//! The caller's side: blocking, with a look at the caller's wish to stop at every wait.

use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use plimsoll_stdx::net::frame::{self, FrameError};
use plimsoll_stdx::net::unix;

use super::SOCKET;
use super::wire::{Answer, Hello, PROTO, Reply, Request, Verb, Welcome};
use crate::event::Event;
use crate::{EnvDir, LocalError};

/// How often a wait looks whether the caller wants to stop: below what a person notices.
const LOOK: Duration = Duration::from_millis(100);
/// Longest wait for the answer to a hello; the daemon answers from memory.
const HELLO: Duration = Duration::from_secs(5);
/// Longest wait for the rest of a message whose first byte has come.
const REST: Duration = Duration::from_secs(10);

/// The caller's wish to stop; clones share it. Fit for a signal handler.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// A wish that nobody has yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks to stop.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether somebody asked.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A connection to the daemon of one environment.
#[derive(Debug)]
pub(crate) struct Client {
    stream: UnixStream,
    welcome: Welcome,
    cancel: Cancel,
    token: u64,
}

impl Client {
    /// Connects and exchanges hellos.
    pub(crate) fn connect(env: &EnvDir, tool: &str, cancel: &Cancel) -> Result<Self, LocalError> {
        let mut stream = unix::connect(env.path(), SOCKET).map_err(LocalError::Connect)?;
        stream
            .set_read_timeout(Some(HELLO))
            .map_err(LocalError::Connect)?;
        stream
            .set_write_timeout(Some(REST))
            .map_err(LocalError::Connect)?;
        let hello = Hello {
            proto: [PROTO, PROTO],
            tool: tool.to_owned(),
        };
        frame::write(&mut stream, &hello).map_err(LocalError::Lost)?;
        let welcome: Welcome = frame::read(&mut stream).map_err(LocalError::Lost)?;
        if welcome.proto != PROTO {
            return Err(LocalError::Protocol(format!(
                "it is plimsoll {}",
                welcome.tool
            )));
        }
        Ok(Self {
            stream,
            welcome,
            cancel: cancel.clone(),
            token: 0,
        })
    }

    /// Speaks for the holder of this lease from now on.
    #[must_use]
    pub(crate) fn holding(self, token: u64) -> Self {
        Self { token, ..self }
    }

    /// Whether the caller wants to stop.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancel.is_cancelled()
    }

    /// What the daemon said of itself.
    pub(crate) fn welcome(&self) -> &Welcome {
        &self.welcome
    }

    /// Asks, passes on what happens meanwhile, and returns the answer. `deadline` bounds the whole.
    ///
    /// Stopped in the middle, what was asked goes on at the daemon, and this connection is of no further use.
    pub(crate) fn call(
        &mut self,
        verb: Verb,
        deadline: Option<Duration>,
        on_event: &mut dyn FnMut(Event),
    ) -> Result<Answer, LocalError> {
        let request = Request {
            epoch: self.welcome.epoch,
            token: self.token,
            verb,
        };
        frame::write(&mut self.stream, &request).map_err(LocalError::Lost)?;
        let until = deadline.map(|limit| Instant::now() + limit);
        loop {
            match self.next(until)? {
                Reply::Event { event } => on_event(event),
                Reply::Done { answer } => return Ok(answer),
                Reply::Refused { refusal } => return Err(LocalError::Refused(refusal)),
            }
        }
    }

    /// Waits for the first byte with looks at the wish to stop, then for the rest of the message.
    fn next(&mut self, until: Option<Instant>) -> Result<Reply, LocalError> {
        self.stream
            .set_read_timeout(Some(LOOK))
            .map_err(LocalError::Connect)?;
        let mut first = [0; 1];
        loop {
            match self.stream.read(&mut first) {
                Ok(0) => return Err(LocalError::Lost(FrameError::Closed)),
                Ok(_) => break,
                Err(error) if is_time_out(&error) => self.ensure_wanted(until)?,
                Err(error) => return Err(LocalError::Lost(error.into())),
            }
        }
        self.stream
            .set_read_timeout(Some(REST))
            .map_err(LocalError::Connect)?;
        let mut rest = first.as_slice().chain(&mut self.stream);
        frame::read(&mut rest).map_err(LocalError::Lost)
    }

    fn ensure_wanted(&self, until: Option<Instant>) -> Result<(), LocalError> {
        if self.cancel.is_cancelled() {
            return Err(LocalError::Interrupted);
        }
        if until.is_some_and(|until| Instant::now() >= until) {
            return Err(LocalError::Lost(
                io::Error::from(io::ErrorKind::TimedOut).into(),
            ));
        }
        Ok(())
    }
}

fn is_time_out(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted
    )
}
