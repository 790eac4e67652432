//! What a command leaves in the audit log: an entry before it touches anything, and one with how it ended.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use plimsoll_deploy::audit::{self, Action, Entry, Who};
use plimsoll_deploy::{ReleaseId, Step};
use plimsoll_local::{Ending, Event, Local, LocalError, Outcome};
use plimsoll_stdx::clock::{rfc3339, unix_ms};
use plimsoll_stdx::fs::read_bounded;

use crate::commands::failure;
use crate::exit::{Failure, Result};
use crate::printer::Printer;

/// A machine with a hundred thousand users has ten times less.
const PASSWD_MAX: u64 = 64 << 20;

/// A change that has its first entry.
#[derive(Debug)]
pub(crate) struct Trail {
    env: PathBuf,
    entry: Entry,
    /// The migration that is under way, or its try.
    migration: Option<Entry>,
}

impl Trail {
    /// Writes that `action` of `of` begins in the environment `name`. Without this entry nothing may be touched.
    pub(crate) fn begin(
        local: &Local,
        name: &str,
        (action, of): (Action, Option<String>),
    ) -> Result<Self> {
        let env = local.state().environment(name).map_err(failure)?;
        let entry = Entry {
            at: now(),
            who: who(),
            action,
            of,
            from: plimsoll_local::in_force(&env).map_err(failure)?,
            to: None,
            outcome: audit::Outcome::Begun,
            because: None,
        };
        let env = env.path().to_owned();
        audit::record(&env, &entry).map_err(|error| {
            Failure::internal(error).advise(
                "without an entry in the audit log nothing is changed: see `plimsoll audit verify`",
            )
        })?;
        Ok(Self {
            env,
            entry,
            migration: None,
        })
    }

    /// Writes down migrations and their tries: before each begins, and how it ended.
    pub(crate) fn note(&mut self, event: &Event, printer: Printer) {
        let ended = match event {
            Event::StepStarted { step, .. } => {
                self.migration = self.migration_of(step);
                self.record_migration(printer);
                return;
            }
            Event::StepDone { .. } => (audit::Outcome::Done, None),
            Event::StepFailed { message, .. } => (audit::Outcome::Failed, Some(message.clone())),
            _ => return,
        };
        if let Some(entry) = &mut self.migration {
            (entry.outcome, entry.because) = ended;
            entry.at = now();
            self.record_migration(printer);
        }
        self.migration = None;
    }

    fn migration_of(&self, step: &Step) -> Option<Entry> {
        let (action, release, service) = match step {
            Step::Rehearse { release, service } => (Action::Rehearse, release, service),
            Step::Migrate { release, service } => (Action::Migrate, release, service),
            _ => return None,
        };
        Some(Entry {
            at: now(),
            action,
            of: Some(service.clone()),
            to: Some(release.clone()),
            outcome: audit::Outcome::Begun,
            ..self.entry.clone()
        })
    }

    fn record_migration(&self, printer: Printer) {
        let Some(entry) = &self.migration else { return };
        if let Err(error) = audit::record(&self.env, entry) {
            printer.error(&format!("the audit log lacks a migration: {error}"));
        }
    }

    /// Writes how a deploy ended, with what was counted meanwhile.
    pub(crate) fn end(
        self,
        outcome: &std::result::Result<Outcome, LocalError>,
        counted: Option<&str>,
        printer: Printer,
    ) {
        let (how, to, because) = match outcome {
            Ok(outcome) => {
                let release = Some(outcome.release.clone());
                match &outcome.ending {
                    Ending::InForce => (audit::Outcome::Done, release, None),
                    Ending::Unchanged => (audit::Outcome::Unchanged, release, None),
                    Ending::Undone { message, .. } => {
                        (audit::Outcome::Undone, release, Some(message.clone()))
                    }
                    Ending::Stopped { message, .. } => {
                        (audit::Outcome::Stopped, release, Some(message.clone()))
                    }
                }
            }
            Err(error) => (audit::Outcome::Failed, None, Some(error.to_string())),
        };
        let because = [because.as_deref(), counted].into_iter().flatten();
        let because = because.collect::<Vec<_>>().join("; ");
        self.finish(how, to, (!because.is_empty()).then_some(because), printer);
    }

    /// Writes how something else ended.
    pub(crate) fn close<T>(self, ended: &std::result::Result<T, LocalError>, printer: Printer) {
        let (how, because) = match ended {
            Ok(_) => (audit::Outcome::Done, None),
            Err(error) => (audit::Outcome::Failed, Some(error.to_string())),
        };
        self.finish(how, None, because, printer);
    }

    fn finish(
        mut self,
        outcome: audit::Outcome,
        to: Option<ReleaseId>,
        because: Option<String>,
        printer: Printer,
    ) {
        self.entry.at = now();
        self.entry.outcome = outcome;
        self.entry.to = to;
        self.entry.because = because;
        if let Err(error) = audit::record(&self.env, &self.entry) {
            // What was done is done: it is said, and the log shows a change that never ended.
            printer.error(&format!("the audit log lacks how this ended: {error}"));
        }
    }
}

fn now() -> String {
    rfc3339(unix_ms(SystemTime::now()))
}

fn who() -> Who {
    let uid = rustix::process::getuid().as_raw();
    let passwd = read_bounded(Path::new("/etc/passwd"), PASSWD_MAX).unwrap_or_default();
    let node = rustix::system::uname();
    Who {
        uid,
        user: user(&String::from_utf8_lossy(&passwd), uid),
        sudo: std::env::var("SUDO_USER")
            .ok()
            .filter(|user| !user.is_empty()),
        host: node.nodename().to_str().ok().map(str::to_owned),
    }
}

/// The name of user `uid` (passwd(5)).
fn user(passwd: &str, uid: u32) -> Option<String> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let number: u32 = fields.nth(1)?.parse().ok()?;
        (number == uid).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::user;

    #[test]
    fn a_user_has_the_name_that_the_machine_knows_them_by() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nbroken\nada:x:1000:1000::/home/ada:/bin/sh\n";
        assert_eq!(user(passwd, 1000).as_deref(), Some("ada"));
        assert_eq!(user(passwd, 7), None);
    }
}
