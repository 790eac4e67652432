//! The hidden verbs of the binary: `__shim DIR`, `__keeper DIR`, `__relay`, `__inside PROGRAM…`, `__check DIR`. They
//! are reached before arguments are parsed and before any thread exists, because a shim forks.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::{keeper, relay, shim};

/// A shim above one program.
pub const SHIM: &str = "__shim";
/// Carries the connections of one contained program to what it may reach.
pub const RELAY: &str = "__relay";
/// Holds listening sockets and respawns the program that serves them.
pub const KEEPER: &str = "__keeper";
/// Process 1 of a container that an OCI runtime has made, with the program and its arguments.
pub const INSIDE: &str = "__inside";
/// Tries what this machine lets us apply, with a root on an empty folder, and says it.
pub const CHECK: &str = "__check";

/// Runs a hidden verb and returns the exit code; `None` when `args` (with the program's name first) is none of
/// them. Call it first thing in `main`, single-threaded.
pub fn dispatch(args: impl IntoIterator<Item = OsString>) -> Option<u8> {
    let mut args = args.into_iter().skip(1);
    let verb = args.next()?;
    if verb == INSIDE {
        return Some(shim::oci::main(&args.collect::<Vec<_>>()));
    }
    let dir = args.next().map(PathBuf::from);
    match (verb.to_str()?, dir) {
        (SHIM, Some(dir)) => Some(shim::main(&dir)),
        (KEEPER, Some(dir)) => Some(keeper::main(&dir)),
        (RELAY, None) => Some(relay::main()),
        (CHECK, Some(dir)) => Some(shim::check_main(&dir)),
        (SHIM | KEEPER | CHECK, None) | (RELAY, Some(_)) => Some(2),
        (_, _) => None,
    }
}
