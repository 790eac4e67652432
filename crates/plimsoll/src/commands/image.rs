//! `plimsoll image diff A B`.

use std::fmt::Display;

use plimsoll_image::ImageError;
use plimsoll_image::diff::{self, Change, Diff, File, Kind};
use plimsoll_image::oci::Layout;

use super::Context;
use crate::args::ImageCommand;
use crate::exit::{ExitStatus, Result};
use crate::printer::{Printer, Tone};
use crate::{images, units};

/// Where images lie below the project.
const IMAGES: &str = ".plimsoll/images";

pub(crate) fn run(context: &Context, command: &ImageCommand) -> Result<ExitStatus> {
    let ImageCommand::Diff { from, to } = command;
    let diff = compare(context, from, to).map_err(images::failure)?;
    if context.printer.is_json() {
        context.printer.json(&diff);
    } else {
        print(context.printer, &diff);
    }
    Ok(ExitStatus::Success)
}

fn compare(context: &Context, from: &str, to: &str) -> std::result::Result<Diff, ImageError> {
    let layout = Layout::open(context.project.join(IMAGES))?;
    let (from, to) = (layout.resolve(from)?, layout.resolve(to)?);
    diff::diff((&layout, &from), (&layout, &to))
}

fn print(printer: Printer, diff: &Diff) {
    if diff.files.is_empty() && diff.packages.is_empty() {
        printer.note("the images hold the same");
    }
    for (path, change) in &diff.files {
        line(printer, path, change, describe);
    }
    for (name, change) in &diff.packages {
        line(printer, name, change, |versions| versions.join(", "));
    }
}

fn line<T, D: Display>(printer: Printer, what: &str, change: &Change<T>, say: impl Fn(&T) -> D) {
    let (mark, tone, text) = match change {
        Change::Added { to } => ("+", Tone::Good, say(to).to_string()),
        Change::Removed { from } => ("-", Tone::Bad, say(from).to_string()),
        Change::Changed { from, to } => {
            let (before, after) = (say(from).to_string(), say(to).to_string());
            let text = if before == after {
                format!("{after}, other content")
            } else {
                format!("{before} -> {after}")
            };
            ("~", Tone::Warn, text)
        }
    };
    printer.data(&format!("{} {what}  {text}", printer.paint(tone, mark)));
}

fn describe(file: &File) -> String {
    let what = match &file.kind {
        Kind::File { size, .. } => units::bytes(*size),
        Kind::Folder => "folder".to_owned(),
        Kind::Link { target } => format!("link to {target}"),
        Kind::Special => "special file".to_owned(),
    };
    format!("{what} {:04o} {}:{}", file.mode, file.uid, file.gid)
}
