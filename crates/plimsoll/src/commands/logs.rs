//! `plimsoll logs`.

use plimsoll_local::{LocalError, LogFilter};

use super::{Context, failure};
use crate::args::LogsArgs;
use crate::exit::{ExitStatus, Result};
use crate::interrupt;
use crate::printer::Tone;

pub(crate) fn run(context: &Context, args: &LogsArgs) -> Result<ExitStatus> {
    let project = context.load(&args.env)?;
    let local = context.local(&project.dir, &project.app.about.name, &args.env)?;
    interrupt::cancel_on_signal(local.canceller())?;
    let tail = u32::try_from(args.lines).unwrap_or(u32::MAX);
    let filter = LogFilter {
        names: args.names.clone(),
        tail,
    };
    let printer = context.printer;
    let read = local.logs(filter, args.follow, &mut |line| {
        if printer.is_json() {
            printer.json(&line);
        } else {
            let source = printer.paint(Tone::Dim, &format!("{:<16}", line.source));
            printer.data(&format!("{source} {}", line.text));
        }
    });
    match read {
        Ok(()) | Err(LocalError::Interrupted) => Ok(ExitStatus::Success),
        Err(error) => Err(failure(error)),
    }
}
