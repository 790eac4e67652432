//! The shim's one word to the supervisor that started it.

use std::fs::File;
use std::io;

use plimsoll_stdx::net::frame;

use super::Started;
use super::warden::WardenError;

/// Says how the start went. Nobody may listen any more: a supervisor that died meanwhile adopts what runs, and the
/// exit code tells the rest.
pub(super) fn say(started: &Started) {
    let _ = frame::write(&mut io::stdout(), started);
}

/// Says why nothing runs; the exit code.
pub(crate) fn complain(error: &WardenError) -> u8 {
    say(&Started::Failed {
        reason: error.clone(),
    });
    1
}

/// Lets go of the pipes to the supervisor, which waits for their end.
pub(super) fn release_stdio() -> Result<(), WardenError> {
    let null = File::options()
        .read(true)
        .write(true)
        .open("/dev/null")
        .map_err(|error| error.to_string())?;
    rustix::stdio::dup2_stdin(&null).map_err(|error| error.to_string())?;
    rustix::stdio::dup2_stdout(&null).map_err(|error| error.to_string())?;
    rustix::stdio::dup2_stderr(&null).map_err(|error| error.to_string())
}
