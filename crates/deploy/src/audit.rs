//! Who changed what, when, from which release to which: entries of a chained log.
//!
//! A change has two entries: one before anything is touched, so that a change whose maker was killed is not missing,
//! and one with how it ended.

use std::path::Path;
use std::time::Duration;

use plimsoll_stdx::lock::{Lock, LockError};
use plimsoll_store::chain::{self, Chain, ChainError, Check, Line};
use plimsoll_store::state::Format;
use serde::{Deserialize, Serialize};

use crate::ReleaseId;

/// The format of the log.
pub const FORMAT: Format = Format {
    name: "plimsoll.audit",
    version: 1,
};
/// The name of the log in the folder of an environment.
pub const FILE: &str = "audit.jsonl";
/// Taken by whoever adds an entry. Not the environment's own lock: a change that is refused because another one holds
/// that lock is worth an entry too.
const LOCK: &str = "audit.lock";
/// An entry takes two flushes to disk; a hundred of them wait in line at most.
const LOCK_TRIES: u32 = 250;
const LOCK_PAUSE: Duration = Duration::from_millis(20);
/// Longest text of an entry in bytes: an explanation, not a log.
const TEXT_MAX: usize = 4096;

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// When, RFC 3339 in UTC, by this machine's clock.
    pub at: String,
    /// Who.
    pub who: Who,
    /// What was done.
    pub action: Action,
    /// What it was done to: a service with its count, a secret's name. Never a value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<String>,
    /// The release in force before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<ReleaseId>,
    /// The release in force after, or the one that was wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<ReleaseId>,
    /// How far it is.
    pub outcome: Outcome,
    /// Why it ended so, and what was counted meanwhile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
}

/// Who did it, as the system knows them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Who {
    /// The number of the user that the command ran as.
    pub uid: u32,
    /// Their name, where the machine knows one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Who they say they were before they became that user (`SUDO_USER`): a hint, not a proof.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sudo: Option<String>,
    /// The machine that the command ran on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
}

impl Who {
    /// The name that the machine knows them by, or their number, with who they were before they became it.
    pub fn name(&self) -> String {
        let user = self.user.clone();
        let user = user.unwrap_or_else(|| format!("uid {}", self.uid));
        match &self.sudo {
            Some(before) => format!("{user} (for {before})"),
            None => user,
        }
    }
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// A release was brought into force in front of a person.
    Up,
    /// A release was brought into force.
    Deploy,
    /// An earlier release was brought back.
    Rollback,
    /// The migration of a service was tried on a copy of the schema.
    Rehearse,
    /// The migration of a service was let at its schema.
    Migrate,
    /// The number of replicas was changed by hand.
    Scale,
    /// A secret got a value.
    SecretSet,
    /// A secret got a new generated value.
    SecretRotate,
    /// Everything was stopped.
    Down,
    /// Everything was stopped and its data deleted.
    DownData,
    /// Releases that nobody needs were deleted.
    Cleanup,
}

/// How far a change is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It begins.
    Begun,
    /// It is so.
    Done,
    /// There was nothing to do.
    Unchanged,
    /// It was taken back.
    Undone,
    /// It failed, and what does no harm was left standing.
    Stopped,
    /// It ended with an error.
    Failed,
}

/// Why nothing was added.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The log.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// Somebody else adds entries and does not end.
    #[error(transparent)]
    Lock(#[from] LockError),
}

/// Adds an entry to the log in the folder `env`; its number. On disk when this returns. Waits up to five seconds for
/// others that add entries.
pub fn record(env: &Path, entry: &Entry) -> Result<u64, AuditError> {
    let mut entry = entry.clone();
    for text in [&mut entry.of, &mut entry.because].into_iter().flatten() {
        shorten(text);
    }
    let _alone = lock(env)?;
    Ok(Chain::open(&env.join(FILE), FORMAT)?.append(&entry)?)
}

fn lock(env: &Path) -> Result<Lock, LockError> {
    let path = env.join(LOCK);
    for _ in 1..LOCK_TRIES {
        match Lock::try_new(&path) {
            Err(LockError::Held(_)) => std::thread::sleep(LOCK_PAUSE),
            other => return other,
        }
    }
    Lock::try_new(&path)
}

/// Reads and recomputes the log in the folder `env`.
pub fn read(env: &Path, each: impl FnMut(Line<Entry>)) -> Result<Check, ChainError> {
    chain::check(&env.join(FILE), FORMAT, each)
}

fn shorten(text: &mut String) {
    if text.len() > TEXT_MAX {
        let end = (0..=TEXT_MAX).rev().find(|end| text.is_char_boundary(*end));
        text.truncate(end.unwrap_or(0));
        text.push('…');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(because: &str) -> Entry {
        Entry {
            at: "2026-11-21T11:05:38.123Z".into(),
            who: Who {
                uid: 1000,
                user: Some("ada".into()),
                sudo: None,
                host: Some("quay".into()),
            },
            action: Action::Deploy,
            of: None,
            from: None,
            to: Some("r000000000001".parse().unwrap()),
            outcome: Outcome::Done,
            because: Some(because.into()),
        }
    }

    #[test]
    fn an_entry_comes_back_as_it_was_written_and_a_long_reason_is_cut() {
        let env = tempfile::tempdir().unwrap();
        record(env.path(), &entry("because")).unwrap();
        record(env.path(), &entry(&"ü".repeat(TEXT_MAX))).unwrap();
        let mut entries = Vec::new();
        let check = read(env.path(), |line| entries.push(line.record)).unwrap();
        assert!(check.faults.is_empty());
        assert_eq!(entries[0], entry("because"));
        let cut = entries[1].because.as_ref().unwrap();
        assert!(cut.len() <= TEXT_MAX + 3 && cut.ends_with('…'));
    }

    #[test]
    fn a_log_of_version_one_still_reads() {
        let env = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/formats/audit");
        let mut entries = Vec::new();
        let check = read(&env, |line| entries.push(line.record)).unwrap();
        assert!(check.faults.is_empty(), "{check:?}");
        assert_eq!(entries, [entry("because")]);
    }
}
