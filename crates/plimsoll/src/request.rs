//! From the app's file to what a deploy is given: built, rendered, with its secrets and its strategy.

use std::collections::BTreeMap;

use anyhow::anyhow;
use plimsoll_deploy::Strategy;
use plimsoll_deploy::judge::Rules;
use plimsoll_image::layer::Compression;
use plimsoll_local::{Alphabet, Cancel, DeployRequest, Local, Secret, SecretPlan};
use plimsoll_model::App;
use plimsoll_model::app::{self, Generate};
use plimsoll_render::local::Source;

use crate::artefacts::{self, Places};
use crate::commands::{Context, failure};
use crate::exit::{Failure, Result};
use crate::images::Workshop;
use crate::printer::Tone;
use crate::progress::Progress;
use crate::project::Project;
use crate::prompt;

/// Builds and renders the app of `project`; asks for secrets that only a person knows.
pub(crate) fn prepare(
    context: &Context,
    project: &Project,
    strategy: Strategy,
    (local, cancel): (&Local, &Cancel),
    progress: &mut Progress,
) -> Result<DeployRequest> {
    let app = &project.app;
    let sources = build(context, project, (local, cancel), progress)?;
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
        strategy,
        seed: app.environment == "development",
        judge: Rules::default(),
        within: None,
        watch: None,
    };
    ask(local, &request)?;
    Ok(request)
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
pub(crate) fn strategy(app: &App) -> Strategy {
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
