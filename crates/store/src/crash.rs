//! The crash seam: kills this process before or after a journal record, so that tests can show what a crash there
//! leaves behind. The binary reads `PLIMSOLL_CRASH_AT` in debug builds only and passes the value on.

use std::fmt;
use std::str::FromStr;

use rustix::process::{Signal, getpid, kill_process};

/// Where to die. Written `N`, `N:before` or `N:after`; `N` alone means after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CrashPoint {
    /// The record, counted from 1 among those that this process appends.
    pub record: u64,
    /// Before the record is durable, or after.
    pub side: Side,
}

/// Which side of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Nothing of the record is written.
    Before,
    /// The record is durable and its effect has not begun.
    After,
}

/// A text that is no crash point.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no crash point: expected N, N:before or N:after with N from 1")]
pub struct CrashPointError(String);

impl FromStr for CrashPoint {
    type Err = CrashPointError;

    fn from_str(text: &str) -> Result<Self, CrashPointError> {
        let (number, side) = match text.split_once(':') {
            None | Some((_, "after")) => (text.trim_end_matches(":after"), Side::After),
            Some((number, "before")) => (number, Side::Before),
            Some(_) => return Err(CrashPointError(text.to_owned())),
        };
        match number.parse() {
            Ok(record) if record > 0 => Ok(Self { record, side }),
            Ok(_) | Err(_) => Err(CrashPointError(text.to_owned())),
        }
    }
}

impl fmt::Display for CrashPoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = match self.side {
            Side::Before => "before",
            Side::After => "after",
        };
        write!(formatter, "{}:{side}", self.record)
    }
}

impl CrashPoint {
    /// Dies here if this is the place. SIGKILL and not a panic: nothing may be tidied up.
    pub(crate) fn strike(self, record: u64, side: Side) {
        if self.record == record && self.side == side {
            let _ = kill_process(getpid(), Signal::KILL);
            std::process::abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crash_point_reads_what_it_writes_and_refuses_the_rest() {
        for text in ["1:before", "20:after"] {
            assert_eq!(text.parse::<CrashPoint>().unwrap().to_string(), text);
        }
        assert_eq!("3".parse::<CrashPoint>().unwrap().to_string(), "3:after");
        for text in [
            "",
            "0",
            "x",
            "1:",
            "1:later",
            "-1",
            "1:before:after",
            ":after",
        ] {
            assert!(text.parse::<CrashPoint>().is_err(), "{text}");
        }
    }
}
