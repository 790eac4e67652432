//! What happens while something is done: values, for whoever shows them.

use plimsoll_deploy::judge::Verdict;
use plimsoll_deploy::{Plan, Step};
use serde::{Deserialize, Serialize};

use crate::status::{ProcessKind, ProcessState};

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// A supervisor answers; `adopted` processes of an earlier one go on without a restart.
    Attached {
        /// The supervisor's process.
        pid: u32,
        /// Whether it was started just now.
        started: bool,
        /// Processes that it found running and kept.
        adopted: u32,
    },
    /// What an earlier run left half done is dealt with first.
    Unfinished {
        /// The release that the earlier run wanted.
        release: String,
        /// `resume` or `undo`.
        decision: Decision,
        /// Steps that were begun.
        begun: usize,
    },
    /// What an earlier change left standing when it failed: this one begins from there.
    Standing {
        /// The release that the earlier change wanted.
        release: String,
        /// Why it failed.
        because: String,
    },
    /// The change is known.
    Planned {
        /// All of it.
        plan: Plan,
    },
    /// A step begins.
    StepStarted {
        /// Its place in the plan.
        index: usize,
        /// How many there are.
        of: usize,
        /// The step.
        step: Step,
        /// The step in words.
        text: String,
    },
    /// A step ended well.
    StepDone {
        /// Its place in the plan.
        index: usize,
        /// How long it took.
        took_ms: u64,
    },
    /// A step failed; the steps that were begun are taken back.
    StepFailed {
        /// Its place in the plan.
        index: usize,
        /// What happened.
        message: String,
    },
    /// A look at a canary that is held: about one a second.
    Judged {
        /// The canary's release.
        release: String,
        /// Its share of new requests, in permille.
        share: u32,
        /// Since it has this share, in milliseconds.
        elapsed_ms: u64,
        /// For how long it is held at least, in milliseconds.
        hold_ms: u64,
        /// How it stands; the last one of a step is what was decided.
        verdict: Verdict,
        /// The verdict in words.
        text: String,
    },
    /// A step was taken back.
    StepUndone {
        /// Its place in the plan.
        index: usize,
    },
    /// A process changed its state.
    Process {
        /// What it is.
        kind: ProcessKind,
        /// Its name.
        name: String,
        /// Its state from now on.
        state: ProcessState,
        /// Why, where there is something to say.
        detail: Option<String>,
    },
    /// The load of a service asks for another number of replicas, and gets it.
    Scaling {
        /// The service.
        service: String,
        /// From so many.
        from: u32,
        /// To so many.
        to: u32,
        /// What was seen, and what was made of it.
        reason: String,
    },
    /// A line of a program's output.
    Output(LogLine),
    /// Something that the user should know, and that stops nothing.
    Warning {
        /// A phrase.
        message: String,
    },
    /// The supervisor is gone: in order, or because somebody killed it.
    Detached,
}

/// What is done about a change that an earlier run left half done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decision {
    /// It goes on.
    Resume,
    /// It is taken back.
    Undo,
}

/// A line of a program's output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// The replica, resource or job that wrote it.
    pub source: String,
    /// When, RFC 3339 in UTC; empty where it was not recorded.
    pub at: String,
    /// `out` or `err`.
    pub stream: Stream,
    /// The text, without its line end.
    pub text: String,
}

/// Which stream a line was written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// Receives events. Called on the thread of the caller, between other things: it should not block for long.
pub type Sink<'a> = dyn FnMut(Event) + 'a;
