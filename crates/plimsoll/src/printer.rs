//! The one place that writes to the terminal. Data goes to standard output, all else to standard error.

use std::io::{self, IsTerminal, Write};

use serde::Serialize;

use crate::args::{ColorChoice, Format};

/// Writes results, notes and errors in the way that was asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Printer {
    format: Format,
    color: bool,
}

/// What a piece of text means; meaning survives without colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    Good,
    Bad,
    Warn,
    Dim,
    Strong,
}

impl Tone {
    fn code(self) -> &'static str {
        match self {
            Self::Good => "32",
            Self::Bad => "31",
            Self::Warn => "33",
            Self::Dim => "2",
            Self::Strong => "1",
        }
    }
}

#[expect(clippy::unused_self, reason = "who holds no printer prints nothing")]
impl Printer {
    /// `no_color` is the environment's wish (no-color.org).
    pub(crate) fn new(format: Format, choice: ColorChoice, no_color: bool) -> Self {
        let color = match choice {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => !no_color && io::stderr().is_terminal(),
        };
        Self { format, color }
    }

    /// Whether results are for programs.
    pub(crate) fn is_json(self) -> bool {
        self.format == Format::Json
    }

    /// Whether colour is on.
    pub(crate) fn is_colored(self) -> bool {
        self.color
    }

    /// Whether a person watches standard error.
    pub(crate) fn is_watched(self) -> bool {
        io::stderr().is_terminal()
    }

    /// `text` in its tone.
    pub(crate) fn paint(self, tone: Tone, text: &str) -> String {
        if self.color {
            format!("\u{1b}[{}m{text}\u{1b}[0m", tone.code())
        } else {
            text.to_owned()
        }
    }

    /// A line of data.
    pub(crate) fn data(self, line: &str) {
        // A reader that has gone away (`| head`) is no failure of ours.
        let _ = writeln!(io::stdout().lock(), "{line}");
    }

    /// A document for programs, on one line.
    pub(crate) fn json(self, value: &impl Serialize) {
        match serde_json::to_string(value) {
            Ok(text) => self.data(&text),
            Err(error) => self.error(&format!("cannot write the result as JSON: {error}")),
        }
    }

    /// A line for people.
    pub(crate) fn note(self, line: &str) {
        let _ = writeln!(io::stderr().lock(), "{line}");
    }

    /// What went wrong.
    pub(crate) fn error(self, message: &str) {
        let label = self.paint(Tone::Bad, "error");
        self.note(&format!("{label}: {message}"));
    }

    /// What to do.
    pub(crate) fn advice(self, message: &str) {
        let label = self.paint(Tone::Strong, "help");
        self.note(&format!("{label}: {message}"));
    }
}
