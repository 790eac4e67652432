//! What the prober counted during a change, as the last line and the exit code of a command.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use plimsoll_bundle::local::GatewayTable;
use plimsoll_load::Tally;
use plimsoll_local::{Ending, EnvDir, Outcome};
use serde::Serialize;

use crate::exit::ExitStatus;
use crate::printer::{Printer, Tone};
use crate::prober::Counting;
use crate::progress::Progress;

/// Begins to count, where something is in force to ask for. What cannot be asked for is said.
pub(crate) fn start(
    env: &EnvDir,
    new: Option<&GatewayTable>,
    (state, judged): (&Path, bool),
    (printer, progress): (Printer, &Progress),
) -> Option<Arc<Counting>> {
    let warn = |message: &str| {
        let label = printer.paint(Tone::Warn, "warning");
        progress.say(&format!("{label}: {message}"));
    };
    let old = match plimsoll_local::routes_in_force(env) {
        Ok(old) => old?,
        Err(error) => {
            warn(&format!("nothing is probed: {error}"));
            return None;
        }
    };
    match Counting::start((&old, new), state, judged) {
        Ok((counting, skipped)) => {
            for target in skipped {
                progress.say(&printer.paint(
                    Tone::Dim,
                    &format!("  route {} is not probed: {}", target.name, target.reason),
                ));
            }
            Some(Arc::new(counting))
        }
        Err(error) => {
            warn(&format!("nothing is probed: {error}"));
            None
        }
    }
}

/// What was counted.
#[derive(Debug)]
pub(crate) struct Counted {
    tally: Tally,
    /// As far as the app names its builds.
    cut_over: Option<Duration>,
}

/// The last line for programs.
#[derive(Debug, Serialize)]
struct Document<'a> {
    format: &'static str,
    version: u32,
    release: &'a str,
    ending: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    because: Option<&'a str>,
    /// What a change that was not taken back has left.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    standing: &'a [String],
    #[serde(flatten)]
    tally: &'a Tally,
    cut_over_ms: Option<u128>,
    took_ms: u128,
}

impl Counted {
    /// Stops counting.
    pub(crate) fn of(counting: Option<&Counting>) -> Self {
        let tally = counting.map(Counting::stop).unwrap_or_default();
        Self {
            cut_over: tally.cut_over(),
            tally,
        }
    }

    /// `N requests, F failed, W sockets broken, cut-over T ms`.
    pub(crate) fn line(&self) -> String {
        let cut_over = match self.cut_over {
            Some(time) => format!("cut-over {} ms", time.as_millis()),
            None => "no cut-over seen".to_owned(),
        };
        format!("{}, {cut_over}", self.tally)
    }

    /// The last line, with why requests failed above it.
    pub(crate) fn report(
        &self,
        printer: Printer,
        (format, outcome): (&'static str, &Outcome),
        began: Instant,
    ) {
        if printer.is_json() {
            printer.json(&self.document(format, outcome, began));
            return;
        }
        for (reason, times) in &self.tally.reasons {
            printer.note(&printer.paint(Tone::Bad, &format!("  {times} × {reason}")));
        }
        printer.data(&self.line());
    }

    /// Not as promised when a client noticed.
    pub(crate) fn status(&self) -> ExitStatus {
        if self.tally.is_clean() {
            ExitStatus::Success
        } else {
            ExitStatus::AppFault
        }
    }

    fn document<'a>(
        &'a self,
        format: &'static str,
        outcome: &'a Outcome,
        began: Instant,
    ) -> Document<'a> {
        let (ending, because) = match &outcome.ending {
            Ending::InForce => ("in-force", None),
            Ending::Unchanged => ("unchanged", None),
            Ending::Undone { message, .. } => ("undone", Some(message.as_str())),
            Ending::Stopped { message, .. } => ("stopped", Some(message.as_str())),
        };
        let standing = match &outcome.ending {
            Ending::Stopped { standing, .. } => standing.as_slice(),
            Ending::InForce | Ending::Unchanged | Ending::Undone { .. } => &[],
        };
        Document {
            format,
            version: 1,
            release: outcome.release.as_str(),
            ending,
            because,
            standing,
            tally: &self.tally,
            cut_over_ms: self.cut_over.map(|time| time.as_millis()),
            took_ms: began.elapsed().as_millis(),
        }
    }
}
