//! The `plimsoll` binary: arguments, settings, wiring and printing.
//!
//! Must not know: anything another surface (an API, a dashboard) would want.
//!
//! One static binary is every process of ours. The hidden roles (`__shim`, `__keeper`, `__gateway`, `__supervisor`)
//! are reached before arguments are parsed and before any thread exists.

mod approvals;
mod args;
mod artefacts;
mod change;
mod commands;
mod counted;
mod events;
mod exit;
mod help;
mod images;
mod interrupt;
mod portrait;
mod printer;
mod prober;
mod progress;
mod project;
mod prompt;
mod registry;
mod request;
mod roles;
mod settings;
mod shim;
mod static_server;
mod trail;
mod units;

use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Command};
use commands::Context;
use exit::{ExitStatus, Failure};
use printer::Printer;
use settings::Environment;

fn main() -> ExitCode {
    match roles::dispatch(&std::env::args_os().collect::<Vec<_>>()) {
        Some(code) => ExitCode::from(code),
        None => ExitCode::from(command(Cli::parse())),
    }
}

fn command(cli: Cli) -> ExitStatus {
    let environment = Environment::read();
    let printer = Printer::new(cli.common.format, cli.common.color, environment.no_color);
    let context = Context {
        printer,
        environment,
        project: cli.common.project,
    };
    match run(&context, &cli.command) {
        Ok(status) => status,
        Err(failure) => {
            print(&failure, printer);
            failure.status
        }
    }
}

fn run(context: &Context, command: &Command) -> exit::Result<ExitStatus> {
    match command {
        Command::Init(args) => commands::init::run(context, args),
        Command::Build(args) => commands::build::run(context, args),
        Command::Image(command) => commands::image::run(context, command),
        Command::Up(args) => commands::up::run(context, args),
        Command::Deploy(args) => commands::deploy::run(context, args),
        Command::Rollback(args) => commands::rollback::run(context, args),
        Command::Releases(args) => commands::releases::run(context, args),
        Command::Cleanup(args) => commands::cleanup::run(context, args),
        Command::Audit(args) => commands::audit::run(context, args),
        Command::Down(args) => commands::down::run(context, args),
        Command::Status(args) => commands::status::run(context, args),
        Command::Logs(args) => commands::logs::run(context, args),
        Command::Scale(args) => commands::scale::run(context, args),
        Command::Secret(command) => commands::secret::run(context, command),
        Command::Doctor => commands::doctor::run(context),
        Command::Schema => Ok(commands::schema::run(context)),
    }
}

/// The error with its causes on one line, and what to do under it.
fn print(failure: &Failure, printer: Printer) {
    printer.error(&format!("{:#}", failure.error));
    if let Some(advice) = &failure.advice {
        printer.advice(advice);
    }
}
