//! `recon`: the reconciliation service and its tools.

mod commands;

use std::process::ExitCode;

use recon_api::cli;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match cli::parse(&arguments) {
        Ok(command) => commands::run(command),
        Err(why) => {
            commands::complain(&format!("recon: {why}\n{}", cli::USAGE));
            // EX_USAGE of sysexits.h.
            ExitCode::from(64)
        }
    }
}
