//! `plimsoll status [--release [ID]]`.

use plimsoll_local::{Phase, ProcessState, ProcessStatus, Status};

use super::{Context, failure};
use crate::args::StatusArgs;
use crate::exit::{ExitStatus, Result};
use crate::portrait;
use crate::printer::{Printer, Tone};
use crate::units;

pub(crate) fn run(context: &Context, args: &StatusArgs) -> Result<ExitStatus> {
    let project = context.load(&args.env)?;
    let local = context.local(&project.dir, &project.app.about.name, &args.env)?;
    if let Some(wish) = &args.release {
        return portrait::show(context, &local, (&args.env, wish));
    }
    let status = local.status().map_err(failure)?;
    if context.printer.is_json() {
        context.printer.json(&status);
    } else {
        print(&status, context.printer);
    }
    Ok(match status.phase {
        Phase::Up => ExitStatus::Success,
        Phase::Down | Phase::Changing | Phase::Unattended => ExitStatus::AppFault,
    })
}

fn print(status: &Status, printer: Printer) {
    let release = status.release.as_deref().unwrap_or("no release");
    printer.data(&format!(
        "{} / {}  {}  {release}",
        status.app,
        status.environment,
        phase(status.phase)
    ));
    for url in &status.urls {
        printer.data(&format!("  {url}"));
    }
    if status.processes.is_empty() {
        return;
    }
    printer.data("");
    printer.data(&row([
        "KIND",
        "NAME",
        "STATE",
        "ISOLATION",
        "CPU",
        "MEMORY",
        "RESTARTS",
        "PID",
    ]));
    for process in &status.processes {
        printer.data(&process_row(process, printer));
        if let Some(reason) = &process.reason {
            printer.data(&printer.paint(Tone::Warn, &format!("            {reason}")));
        }
    }
}

fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Down => "down",
        Phase::Changing => "changing",
        Phase::Up => "up",
        Phase::Unattended => "running without a supervisor: `plimsoll up` adopts what runs",
    }
}

fn process_row(process: &ProcessStatus, printer: Printer) -> String {
    let state = word(&process.state);
    let line = row([
        &word(&process.kind),
        &process.name,
        &state,
        &isolation(process),
        &units::milliseconds(process.cpu_ms),
        &units::bytes(process.rss_bytes),
        &process.restarts.to_string(),
        &process
            .pid
            .map_or_else(|| "-".to_owned(), |pid| pid.to_string()),
    ]);
    match process.state {
        ProcessState::Ready => line,
        _ => printer.paint(Tone::Warn, &line),
    }
}

/// With who else made it so: `contained (runc)`.
fn isolation(process: &ProcessStatus) -> String {
    match &process.runtime {
        Some(runtime) => format!("{} ({runtime})", process.isolation),
        None => process.isolation.clone(),
    }
}

/// The word that a value has in JSON: people and programs read the same ones.
fn word(value: &impl serde::Serialize) -> String {
    let value = serde_json::to_value(value).unwrap_or_default();
    value.as_str().unwrap_or("?").to_owned()
}

fn row(cells: [&str; 8]) -> String {
    let [kind, name, state, isolation, cpu, memory, restarts, pid] = cells;
    format!(
        "{kind:<11} {name:<18} {state:<9} {isolation:<16} {cpu:>10} {memory:>9} {restarts:>8} {pid:>8}"
    )
}
