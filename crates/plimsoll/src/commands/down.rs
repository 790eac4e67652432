//! `plimsoll down`.

use anyhow::anyhow;
use plimsoll_deploy::audit::Action;
use plimsoll_local::Data;

use super::{Context, failure};
use crate::args::DownArgs;
use crate::events::Show;
use crate::exit::{ExitStatus, Failure, Result};
use crate::progress::Progress;
use crate::prompt;
use crate::trail::Trail;

pub(crate) fn run(context: &Context, args: &DownArgs) -> Result<ExitStatus> {
    let project = context.load(&args.env)?;
    let name = &project.app.about.name;
    let data = if args.data {
        confirm(name, args.confirm.as_deref())?;
        Data::Delete
    } else {
        Data::Keep
    };
    let local = context.local(&project.dir, name, &args.env)?;
    let action = match data {
        Data::Keep => Action::Down,
        Data::Delete => Action::DownData,
    };
    let trail = Trail::begin(&local, &args.env, (action, None))?;
    let mut progress = Progress::new(context.printer);
    progress.begin("stop");
    let mut show = Show::new(&mut progress, context.printer);
    let stopped = local.down(data, &mut |event| show.event(&event));
    trail.close(&stopped, context.printer);
    match stopped {
        Ok(()) => {
            progress.done(if args.data {
                "data deleted"
            } else {
                "data kept"
            });
            Ok(ExitStatus::Success)
        }
        Err(error) => {
            progress.fail();
            Err(failure(error))
        }
    }
}

/// Deleting data takes the app's name, typed.
fn confirm(name: &str, given: Option<&str>) -> Result<()> {
    let typed = match given {
        Some(given) => Some(given.to_owned()),
        None => prompt::line(&format!(
            "This deletes all data of `{name}`. Type its name: "
        ))
        .map_err(Failure::internal)?,
    };
    if typed.as_deref() == Some(name) {
        return Ok(());
    }
    Err(
        Failure::usage(anyhow!("the name does not match; nothing was touched")).advise(format!(
            "without a terminal: plimsoll down --data --confirm {name}"
        )),
    )
}
