//! From the app's file to what a deploy is given: built, rendered, with its secrets and its strategy.

use std::collections::BTreeMap;

use anyhow::anyhow;
use plimsoll_deploy::Strategy;
use plimsoll_deploy::judge::Rules;
use plimsoll_deploy::strategy::CanaryStep;
use plimsoll_image::layer::Compression;
use plimsoll_local::{Alphabet, Cancel, DeployRequest, Local, Secret, SecretPlan};
use plimsoll_model::App;
use plimsoll_model::app::{self, Generate, Rollout};
use plimsoll_model::units::{Bound, Dimension, Quantity};
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
        judge: rules(&app.rollout.judge),
        undo: app.rollout.undo,
        within: Some(app.rollout.within.as_duration()),
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

/// What a canary does in a file that names no steps: a twentieth, a quarter, half.
const STEPS: [(u32, u64); 3] = [(50, 60_000), (250, 60_000), (500, 60_000)];
/// How long the new release is judged after a blue-green switch: long enough for a crash at the first requests.
const BLUE_GREEN_JUDGE_MS: u64 = 10_000;

/// How the file says that a new release takes over. In development nobody has to be protected from it: what is judged
/// elsewhere is rolled out there, unless somebody asks for it.
pub(crate) fn strategy(app: &App) -> Strategy {
    let wish = match app.rollout.strategy {
        app::Strategy::Canary | app::Strategy::BlueGreen if app.environment == "development" => {
            app::Strategy::Rolling
        }
        wish => wish,
    };
    strategy_of(wish, &app.rollout)
}

/// The strategy `wish` with the figures of the file.
pub(crate) fn strategy_of(wish: app::Strategy, rollout: &Rollout) -> Strategy {
    match wish {
        app::Strategy::Recreate => Strategy::Recreate,
        app::Strategy::Rolling => {
            let (surge, unavailable) = (rollout.surge, rollout.unavailable);
            let surge = if surge == 0 && unavailable == 0 {
                1
            } else {
                surge
            };
            Strategy::Rolling { surge, unavailable }
        }
        app::Strategy::Canary => {
            let step = |(share, hold_ms)| CanaryStep { share, hold_ms };
            let named = rollout.steps.iter();
            // A thousandth of a percent is finer than requests can be shared.
            let mut steps: Vec<CanaryStep> = named
                .map(|named| step(((named.weight.0 / 100).max(1), named.hold.0)))
                .collect();
            if steps.is_empty() {
                steps = STEPS.into_iter().map(step).collect();
            }
            Strategy::Canary { steps }
        }
        app::Strategy::BlueGreen => Strategy::BlueGreen {
            keep_warm_ms: rollout.keep_warm.0,
            judge_ms: BLUE_GREEN_JUDGE_MS,
        },
    }
}

/// What the file says about judging.
fn rules(judge: &app::Judge) -> Rules {
    Rules {
        samples: judge.samples,
        errors_ppm: judge.errors.as_ref().and_then(ppm),
        p95_us: judge.p95.as_ref().and_then(microseconds),
        ..Rules::default()
    }
}

/// A share in parts per million.
fn ppm(bound: &Bound) -> Option<u32> {
    match bound.value(Dimension::Share).ok()? {
        Quantity::Share(share) => Some(share.0.saturating_mul(10)),
        _ => None,
    }
}

fn microseconds(bound: &Bound) -> Option<u64> {
    match bound.value(Dimension::Time).ok()? {
        Quantity::Time(time) => Some(time.0.saturating_mul(1000)),
        _ => None,
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
