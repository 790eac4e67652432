//! The app's file, read and checked.

use std::path::{Path, PathBuf};

use anyhow::anyhow;
use plimsoll_diag::{Report, human};
use plimsoll_model::{App, Parsed};

use crate::exit::{Failure, Result};
use crate::printer::{Printer, Tone};

/// The name of the app's file.
pub(crate) const FILE: &str = "plimsoll.toml";
/// Twenty times the largest file of the three reference systems; whatever is longer is not an app's file.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// An app's file in its folder.
#[derive(Debug)]
pub(crate) struct Project {
    /// The folder, absolute.
    pub(crate) dir: PathBuf,
    /// What the file describes in the environment that was asked for.
    pub(crate) app: App,
}

/// How much is said of a file that can be used as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Warnings {
    /// Each in full, those of every environment.
    InFull,
    /// One line with the number of those of the environment that was asked for.
    Counted,
}

/// Reads the file in `dir` for `environment`. Any error in it ends the command, and then all that was found in any
/// environment is printed in full.
pub(crate) fn load(
    dir: &Path,
    environment: &str,
    (warnings, printer): (Warnings, Printer),
) -> Result<Project> {
    let path = dir.join(FILE);
    let dir = dir.canonicalize().map_err(|error| {
        Failure::usage(
            anyhow!(error).context(format!("cannot open the folder `{}`", dir.display())),
        )
    })?;
    let text = read(&path)?;
    let parsed = plimsoll_model::parse(FILE, &text, Some(environment));
    let Parsed {
        app,
        findings,
        found_here,
        ..
    } = parsed;
    if app.is_some() && warnings == Warnings::Counted {
        count(found_here, printer);
    } else {
        let mut report = Report::new();
        report.add_source(FILE, text);
        report.add(findings);
        print(&report, printer);
    }
    match app {
        Some(app) => Ok(Project { dir, app }),
        None => Err(Failure::app(anyhow!(
            "{} has mistakes; nothing was changed",
            path.display()
        ))),
    }
}

fn read(path: &Path) -> Result<String> {
    let bytes = plimsoll_stdx::fs::read_bounded(path, MAX_FILE_BYTES).map_err(|error| {
        Failure::usage(error)
            .advise("run `plimsoll init` to write one, or name its folder with --project")
    })?;
    String::from_utf8(bytes)
        .map_err(|_| Failure::app(anyhow!("{} is not UTF-8 text", path.display())))
}

fn count(warnings: usize, printer: Printer) {
    if warnings > 0 {
        let label = printer.paint(Tone::Warn, "warning");
        let things = if warnings == 1 { "thing" } else { "things" };
        printer.note(&format!(
            "{label}: {FILE} has {warnings} {things} worth a look; `plimsoll build` shows them"
        ));
    }
}

fn print(report: &Report, printer: Printer) {
    if report.findings().is_empty() {
        return;
    }
    if printer.is_json() && report.has_errors() {
        printer.data(plimsoll_diag::json::render(report).trim_end());
    } else {
        let style = human::Style {
            colour: printer.is_colored(),
            unicode: printer.is_watched(),
            ..human::Style::PLAIN
        };
        printer.note(human::render(report, style).trim_end());
    }
}
