//! How a change ended, for people and as an exit code.

use anyhow::anyhow;
use plimsoll_deploy::Fault;
use plimsoll_local::{Ending, Outcome};

use crate::exit::{ExitStatus, Failure, Result};

/// An error that says why, when the change was taken back.
pub(crate) fn ensure_in_force(outcome: &Outcome) -> Result<()> {
    let Ending::Undone {
        step,
        message,
        hint,
        fault,
    } = &outcome.ending
    else {
        return Ok(());
    };
    let now = if outcome.stopped {
        "nothing runs, as before"
    } else {
        "everything is as it was before"
    };
    Err(Failure {
        status: match fault {
            Fault::App => ExitStatus::AppFault,
            Fault::Usage => ExitStatus::Usage,
            Fault::Ours => ExitStatus::Internal,
        },
        error: anyhow!("{message}").context(format!("could not {step}; {now}")),
        advice: hint.clone(),
    })
}
