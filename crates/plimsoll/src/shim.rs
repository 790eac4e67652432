//! The small program that stands above every program; it is part of this binary where that is released. Elsewhere the
//! binary does it itself.

use std::io::{self, Write};
use std::path::Path;

use plimsoll_bundle::Digest;
use plimsoll_supervisor::runner::Tool;

#[cfg(carries_shim)]
static PROGRAM: &[u8] = include_bytes!(env!("PLIMSOLL_SHIM"));
#[cfg(not(carries_shim))]
static PROGRAM: &[u8] = &[];

/// Its file in the folder of an environment is this and its digest: another version's is never mistaken for it.
const FILE: &str = "shim-";

/// The shim, ready to be started from a file in the folder `dir` of an environment.
pub(crate) fn in_folder(dir: &Path) -> Tool {
    if PROGRAM.is_empty() {
        return Tool::own();
    }
    let name = format!("{FILE}{}", Digest::of(PROGRAM).short());
    remove_others(dir, &name);
    Tool::in_file(&dir.join(name), PROGRAM)
}

/// Removes those of other versions. What runs from one of them goes on: a file lives until its last process ends.
fn remove_others(dir: &Path, own: &str) {
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with(FILE) && name != own {
            // One that stays costs two megabytes and nothing else.
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

/// The shim, for those who leave no file behind.
pub(crate) fn in_memory() -> Tool {
    if PROGRAM.is_empty() {
        return Tool::own();
    }
    Tool::in_memory(PROGRAM)
}

/// Writes it to standard output; the exit code.
pub(crate) fn print() -> u8 {
    u8::from(io::stdout().write_all(PROGRAM).is_err())
}
