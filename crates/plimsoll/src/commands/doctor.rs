//! `plimsoll doctor`.

use std::path::PathBuf;

use plimsoll_experiments::attack::Control;
use plimsoll_experiments::doctor::judge::Judgement;
use plimsoll_experiments::doctor::report::{Report, Row, Summary};
use plimsoll_experiments::doctor::{Doctor, DoctorError, GroupTest};
use plimsoll_local::{Cancel, StateDir};
use plimsoll_supervisor::IsolationClass;

use super::{Context, failure};
use crate::exit::{ExitStatus, Failure, Result};
use crate::interrupt;
use crate::printer::{Printer, Tone};
use crate::progress::Progress;
use crate::{project, shim};

/// This very program, also when its file has been replaced meanwhile.
const TOOL: &str = "/proc/self/exe";

pub(crate) fn run(context: &Context) -> Result<ExitStatus> {
    let state = state_dir(context)?;
    let cancel = Cancel::default();
    interrupt::cancel_on_signal(cancel.clone())?;
    let mut progress = Progress::new(context.printer);
    progress.begin("attacking this machine's controls");
    let runtime = context
        .environment
        .runtime()
        .map_err(|error| failure(error.into()))?;
    let doctor = Doctor {
        shims: shim::in_memory(),
        runtime,
        ..Doctor::new(PathBuf::from(TOOL))
    };
    let examined = doctor.examine(|attack| {
        progress.detail(attack.does);
        !cancel.is_cancelled()
    });
    progress.close();
    let report = examined.map_err(explain)?;
    if context.printer.is_json() {
        context.printer.json(&report.document());
    } else {
        print(&report, context.printer);
    }
    if let Some(state) = state {
        let path = report.store(state.path()).map_err(Failure::internal)?;
        context
            .printer
            .note(&format!("kept as evidence in {}", path.display()));
    } else {
        let text = format!("not kept as evidence: there is no {} here", project::FILE);
        context.printer.note(&text);
    }
    Ok(if report.is_sound() {
        ExitStatus::Success
    } else {
        ExitStatus::AppFault
    })
}

/// Where evidence is kept: beside the project's file, where there is one. Opened first, so that nobody waits for an
/// examination that cannot be kept.
fn state_dir(context: &Context) -> Result<Option<StateDir>> {
    if !context.project.join(project::FILE).is_file() {
        return Ok(None);
    }
    StateDir::open(&context.project).map(Some).map_err(failure)
}

fn explain(error: DoctorError) -> Failure {
    match error {
        DoctorError::Interrupted => Failure::interrupted(),
        DoctorError::Fs(_) => Failure::internal(error)
            .advise("set TMPDIR to a folder that other users enter and where programs may be executed"),
        DoctorError::Unable { .. } => Failure::internal(error)
            .advise("no replica of an app would work here either; `plimsoll status` shows what holds one in"),
        DoctorError::Runner(_)
        | DoctorError::Services(_)
        | DoctorError::Silent { .. } => Failure::internal(error),
    }
}

fn print(report: &Report, printer: Printer) {
    head(report, printer);
    printer.data(&row([
        "RESULT",
        "ATTACK",
        "WITHOUT CONTAINMENT",
        "AS A REPLICA",
    ]));
    let mut control: Option<Control> = None;
    for found in &report.rows {
        if control != Some(found.control) {
            control = Some(found.control);
            printer.data("");
            printer.data(&printer.paint(Tone::Strong, found.control.sentence()));
        }
        attack(found, printer);
    }
    printer.data("");
    let tone = if report.is_sound() {
        Tone::Good
    } else {
        Tone::Bad
    };
    printer.data(&printer.paint(tone, &summary(report.summary)));
}

fn head(report: &Report, printer: Printer) {
    let machine = &report.machine;
    let groups = match machine.cgroup_version {
        0 => "no limits by cgroup".to_owned(),
        version => format!("cgroup v{version}"),
    };
    let untried = match machine.cgroup_v2 {
        GroupTest::Exercised => "",
        GroupTest::FakeTree => " (v2: tested on a fake tree only)",
    };
    let who = if machine.uid == 0 {
        "root".to_owned()
    } else {
        format!("user {}", machine.uid)
    };
    printer.data(&format!(
        "Linux {} {}, {groups}{untried}, landlock {}, as {who}",
        machine.kernel, machine.arch, machine.landlock
    ));
    let by = report.runtime.iter().map(|runtime| format!(" ({runtime})"));
    let by: String = by.collect();
    printer.data(&format!("replicas here are {}{by}", report.class));
    if report.class != IsolationClass::Contained {
        for control in &report.controls {
            printer.data(&format!("  {control}"));
        }
    }
    printer.data("");
}

fn attack(found: &Row, printer: Printer) {
    let (word, tone) = match found.result {
        Judgement::Held => ("held", None),
        Judgement::Broken => ("BROKEN", Some(Tone::Bad)),
        Judgement::Inapplicable => ("inapplicable here", Some(Tone::Dim)),
    };
    let inside = match &found.within {
        Some(within) => format!("{}; {}", found.contained.detail, within.detail),
        None => found.contained.detail.clone(),
    };
    let line = row([word, &found.does, &found.uncontained.detail, &inside]);
    printer.data(&tone.map_or(line.clone(), |tone| printer.paint(tone, &line)));
    if let Some(reason) = &found.reason
        && !reason.ends_with(&found.uncontained.detail)
    {
        printer.data(&printer.paint(Tone::Warn, &format!("  {:17} {reason}", "")));
    }
}

fn summary(summary: Summary) -> String {
    let Summary {
        held,
        broken,
        inapplicable,
    } = summary;
    format!("{held} held, {broken} broken, {inapplicable} inapplicable here")
}

fn row(cells: [&str; 4]) -> String {
    let [result, attack, outside, inside] = cells;
    format!("  {result:<17} {attack:<40} {outside:<34} {inside}")
}
