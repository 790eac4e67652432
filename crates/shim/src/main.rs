//! What stands above every program, alone in a small file: `plimsoll-shim __shim DIR`, and the other verbs of
//! [`plimsoll_supervisor::dispatch`].
//!
//! Must not know: anything else. The binary carries it and starts it in its own place, because there is one for each
//! replica: to load the whole binary would cost a contained start a sixth more (`benches/contain/RESULTS.md`).

use std::process::ExitCode;

/// Of a command line that names no verb.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let code = plimsoll_supervisor::dispatch::dispatch(std::env::args_os());
    ExitCode::from(code.unwrap_or(USAGE))
}
