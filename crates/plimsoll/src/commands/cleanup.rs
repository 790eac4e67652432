//! `plimsoll cleanup`.

use plimsoll_deploy::audit::Action;
use plimsoll_local::{Cleaned, Keep};
use serde::Serialize;

use super::{Context, failure};
use crate::args::CleanupArgs;
use crate::exit::{ExitStatus, Result};
use crate::printer::Printer;
use crate::trail::Trail;
use crate::units;

/// `cleanup --format json`.
#[derive(Debug, Serialize)]
struct Document<'a> {
    format: &'static str,
    version: u32,
    plan: bool,
    #[serde(flatten)]
    cleaned: &'a Cleaned,
}

pub(crate) fn run(context: &Context, args: &CleanupArgs) -> Result<ExitStatus> {
    let project = context.load(&args.env)?;
    let local = context.local(&project.dir, &project.app.about.name, &args.env)?;
    let env = local.state().environment(&args.env).map_err(failure)?;
    let releases = args.keep.unwrap_or(project.app.retention.releases as usize);
    let keep = Keep {
        releases,
        quota: args.quota.map(|bytes| bytes.0),
    };
    let clean = || plimsoll_local::cleanup(local.state(), &env, keep, args.plan);
    let cleaned = if args.plan {
        clean()
    } else {
        let trail = Trail::begin(&local, &args.env, (Action::Cleanup, None))?;
        let cleaned = clean();
        trail.close(&cleaned, context.printer);
        cleaned
    };
    report(context.printer, &cleaned.map_err(failure)?, args.plan);
    Ok(ExitStatus::Success)
}

fn report(printer: Printer, cleaned: &Cleaned, plan: bool) {
    if printer.is_json() {
        printer.json(&Document {
            format: "plimsoll.cleanup",
            version: 1,
            plan,
            cleaned,
        });
        return;
    }
    let verb = if plan { "would delete" } else { "deleted" };
    for release in &cleaned.removed {
        printer.data(&format!("{verb} {release}"));
    }
    for release in &cleaned.kept {
        printer.data(&format!("keep {release}"));
    }
    printer.data(&format!(
        "{verb} {} releases, {} artefacts, {} images: {}; what is kept takes {}",
        cleaned.removed.len(),
        cleaned.artefacts,
        cleaned.images,
        units::bytes(cleaned.bytes),
        units::bytes(cleaned.kept_bytes),
    ));
}
