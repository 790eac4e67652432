//! How a change ended, for people and as an exit code.

use anyhow::anyhow;
use plimsoll_deploy::{Fault, ReleaseId};
use plimsoll_local::{Ending, Outcome};

use crate::exit::{ExitStatus, Failure, Result};

/// An error that says why, when the change was taken back or stopped.
pub(crate) fn ensure_in_force(outcome: &Outcome) -> Result<()> {
    match &outcome.ending {
        Ending::InForce | Ending::Unchanged => Ok(()),
        Ending::Undone {
            step,
            message,
            hint,
            fault,
        } => {
            let now = if outcome.stopped {
                "nothing runs, as before"
            } else {
                "everything is as it was before"
            };
            Err(Failure {
                status: status(*fault),
                error: anyhow!("{message}").context(format!("could not {step}; {now}")),
                advice: hint.clone(),
            })
        }
        Ending::Stopped {
            step,
            message,
            hint,
            fault,
            standing,
            in_force,
        } => {
            let now = match in_force {
                Some(release) => format!("{release} is in force and has all requests"),
                None => "no release is in force".to_owned(),
            };
            let ways = ways_on(standing, in_force.as_ref());
            Err(Failure {
                status: status(*fault),
                error: anyhow!("{message}").context(format!("could not {step}; {now}")),
                advice: Some(match hint {
                    Some(hint) => format!("{hint}\n{ways}"),
                    None => ways,
                }),
            })
        }
    }
}

fn status(fault: Fault) -> ExitStatus {
    match fault {
        Fault::App => ExitStatus::AppFault,
        Fault::Usage => ExitStatus::Usage,
        Fault::Ours => ExitStatus::Internal,
    }
}

/// What was left, and what can be done about it.
fn ways_on(standing: &[String], in_force: Option<&ReleaseId>) -> String {
    let mut text = String::from(if standing.is_empty() {
        "what an earlier change left standing is still there"
    } else {
        "left standing, because the file says rollout.undo = false:"
    });
    for step in standing {
        text.push_str("\n  ");
        text.push_str(step);
    }
    text.push('\n');
    text.push_str(match in_force {
        Some(_) => "`plimsoll rollback` takes it back; or mend what failed, and `plimsoll deploy`",
        None => "mend what failed, and `plimsoll deploy`; or end it: `plimsoll down`",
    });
    text
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn stopped(in_force: Option<&str>) -> Outcome {
        Outcome {
            release: "r000000000002".parse().unwrap(),
            ending: Ending::Stopped {
                step: "judge r000000000002 at 5% for 60 s".into(),
                message: "r000000000002 is worse".into(),
                hint: None,
                fault: Fault::App,
                standing: vec!["api of r000000000002: 0 to 1 canary replica".into()],
                in_force: in_force.map(|id| id.parse().unwrap()),
            },
            stopped: false,
            urls: Vec::new(),
            logins: Vec::new(),
            took: Duration::ZERO,
        }
    }

    #[test]
    fn a_change_that_was_not_taken_back_says_what_is_in_force_what_stands_and_the_ways_on() {
        let failure = ensure_in_force(&stopped(Some("r000000000001"))).unwrap_err();
        assert_eq!(failure.status, ExitStatus::AppFault);
        let said = format!("{:#}\n{}", failure.error, failure.advice.unwrap());
        for words in [
            "could not judge r000000000002",
            "r000000000001 is in force and has all requests",
            "r000000000002 is worse",
            "0 to 1 canary replica",
            "`plimsoll rollback` takes it back",
            "`plimsoll deploy`",
        ] {
            assert!(said.contains(words), "{words}: {said}");
        }
        let first = ensure_in_force(&stopped(None)).unwrap_err();
        assert!(first.advice.unwrap().contains("`plimsoll down`"));
    }
}
