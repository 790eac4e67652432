//! Long work, shown: a line per step on a terminal that somebody watches, plain lines elsewhere.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::printer::{Printer, Tone};

/// Fast enough to look alive, slow enough to cost nothing.
const TICK: Duration = Duration::from_millis(120);
/// Shorter steps are not worth their time on the line.
const WORTH_SHOWING: Duration = Duration::from_millis(100);

/// Steps of long work, one at a time.
#[derive(Debug)]
pub(crate) struct Progress {
    printer: Printer,
    step: Option<Step>,
}

#[derive(Debug)]
struct Step {
    text: String,
    started: Instant,
    bar: Option<ProgressBar>,
}

impl Progress {
    pub(crate) fn new(printer: Printer) -> Self {
        Self {
            printer,
            step: None,
        }
    }

    /// A step begins; one that is still open was left behind and is closed.
    pub(crate) fn begin(&mut self, text: &str) {
        self.close();
        let bar = self.printer.is_watched().then(|| spinner(text));
        self.step = Some(Step {
            text: text.to_owned(),
            started: Instant::now(),
            bar,
        });
    }

    /// What the step is doing, for who watches; the newest line replaces the one before.
    pub(crate) fn detail(&self, line: &str) {
        if let Some(Step {
            text,
            bar: Some(bar),
            ..
        }) = &self.step
        {
            bar.set_message(format!(
                "{text}  {}",
                self.printer.paint(Tone::Dim, &plain(line.trim()))
            ));
        }
    }

    /// The step is done; `note` says with what result.
    pub(crate) fn done(&mut self, note: &str) {
        self.end(Tone::Good, "✓", note);
    }

    /// The step failed.
    pub(crate) fn fail(&mut self) {
        self.end(Tone::Bad, "✗", "");
    }

    /// A line beside the steps.
    pub(crate) fn say(&self, line: &str) {
        match &self.step {
            Some(Step { bar: Some(bar), .. }) => bar.println(line),
            _ => self.printer.note(line),
        }
    }

    /// Takes away a step that has no end.
    pub(crate) fn close(&mut self) {
        if let Some(Step { bar: Some(bar), .. }) = self.step.take() {
            bar.finish_and_clear();
        }
    }

    fn end(&mut self, tone: Tone, mark: &str, note: &str) {
        let Some(step) = self.step.take() else { return };
        if let Some(bar) = step.bar {
            bar.finish_and_clear();
        }
        let took = step.started.elapsed();
        let mut extra = Vec::new();
        if !note.is_empty() {
            extra.push(note.to_owned());
        }
        if took >= WORTH_SHOWING {
            extra.push(format!("{:.1} s", took.as_secs_f64()));
        }
        let mut line = format!("{} {}", self.printer.paint(tone, mark), step.text);
        if !extra.is_empty() {
            line.push_str("  ");
            line.push_str(&self.printer.paint(Tone::Dim, &extra.join(" · ")));
        }
        self.printer.note(&line);
    }
}

/// A tool's line without what would move the cursor, colour the rest or ring the bell.
pub(crate) fn plain(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        match character {
            '\u{1b}' => {
                // `ESC [ parameters letter` is nearly all that tools print; other sequences lose their first letter.
                if characters.next() == Some('[') {
                    let _ = characters.find(|c| ('@'..='~').contains(c));
                }
            }
            '\t' => text.push(' '),
            _ if character.is_control() => {}
            _ => text.push(character),
        }
    }
    text
}

fn spinner(text: &str) -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    // The template is a constant of ours; were it wrong, the plain style would do.
    if let Ok(style) = ProgressStyle::with_template("{spinner:.cyan} {wide_msg}") {
        bar.set_style(style);
    }
    bar.set_message(text.to_owned());
    bar.enable_steady_tick(TICK);
    bar
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn a_tools_line_keeps_its_words_and_loses_its_escapes() {
        for (line, shown) in [
            ("\u{1b}[1;31merror\u{1b}[0m: broken\x07", "error: broken"),
            ("a\tb\rc", "a bc"),
            ("\u{1b}[2K\u{1b}[1Gvite", "vite"),
            ("\u{1b}", ""),
            ("\u{1b}[", ""),
            ("ünïcode ✓", "ünïcode ✓"),
        ] {
            assert_eq!(plain(line), shown);
        }
    }
}
