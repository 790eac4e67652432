//! `plimsoll rollback [RELEASE]`.

use std::time::Instant;

use plimsoll_deploy::ReleaseId;
use plimsoll_deploy::audit::Action;

use super::{Context, failure};
use crate::args::RollbackArgs;
use crate::counted::{self, Counted};
use crate::events::Show;
use crate::exit::{ExitStatus, Failure, Result};
use crate::progress::Progress;
use crate::trail::Trail;
use crate::{change, interrupt};

pub(crate) fn run(context: &Context, args: &RollbackArgs) -> Result<ExitStatus> {
    let began = Instant::now();
    let wish = args
        .release
        .as_ref()
        .map(|text| text.parse::<ReleaseId>().map_err(Failure::usage))
        .transpose()?;
    let project = context.load(&args.env)?;
    let local = context.local(&project.dir, &project.app.about.name, &args.env)?;
    interrupt::cancel_on_signal(local.canceller())?;
    let env = local.state().environment(&args.env).map_err(failure)?;
    let mut progress = Progress::new(context.printer);
    let mut trail = Trail::begin(&local, &args.env, (Action::Rollback, args.release.clone()))?;
    let counting = counted::start(
        &env,
        None,
        (local.state().path(), false),
        (context.printer, &progress),
    );
    let mut show = Show::new(&mut progress, context.printer);
    let outcome = local.roll_back(wish, &mut |event| {
        trail.note(&event, context.printer);
        show.event(&event);
    });
    progress.close();
    let counted = Counted::of(counting.as_deref());
    trail.end(&outcome, Some(&counted.line()), context.printer);
    let outcome = outcome.map_err(failure)?;
    counted.report(context.printer, ("plimsoll.rollback", &outcome), began);
    change::ensure_in_force(&outcome)?;
    Ok(counted.status())
}
