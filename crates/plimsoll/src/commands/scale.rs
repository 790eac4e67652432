//! `plimsoll scale SERVICE=COUNT`.

use anyhow::anyhow;
use plimsoll_deploy::audit::Action;
use plimsoll_model::App;

use super::{Context, failure};
use crate::args::ScaleArgs;
use crate::events::Show;
use crate::exit::{ExitStatus, Failure, Result};
use crate::progress::Progress;
use crate::trail::Trail;

pub(crate) fn run(context: &Context, args: &ScaleArgs) -> Result<ExitStatus> {
    let project = context.load(&args.env)?;
    let wishes = args
        .counts
        .iter()
        .map(|text| wish(&project.app, text))
        .collect::<Result<Vec<_>>>()?;
    let local = context.local(&project.dir, &project.app.about.name, &args.env)?;
    let mut progress = Progress::new(context.printer);
    for (service, count) in wishes {
        progress.begin(&format!("scale {service} to {count}"));
        let mut show = Show::new(&mut progress, context.printer);
        let of = Some(format!("{service}={count}"));
        let trail = Trail::begin(&local, &args.env, (Action::Scale, of))?;
        let scaled = local.scale(&service, count, &mut |event| show.event(&event));
        trail.close(&scaled, context.printer);
        match scaled {
            Ok(()) => progress.done("ready"),
            Err(error) => {
                progress.fail();
                return Err(failure(error));
            }
        }
    }
    Ok(ExitStatus::Success)
}

/// A service and a count within the bounds of the file.
fn wish(app: &App, text: &str) -> Result<(String, u32)> {
    let wrong = || Failure::usage(anyhow!("`{text}` is no wish: write SERVICE=COUNT"));
    let (name, count) = text.split_once('=').ok_or_else(wrong)?;
    let count: u32 = count.parse().map_err(|_| wrong())?;
    let service = app.services.get(name).ok_or_else(|| {
        let known: Vec<&str> = app.services.keys().map(String::as_str).collect();
        Failure::usage(anyhow!("there is no service `{name}`"))
            .advise(format!("the app has: {}", known.join(", ")))
    })?;
    if service.as_static().is_some() {
        return Err(Failure::usage(anyhow!(
            "`{name}` is files that the gateway serves: it has no replicas here"
        )));
    }
    let (min, max) = (service.scale.min, service.scale.max);
    if !(min..=max).contains(&count) {
        return Err(Failure::usage(anyhow!(
            "`{name}` may have {min} to {max} replicas, not {count}"
        ))
        .advise(format!(
            "the bounds are service.{name}.scale in plimsoll.toml"
        )));
    }
    Ok((name.to_owned(), count))
}
