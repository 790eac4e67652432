//! `plimsoll deploy`: plan, show, execute, count.

use std::sync::Arc;
use std::time::Instant;

use plimsoll_deploy::audit::Action;
use plimsoll_deploy::{Plan, Strategy};
use plimsoll_local::{Event, Local};
use serde::Serialize;

use super::{Context, failure};
use crate::approvals::{self, Standing};
use crate::args::DeployArgs;
use crate::counted::{self, Counted};
use crate::events::Show;
use crate::exit::{ExitStatus, Result};
use crate::printer::Tone;
use crate::progress::Progress;
use crate::trail::Trail;
use crate::{change, interrupt, request};

/// `deploy --plan --format json`.
#[derive(Debug, Serialize)]
struct Planned<'a> {
    format: &'static str,
    version: u32,
    #[serde(flatten)]
    plan: &'a Plan,
    #[serde(skip_serializing_if = "<[Standing]>::is_empty")]
    approvals: &'a [Standing],
}

pub(crate) fn run(context: &Context, args: &DeployArgs) -> Result<ExitStatus> {
    let began = Instant::now();
    let project = context.load(&args.env)?;
    if !args.plan {
        approvals::ensure(&project.app, context.printer)?;
    }
    let local = context.local(&project.dir, &project.app.about.name, &args.env)?;
    let cancel = local.canceller();
    interrupt::cancel_on_signal(cancel.clone())?;
    let mut progress = Progress::new(context.printer);
    let strategy = match args.strategy {
        Some(wish) => request::strategy_of(wish.named(), &project.app.rollout),
        None => request::strategy(&project.app),
    };
    let mut request = request::prepare(
        context,
        &project,
        strategy.clone(),
        (&local, &cancel),
        &mut progress,
    )?;
    if args.plan {
        let approvals = approvals::of(&project.app);
        return show(context, (&local, &approvals), &request, &mut progress);
    }
    let env = local.state().environment(&args.env).map_err(failure)?;
    let judged = matches!(strategy, Strategy::Canary { .. });
    let counting = counted::start(
        &env,
        Some(&request.bundle.gateway),
        (local.state().path(), judged),
        (context.printer, &progress),
    );
    request.watch = counting.clone().map(|counting| counting as Arc<_>);
    let mut trail = Trail::begin(&local, &args.env, (Action::Deploy, None))?;
    let mut show = Show::new(&mut progress, context.printer);
    let outcome = local.deploy(&request, &mut |event| {
        if let Event::Planned { plan } = &event {
            lines(context, plan);
        }
        trail.note(&event, context.printer);
        show.event(&event);
    });
    progress.close();
    let counted = Counted::of(counting.as_deref());
    trail.end(&outcome, Some(&counted.line()), context.printer);
    let outcome = outcome.map_err(failure)?;
    counted.report(context.printer, ("plimsoll.deploy", &outcome), began);
    change::ensure_in_force(&outcome)?;
    Ok(counted.status())
}

/// The plan and nothing else.
fn show(
    context: &Context,
    (local, approvals): (&Local, &[Standing]),
    request: &plimsoll_local::DeployRequest,
    progress: &mut Progress,
) -> Result<ExitStatus> {
    let mut show = Show::new(progress, context.printer);
    let plan = local.plan(request, &mut |event| show.event(&event));
    progress.close();
    let plan = plan.map_err(failure)?;
    if context.printer.is_json() {
        context.printer.json(&Planned {
            format: "plimsoll.plan",
            version: 1,
            plan: &plan,
            approvals,
        });
        return Ok(ExitStatus::Success);
    }
    for approval in approvals {
        context.printer.data(&approval.line());
    }
    if plan.is_empty() {
        context.printer.data("nothing to do");
    } else {
        for (index, line) in plan.lines().iter().enumerate() {
            context.printer.data(&format!("{:>3}. {line}", index + 1));
        }
    }
    Ok(ExitStatus::Success)
}

/// The plan, before it is carried out.
fn lines(context: &Context, plan: &Plan) {
    let printer = context.printer;
    if plan.is_empty() {
        return;
    }
    printer.note(&printer.paint(Tone::Strong, &format!("To {}:", plan.to)));
    for (index, line) in plan.lines().iter().enumerate() {
        printer.note(&printer.paint(Tone::Dim, &format!("{:>3}. {line}", index + 1)));
    }
}
