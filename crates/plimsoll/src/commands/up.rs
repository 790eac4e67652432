//! `plimsoll up`: from the file to a page in the browser.

use std::collections::BTreeMap;
use std::time::Instant;

use anyhow::anyhow;
use plimsoll_deploy::judge::Rules;
use plimsoll_deploy::{Fault, Strategy};
use plimsoll_image::layer::Compression;
use plimsoll_local::{
    Alphabet, Cancel, Data, DeployRequest, Ending, Event, Local, LocalError, Login, Outcome,
    Secret, SecretPlan,
};
use plimsoll_model::App;
use plimsoll_model::app::{self, Generate};
use plimsoll_render::local::Source;
use serde::Serialize;

use super::{Context, failure};
use crate::args::UpArgs;
use crate::artefacts::{self, Places};
use crate::events::Show;
use crate::exit::{ExitStatus, Failure, Result};
use crate::images::Workshop;
use crate::printer::Tone;
use crate::progress::Progress;
use crate::project::Project;
use crate::{interrupt, prompt};

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
    let local = context.local(&project.dir, &app.about.name, &args.env)?;
    let cancel = local.canceller();
    interrupt::cancel_on_signal(cancel.clone())?;

    let mut progress = Progress::new(context.printer);
    let sources = build(context, &project, (&local, &cancel), &mut progress)?;
    let rendered = plimsoll_render::local::render(app, &sources).map_err(Failure::app)?;
    for omitted in &rendered.omitted {
        let key = context.printer.paint(Tone::Warn, &omitted.key);
        progress.say(&format!(
            "  {key} does nothing on this machine: {}",
            omitted.effect
        ));
    }
    let request = DeployRequest {
        bundle: rendered.bundle,
        secrets: secrets(app),
        strategy: strategy(app),
        seed: app.environment == "development",
        judge: Rules::default(),
        within: None,
        watch: None,
    };
    ask(&local, &request)?;
    let mut show = Show::new(&mut progress, context.printer);
    let outcome = local.deploy(&request, &mut |event| show.event(&event));
    progress.close();
    let is_in_force = |outcome: &Outcome| !matches!(outcome.ending, Ending::Undone { .. });
    if cancel.is_cancelled() && !outcome.as_ref().is_ok_and(is_in_force) {
        return interrupted(&local, args, context, outcome);
    }
    let outcome = outcome.map_err(failure)?;
    if let Ending::Undone {
        step,
        message,
        hint,
        fault,
    } = &outcome.ending
    {
        let now = if outcome.stopped {
            "nothing runs, as before"
        } else {
            "everything is as it was before"
        };
        let error = anyhow!("{message}").context(format!("could not {step}; {now}"));
        return Err(undone(error, hint.clone(), *fault));
    }
    report(context, args, app, (&outcome, began));
    if args.detach {
        Ok(ExitStatus::Success)
    } else {
        watch(&local, &cancel, context)
    }
}

/// The artefacts and the images of the whole app.
fn build(
    context: &Context,
    project: &Project,
    (local, cancel): (&Local, &Cancel),
    progress: &mut Progress,
) -> Result<BTreeMap<String, Source>> {
    let (app, state) = (&project.app, local.state());
    let places = Places {
        store: state.artefacts(),
        cache: state.cache(),
    };
    let built = artefacts::build_all(&project.dir, (app, &[]), &places, (progress, cancel))?;
    let access = context.environment.registries(cancel.clone());
    let workshop = Workshop::open(&project.dir, state, Compression::default())?;
    let sources = workshop.sources(app, &built, &access, progress)?;
    if cancel.is_cancelled() {
        return Err(Failure::interrupted().advise("nothing was started"));
    }
    Ok(sources)
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
            Ok(_) => "the change was taken back: what ran before goes on",
            Err(_) => "what runs goes on: `plimsoll up` ends the change, `plimsoll down` stops all",
        }));
    }
    stop(local, context)?;
    Err(Failure::interrupted())
}

fn secrets(app: &App) -> BTreeMap<String, SecretPlan> {
    app.secrets
        .iter()
        .map(|(name, secret)| (name.clone(), plan(name, secret)))
        .collect()
}

pub(crate) fn plan(name: &str, secret: &app::Secret) -> SecretPlan {
    match secret.generate {
        Some(Generate::Bytes(length)) => SecretPlan::Generate {
            length,
            alphabet: Alphabet::Base64,
        },
        Some(Generate::Chars(length)) => SecretPlan::Generate {
            length,
            alphabet: Alphabet::Alphanumeric,
        },
        None => SecretPlan::Ask {
            question: secret.ask.clone().unwrap_or_else(|| name.to_owned()),
            optional: secret.optional,
        },
    }
}

/// Canary and blue-green come with safe change; until then they are carried out as the rolling change that is the
/// closest to them, and `up` in development has nobody to protect.
fn strategy(app: &App) -> Strategy {
    match app.rollout.strategy {
        app::Strategy::Recreate => Strategy::Recreate,
        app::Strategy::Rolling | app::Strategy::Canary | app::Strategy::BlueGreen => {
            let (surge, unavailable) = (app.rollout.surge, app.rollout.unavailable);
            let surge = if surge == 0 && unavailable == 0 {
                1
            } else {
                surge
            };
            Strategy::Rolling { surge, unavailable }
        }
    }
}

/// Asks for the secrets that only a person knows.
fn ask(local: &Local, request: &DeployRequest) -> Result<()> {
    for (name, question) in local.questions(request).map_err(failure)? {
        let Some(value) =
            prompt::hidden(&format!("{question} ({name}): ")).map_err(Failure::internal)?
        else {
            return Err(
                Failure::usage(anyhow!("the secret `{name}` is not set: {question}"))
                    .advise(format!("set it: plimsoll secret set {name} < file")),
            );
        };
        let store = local.secrets().map_err(failure)?;
        store
            .set(&name, &Secret::new(value))
            .map_err(|error| failure(error.into()))?;
    }
    Ok(())
}

fn undone(error: anyhow::Error, hint: Option<String>, fault: Fault) -> Failure {
    let status = match fault {
        Fault::App => ExitStatus::AppFault,
        Fault::Usage => ExitStatus::Usage,
        Fault::Ours => ExitStatus::Internal,
    };
    Failure {
        status,
        error,
        advice: hint,
    }
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
