//! `plimsoll build [SERVICE…]`.

use serde::Serialize;

use super::Context;
use crate::args::BuildArgs;
use crate::artefacts::{self, Artefact, Places};
use crate::exit::{ExitStatus, Result};
use crate::progress::Progress;
use crate::project::{self, Warnings};
use crate::{interrupt, units};

/// One service in the list that `--format json` prints.
#[derive(Debug, Serialize)]
struct Line<'a> {
    service: &'a str,
    digest: &'a str,
    unpacked_bytes: u64,
    files: usize,
    seconds: f64,
    unchanged: bool,
}

pub(crate) fn run(context: &Context, args: &BuildArgs) -> Result<ExitStatus> {
    let project = project::load(
        &context.project,
        &args.env,
        (Warnings::InFull, context.printer),
    )?;
    let local = context.local(&project.dir, &project.app.about.name, &args.env)?;
    let places = Places {
        store: local.state().images(),
        cache: local.state().cache(),
    };
    let cancel = local.canceller();
    interrupt::cancel_on_signal(cancel.clone())?;
    let mut progress = Progress::new(context.printer);
    let built = artefacts::build_all(
        &project.dir,
        &project.app,
        &args.services,
        &places,
        (&mut progress, &cancel),
    )?;
    if context.printer.is_json() {
        context
            .printer
            .json(&built.iter().map(line).collect::<Vec<_>>());
    } else {
        for artefact in &built {
            context.printer.data(&format!(
                "{:<16} {}  {:>9}  {:>4} files  {:.1} s",
                artefact.service,
                artefact.built.digest,
                units::bytes(artefact.built.bytes),
                artefact.built.files,
                artefact.took.as_secs_f64()
            ));
        }
    }
    Ok(ExitStatus::Success)
}

fn line(artefact: &Artefact) -> Line<'_> {
    Line {
        service: &artefact.service,
        digest: artefact.built.digest.as_str(),
        unpacked_bytes: artefact.built.bytes,
        files: artefact.built.files,
        seconds: artefact.took.as_secs_f64(),
        unchanged: artefact.built.unchanged,
    }
}
