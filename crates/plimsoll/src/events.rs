//! What happens on this machine, in words.

use plimsoll_local::{Decision, Event, ProcessState};

use crate::printer::{Printer, Tone};
use crate::progress::Progress;

/// Shows events as steps and lines.
#[derive(Debug)]
pub(crate) struct Show<'a> {
    progress: &'a mut Progress,
    printer: Printer,
}

impl<'a> Show<'a> {
    pub(crate) fn new(progress: &'a mut Progress, printer: Printer) -> Self {
        Self { progress, printer }
    }

    pub(crate) fn event(&mut self, event: &Event) {
        match event {
            Event::Attached {
                adopted,
                started: true,
                ..
            } if *adopted > 0 => {
                self.progress
                    .say(&format!("  adopted {adopted} running processes"));
            }
            Event::Attached { .. } | Event::Detached | Event::Output(_) => {}
            Event::Unfinished {
                release,
                decision,
                begun,
            } => {
                let decision = match decision {
                    Decision::Resume => "resuming it",
                    Decision::Undo => "undoing it",
                };
                self.progress.say(&format!(
                    "  an earlier change to {release} stopped after {begun} steps: {decision}"
                ));
            }
            Event::Standing { release, because } => self.progress.say(&format!(
                "  an earlier change to {release} failed and was left standing: {because}"
            )),
            Event::Planned { plan } => self.planned(plan.steps.len()),
            Event::StepStarted { text, .. } => self.progress.begin(text),
            Event::StepDone { .. } => self.progress.done(""),
            Event::StepFailed { .. } => self.progress.fail(),
            Event::Judged { text, .. } => self.progress.detail(text),
            Event::StepUndone { index } => {
                self.progress
                    .say(&format!("  took back step {}", index + 1));
            }
            Event::Process {
                name,
                state,
                detail,
                ..
            } => self.process(name, *state, detail.as_deref()),
            Event::Scaling {
                service, reason, ..
            } => self.progress.say(&format!("  {service}: {reason}")),
            Event::Warning { message } => {
                let label = self.printer.paint(Tone::Warn, "warning");
                self.progress.say(&format!("{label}: {message}"));
            }
        }
    }

    fn planned(&mut self, steps: usize) {
        if steps == 0 {
            self.progress.say("  nothing to change");
        }
    }

    fn process(&mut self, name: &str, state: ProcessState, detail: Option<&str>) {
        let word = serde_json::to_value(state).unwrap_or_default();
        let word = word.as_str().unwrap_or_default();
        let detail = detail
            .map(|detail| format!(": {detail}"))
            .unwrap_or_default();
        let line = format!("{name} {word}{detail}");
        if state == ProcessState::Ready {
            self.progress.detail(&line);
            self.progress
                .say(&self.printer.paint(Tone::Dim, &format!("  {line}")));
        } else {
            self.progress.detail(&line);
        }
    }
}
