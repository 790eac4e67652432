//! `plimsoll releases`.

use plimsoll_local::KeptRelease;
use plimsoll_stdx::clock::rfc3339;
use serde::Serialize;

use super::{Context, failure};
use crate::args::EnvironmentArgs;
use crate::exit::{ExitStatus, Result};
use crate::printer::Tone;

/// `releases --format json`.
#[derive(Debug, Serialize)]
struct Document<'a> {
    format: &'static str,
    version: u32,
    releases: &'a [KeptRelease],
}

pub(crate) fn run(context: &Context, args: &EnvironmentArgs) -> Result<ExitStatus> {
    let project = context.load(&args.env)?;
    let local = context.local(&project.dir, &project.app.about.name, &args.env)?;
    let releases = local.releases().map_err(failure)?;
    let printer = context.printer;
    if printer.is_json() {
        printer.json(&Document {
            format: "plimsoll.releases",
            version: 1,
            releases: &releases,
        });
        return Ok(ExitStatus::Success);
    }
    for kept in &releases {
        let line = line(kept);
        printer.data(&if kept.in_force {
            printer.paint(Tone::Strong, &line)
        } else {
            line
        });
    }
    Ok(ExitStatus::Success)
}

/// `r1f00c0ffee42  2026-11-21T11:05:38.123Z  in force  web sha256:…`.
fn line(kept: &KeptRelease) -> String {
    let state = match (kept.in_force, kept.warm) {
        (true, _) => "in force",
        (false, true) => "warm",
        (false, false) => "",
    };
    let images = kept.release.parts.images.iter();
    let images: Vec<String> = images
        .map(|(service, digest)| format!("{service} {}", digest.short()))
        .collect();
    let made = rfc3339(kept.made_ms);
    let line = format!(
        "{:<14} {made}  {state:<8}  {}",
        kept.release.id.as_str(),
        images.join(", ")
    );
    line.trim_end().to_owned()
}
