//! The hidden roles of the binary, told apart by the first argument.

use std::ffi::OsString;
use std::path::PathBuf;

use plimsoll_supervisor::dispatch as processes;

/// Serves the app's routes.
const GATEWAY: &str = "__gateway";
/// Decides what runs in one environment.
const SUPERVISOR: &str = "__supervisor";

/// Plays a hidden role to its end and returns the exit code; `None` when `args` names none. Single-threaded.
pub(crate) fn dispatch(args: impl Iterator<Item = OsString> + Clone) -> Option<u8> {
    if let Some(code) = processes::dispatch(args.clone()) {
        return Some(code);
    }
    let mut args = args.skip(1);
    let role = args.next()?;
    let dir = args.next().map(PathBuf::from);
    match (role.to_str()?, dir) {
        (GATEWAY, Some(dir)) => Some(plimsoll_gateway::run(&dir)),
        (SUPERVISOR, Some(dir)) => Some(plimsoll_local::daemon::main(&dir)),
        (GATEWAY | SUPERVISOR, None) => Some(2),
        _ => None,
    }
}
