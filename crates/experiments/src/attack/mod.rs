//! What a hostile program in a replica would try: one function for each attempt, and the table of them.
//!
//! The attacker is this very binary: `plimsoll __attack NAME TARGETS` makes one attempt and prints one line of JSON. It
//! is static, so that it runs in an empty image, and dispatched before any thread exists, because one attempt forks.
//!
//! No attempt changes the machine, also where nothing holds it back: files have no name, mounts and devices are taken
//! away at once, switches are opened and not written, and calls that would replace the kernel carry arguments that it
//! refuses after it has looked at the permission.

mod answer;
mod capabilities;
mod control;
mod files;
mod kernel;
mod limits;
mod machine;
mod network;
mod ordinary;
mod privileges;
mod processes;
mod table;
mod targets;

use std::ffi::OsString;
use std::io::Write;

pub use answer::{Answer, Outcome};
pub use control::Control;
pub use table::ATTACKS;
pub use targets::Targets;

use answer::Tried;
pub(crate) use targets::{CANARY, CANARY_NAME};

/// The hidden verb of the binary.
pub const VERB: &str = "__attack";

/// What a replica does all day.
pub(crate) const ORDINARY: &str = "ordinary";
/// A replica that is there to be attacked.
pub(crate) const NEIGHBOUR: &str = "neighbour";
/// The attack that nothing inside can judge.
pub(crate) const CPU: &str = "cpu";
/// The attack that another user than root makes.
pub(crate) const SETUID_FILE: &str = "setuid-file";
pub(crate) const MEMORY_WITHIN: &str = "memory-within";
pub(crate) const PROCESSES_WITHIN: &str = "processes-within";
pub(crate) const DECLARED_PORT: &str = "declared-port";
const EFFECTIVE_USER: &str = "effective-user";

/// One attempt as a function.
pub(crate) type Run = fn(&Targets) -> Tried;

/// Programs beside the attacks.
const HELPERS: &[(&str, Run)] = &[
    (ORDINARY, ordinary::work),
    (NEIGHBOUR, ordinary::stay),
    (MEMORY_WITHIN, limits::memory_within),
    (PROCESSES_WITHIN, limits::processes_within),
    (DECLARED_PORT, network::declared_port),
    (EFFECTIVE_USER, privileges::effective_user),
];

/// One attempt.
#[derive(Debug, Clone, Copy)]
pub struct Attack {
    /// Unique, and kept from version to version.
    pub name: &'static str,
    /// The sentence that it tests.
    pub control: Control,
    /// What is done, for people.
    pub does: &'static str,
    /// The helper that must succeed contained where this must not: a limit that lets nothing through is none, and so is
    /// a network that carries nothing.
    pub(crate) within: Option<&'static str>,
    pub(crate) run: Run,
}

/// Makes the attempt that `args` (with the program's name first) ask for, and returns the exit code; `None` when they
/// are not for it. Call it before any thread exists.
///
/// The code is 0 however the attempt ended, which the line says, and 2 for an attempt that does not exist.
pub fn dispatch(args: &[OsString]) -> Option<u8> {
    let word = |index: usize| args.get(index).and_then(|word| word.to_str());
    if word(1)? != VERB {
        return None;
    }
    let targets = word(3).and_then(|text| serde_json::from_str(text).ok());
    let (Some(name), Some(targets)) = (word(2), targets) else {
        return Some(2);
    };
    let attacks = ATTACKS.iter().map(|attack| (attack.name, attack.run));
    let mut programs = attacks.chain(HELPERS.iter().copied());
    let Some((_, run)) = programs.find(|(known, _)| *known == name) else {
        return Some(2);
    };
    Some(say(&Answer::of(name, run(&targets))))
}

fn say(answer: &Answer) -> u8 {
    let line = serde_json::to_string(answer).unwrap_or_default();
    let mut out = std::io::stdout().lock();
    // Nobody to tell: the attempt is then taken for one that gave no answer.
    match writeln!(out, "{line}").and_then(|()| out.flush()) {
        Ok(()) => 0,
        Err(_) => 3,
    }
}
