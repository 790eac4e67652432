//! The hidden roles of the binary, told apart by the first argument.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use plimsoll_experiments::attack;
use plimsoll_supervisor::dispatch as processes;

use crate::args::{ColorChoice, Format};
use crate::printer::Printer;
use crate::shim;

/// Serves the app's routes.
const GATEWAY: &str = "__gateway";
/// Decides what runs in one environment.
const SUPERVISOR: &str = "__supervisor";
/// Hands out the shim that it starts, for those who want to start one without it.
const SHIM_PROGRAM: &str = "__shim-program";

/// Plays a hidden role to its end and returns the exit code; `None` when `args` (with the program's name first)
/// names none. Single-threaded.
pub(crate) fn dispatch(args: &[OsString]) -> Option<u8> {
    if let Some(code) = processes::dispatch(args.iter().cloned()) {
        return Some(code);
    }
    if let Some(code) = attack::dispatch(args) {
        return Some(code);
    }
    let role = args.get(1)?.to_str()?;
    let dir = args.get(2).map(PathBuf::from);
    match (role, dir) {
        (GATEWAY, Some(dir)) => Some(gateway(&dir)),
        (SUPERVISOR, Some(dir)) => Some(supervisor(&dir)),
        (SHIM_PROGRAM, None) => Some(shim::print()),
        (GATEWAY | SUPERVISOR, None) => Some(2),
        _ => None,
    }
}

fn supervisor(dir: &Path) -> u8 {
    plimsoll_local::daemon::main(dir, shim::in_folder(dir))
}

/// Its words go to the log that the keeper captures.
fn gateway(dir: &Path) -> u8 {
    match plimsoll_gateway::run(dir) {
        Ok(()) => 0,
        Err(error) => {
            Printer::new(Format::Human, ColorChoice::Never, true)
                .error(&format!("{:#}", anyhow::Error::from(error)));
            3
        }
    }
}
