//! What an attack says of itself: one line of JSON.

use std::fmt::Display;
use std::io;

use serde::{Deserialize, Serialize};

/// What an attack came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It got what it was after.
    Succeeded,
    /// It was kept from it.
    Refused,
    /// There is nothing here to attack: this kernel or this machine does not have it.
    Unsupported,
}

/// What one attack saw.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// Which.
    pub attack: String,
    /// What it came to.
    pub outcome: Outcome,
    /// What was seen, in a few words: `EPERM at unshare`.
    pub detail: String,
}

/// Why an attack did not succeed.
#[derive(Debug)]
pub(crate) struct Stopped {
    outcome: Outcome,
    detail: String,
}

/// What an attack got, in words, or why not.
pub(crate) type Tried = Result<String, Stopped>;

impl Stopped {
    /// Kept from it, in other words than an error of the system.
    pub(crate) fn refused(detail: impl Into<String>) -> Self {
        Self {
            outcome: Outcome::Refused,
            detail: detail.into(),
        }
    }

    /// Nothing here to attack.
    pub(crate) fn unsupported(detail: impl Into<String>) -> Self {
        Self {
            outcome: Outcome::Unsupported,
            detail: detail.into(),
        }
    }
}

/// What the system answered to `call`.
pub(crate) fn at<E: Into<io::Error>>(call: impl Display) -> impl FnOnce(E) -> Stopped {
    move |error| {
        let error: io::Error = error.into();
        let name = match error.raw_os_error() {
            Some(number) => errno(number),
            None => error.kind().to_string(),
        };
        let outcome = match error.raw_os_error() {
            Some(number) if ABSENT.contains(&number) => Outcome::Unsupported,
            _ => Outcome::Refused,
        };
        Stopped {
            outcome,
            detail: format!("{name} at {call}"),
        }
    }
}

impl Answer {
    pub(crate) fn of(attack: &str, tried: Tried) -> Self {
        let (outcome, detail) = match tried {
            Ok(detail) => (Outcome::Succeeded, detail),
            Err(stopped) => (stopped.outcome, stopped.detail),
        };
        Self {
            attack: attack.to_owned(),
            outcome,
            detail,
        }
    }
}

/// Names that a reader of `man 2` knows; of the others the number is said.
const NAMES: &[(i32, &str)] = &[
    (1, "EPERM"),
    (2, "ENOENT"),
    (3, "ESRCH"),
    (5, "EIO"),
    (6, "ENXIO"),
    (8, "ENOEXEC"),
    (11, "EAGAIN"),
    (12, "ENOMEM"),
    (13, "EACCES"),
    (16, "EBUSY"),
    (19, "ENODEV"),
    (20, "ENOTDIR"),
    (22, "EINVAL"),
    (24, "EMFILE"),
    (30, "EROFS"),
    (38, "ENOSYS"),
    (93, "EPROTONOSUPPORT"),
    (95, "EOPNOTSUPP"),
    (97, "EAFNOSUPPORT"),
    (99, "EADDRNOTAVAIL"),
    (101, "ENETUNREACH"),
    (104, "ECONNRESET"),
    (110, "ETIMEDOUT"),
    (111, "ECONNREFUSED"),
    (113, "EHOSTUNREACH"),
];

/// Errors by which a kernel says that it does not have the thing: ENODEV, ENOSYS, EPROTONOSUPPORT, EAFNOSUPPORT.
const ABSENT: &[i32] = &[19, 38, 93, 97];

fn errno(number: i32) -> String {
    let known = NAMES.iter().find(|(known, _)| *known == number);
    known.map_or_else(|| format!("errno {number}"), |(_, name)| (*name).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_named_with_the_call_that_it_came_from() {
        for (number, outcome, detail) in [
            (1, Outcome::Refused, "EPERM at unshare"),
            (38, Outcome::Unsupported, "ENOSYS at unshare"),
            (97, Outcome::Unsupported, "EAFNOSUPPORT at unshare"),
            (133, Outcome::Refused, "errno 133 at unshare"),
        ] {
            let tried = Err(at("unshare")(io::Error::from_raw_os_error(number)));
            let answer = Answer::of("unshare-user", tried);
            assert_eq!((answer.outcome, answer.detail.as_str()), (outcome, detail));
        }
    }

    #[test]
    fn an_answer_is_one_line_that_reads_back() {
        let answer = Answer::of("write-root", Ok("two\nlines".into()));
        let line = serde_json::to_string(&answer).unwrap();
        assert!(!line.contains('\n'));
        assert_eq!(serde_json::from_str::<Answer>(&line).unwrap(), answer);
    }
}
