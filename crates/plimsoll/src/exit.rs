//! Exit codes (DESIGN.md section 7).

use std::process::ExitCode;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ExitStatus {
    /// Done, and as promised.
    Success,
    /// The user's app falls short: findings, a failed roll-out that was undone.
    AppFault,
    /// Wrong usage, or a path that is not there.
    Usage,
    /// Our own failure.
    Internal,
}

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> Self {
        Self::from(match status {
            ExitStatus::Success => 0,
            ExitStatus::AppFault => 1,
            ExitStatus::Usage => 2,
            ExitStatus::Internal => 3,
        })
    }
}

/// An error whose exit code is known where it arises.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) status: ExitStatus,
    pub(crate) error: anyhow::Error,
    /// What to do about it, printed under the error.
    pub(crate) advice: Option<String>,
}

pub(crate) type Result<T> = std::result::Result<T, Failure>;

impl Failure {
    pub(crate) fn usage(error: impl Into<anyhow::Error>) -> Self {
        Self {
            status: ExitStatus::Usage,
            error: error.into(),
            advice: None,
        }
    }

    pub(crate) fn app(error: impl Into<anyhow::Error>) -> Self {
        Self {
            status: ExitStatus::AppFault,
            error: error.into(),
            advice: None,
        }
    }

    pub(crate) fn internal(error: impl Into<anyhow::Error>) -> Self {
        Self {
            status: ExitStatus::Internal,
            error: error.into(),
            advice: None,
        }
    }

    /// The app's fault, or ours.
    pub(crate) fn of(error: impl Into<anyhow::Error>, is_users_fault: bool) -> Self {
        if is_users_fault {
            Self::app(error)
        } else {
            Self::internal(error)
        }
    }

    /// Somebody said stop before what was asked for was so. Not done, and the app's fault it is not either: whoever
    /// typed the command ended it.
    pub(crate) fn interrupted() -> Self {
        Self::usage(anyhow::anyhow!("interrupted"))
    }

    #[must_use]
    pub(crate) fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    /// [`Self::advise`] where there is advice.
    #[must_use]
    pub(crate) fn advise_maybe(mut self, advice: Option<String>) -> Self {
        self.advice = advice.or(self.advice);
        self
    }
}
