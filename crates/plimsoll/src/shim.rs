//! The small program that stands above every program; it is part of this binary where that is released. Elsewhere the
//! binary does it itself.

use std::io::{self, Write};

use plimsoll_supervisor::runner::Tool;

static PROGRAM: &[u8] = include_bytes!(env!("PLIMSOLL_SHIM"));

/// The shim, ready to be started.
pub(crate) fn tool() -> Tool {
    if PROGRAM.is_empty() {
        return Tool::own();
    }
    Tool::in_memory(PROGRAM)
}

/// Writes it to standard output; the exit code.
pub(crate) fn print() -> u8 {
    u8::from(io::stdout().write_all(PROGRAM).is_err())
}
