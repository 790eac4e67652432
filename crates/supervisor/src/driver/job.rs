//! One-shot jobs.

use std::time::Duration;

use super::{SuperviseError, Supervisor};
use crate::logs::{self, Line};
use crate::order::{Kind, Order};
use crate::record::{ExitReason, ExitRecord};

/// Lines of output that come with a job's end; the rest stays on disk.
const OUTPUT_LINES: usize = 1000;

/// How a job ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobExit {
    /// What its shim wrote.
    pub exit: Option<ExitRecord>,
    /// Its last lines of output, both streams, oldest first.
    pub output: Vec<Line>,
    /// Whether it was stopped because its time was over.
    pub timed_out: bool,
}

impl JobExit {
    /// Whether it ended by itself with code 0 and in time.
    pub fn is_success(&self) -> bool {
        let code = self.exit.as_ref().map(|exit| &exit.reason);
        !self.timed_out && matches!(code, Some(ExitReason::Code { code: 0 }))
    }

    /// Its output as text, one stream or both mixed in the order of writing.
    pub fn text(&self) -> String {
        let lines: Vec<&str> = self.output.iter().map(|line| line.text.as_str()).collect();
        lines.join("\n")
    }
}

pub(super) async fn run(
    supervisor: &Supervisor,
    mut order: Order,
    within: Duration,
) -> Result<JobExit, SuperviseError> {
    order.kind = Kind::Job;
    let id = order.id.clone();
    supervisor.start(order).await?;
    let timed_out = match supervisor.wait_ended(&id, within).await {
        Ok(()) => false,
        Err(SuperviseError::Late { .. }) => {
            supervisor.stop(&id).await?;
            true
        }
        Err(error) => return Err(error),
    };
    let status = supervisor.status_of(&id).await?;
    supervisor.forget(&id).await?;
    let output = match status.dir {
        Some(dir) => tokio::task::spawn_blocking(move || logs::tail(&dir, OUTPUT_LINES))
            .await
            .map_err(|_| SuperviseError::Closed)??,
        None => Vec::new(),
    };
    Ok(JobExit {
        exit: status.last_exit,
        output,
        timed_out,
    })
}
