//! `plimsoll up`: from the file to a page in the browser.

use std::time::Instant;

use plimsoll_deploy::audit::Action;
use plimsoll_local::{Cancel, Data, Ending, Event, Local, LocalError, Login, Outcome};
use plimsoll_model::App;
use serde::Serialize;

use super::{Context, failure};
use crate::args::UpArgs;
use crate::events::Show;
use crate::exit::{ExitStatus, Failure, Result};
use crate::printer::Tone;
use crate::progress::Progress;
use crate::trail::Trail;
use crate::{approvals, change, interrupt, request};

/// The one line of `up --detach` on standard output, and of `up --format json`.
#[derive(Debug, Serialize)]
struct Announcement<'a> {
    format: &'static str,
    version: u32,
    app: &'a str,
    environment: &'a str,
    release: &'a str,
    urls: &'a [String],
    logins: &'a [Login],
    ready_ms: u128,
}

pub(crate) fn run(context: &Context, args: &UpArgs) -> Result<ExitStatus> {
    let began = Instant::now();
    let project = context.load(&args.env)?;
    let app = &project.app;
    approvals::ensure(app, context.printer)?;
    let local = context.local(&project.dir, &app.about.name, &args.env)?;
    let cancel = local.canceller();
    interrupt::cancel_on_signal(cancel.clone())?;

    let mut progress = Progress::new(context.printer);
    let request = request::prepare(
        context,
        &project,
        request::strategy(app),
        (&local, &cancel),
        &mut progress,
    )?;
    let mut show = Show::new(&mut progress, context.printer);
    let mut trail = Trail::begin(&local, &args.env, (Action::Up, None))?;
    let outcome = local.deploy(&request, &mut |event| {
        trail.note(&event, context.printer);
        show.event(&event);
    });
    progress.close();
    trail.end(&outcome, None, context.printer);
    let is_in_force = |outcome: &Outcome| outcome.ending.is_in_force();
    if cancel.is_cancelled() && !outcome.as_ref().is_ok_and(is_in_force) {
        return interrupted(&local, args, context, outcome);
    }
    let outcome = outcome.map_err(failure)?;
    change::ensure_in_force(&outcome)?;
    report(context, args, app, (&outcome, began));
    if args.detach {
        Ok(ExitStatus::Success)
    } else {
        watch(&local, &cancel, context)
    }
}

/// Stopped before the release was in force, whatever the change said to that.
fn interrupted(
    local: &Local,
    args: &UpArgs,
    context: &Context,
    outcome: std::result::Result<Outcome, LocalError>,
) -> Result<ExitStatus> {
    if args.detach {
        return Err(Failure::interrupted().advise(match outcome {
            Ok(outcome) if outcome.stopped => "the change was taken back: nothing runs, as before",
            Ok(Outcome {
                ending: Ending::Stopped { .. },
                ..
            }) => "the change was stopped: `plimsoll rollback` takes back what it left standing",
            Ok(_) => "the change was taken back: what ran before goes on",
            Err(_) => "what runs goes on: `plimsoll up` ends the change, `plimsoll down` stops all",
        }));
    }
    stop(local, context)?;
    Err(Failure::interrupted())
}

fn report(context: &Context, args: &UpArgs, app: &App, (outcome, began): (&Outcome, Instant)) {
    let printer = context.printer;
    if args.detach || printer.is_json() {
        printer.json(&Announcement {
            format: "plimsoll.up",
            version: 1,
            app: &app.about.name,
            environment: &args.env,
            release: outcome.release.as_str(),
            urls: &outcome.urls,
            logins: &outcome.logins,
            ready_ms: began.elapsed().as_millis(),
        });
        return;
    }
    let state = if outcome.ending == Ending::Unchanged {
        "is up, unchanged"
    } else {
        "is up"
    };
    printer.note("");
    printer.note(&format!(
        "{} {state}  {}",
        printer.paint(Tone::Strong, &app.about.title),
        printer.paint(Tone::Dim, outcome.release.as_str())
    ));
    for url in &outcome.urls {
        printer.data(&format!("  {url}"));
    }
    if !outcome.logins.is_empty() {
        printer.note("\nLogins of the development data:");
        for login in &outcome.logins {
            printer.note(&format!(
                "  {:<14} {:<28} {}",
                login.role, login.email, login.password
            ));
        }
    }
}

/// Shows what happens until somebody says stop.
fn watch(local: &Local, cancel: &Cancel, context: &Context) -> Result<ExitStatus> {
    context
        .printer
        .note("\nCtrl-C stops the app and keeps its data.");
    let mut progress = Progress::new(context.printer);
    let mut show = Show::new(&mut progress, context.printer);
    local
        .attach(&mut |event: Event| show.event(&event))
        .map_err(failure)?;
    if cancel.is_cancelled() {
        stop(local, context)
    } else {
        Ok(ExitStatus::Success)
    }
}

fn stop(local: &Local, context: &Context) -> Result<ExitStatus> {
    let mut progress = Progress::new(context.printer);
    progress.begin("stop");
    let mut show = Show::new(&mut progress, context.printer);
    let stopped = local.down(Data::Keep, &mut |event| show.event(&event));
    match stopped {
        Ok(()) => {
            progress.done("data kept");
            Ok(ExitStatus::Success)
        }
        Err(error) => {
            progress.fail();
            Err(failure(error))
        }
    }
}
