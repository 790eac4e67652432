//! This program, where the gateway finds it.
//!
//! A tree of its own shows a single file by its inode: an upgrade puts another file in its place, and whoever was shown
//! the old one never sees it. So the gateway is shown a folder of the environment, and what is put in there.

use std::path::{Path, PathBuf};

use plimsoll_stdx::fs::{at, write_atomic_mode};
use plimsoll_supervisor::order::Root;

use super::layout::Layout;
use crate::resources::ensure_dir;
use crate::{EnvDir, LocalError, replace};

const FILE: &str = "plimsoll";

/// Makes `executable` the program that the next gateway is, and returns where that one finds it. What lies below `/usr`
/// every tree shows as it is, and who sees this machine's tree sees everything.
pub(crate) fn publish(
    env: &EnvDir,
    layout: &Layout,
    executable: &Path,
) -> Result<PathBuf, LocalError> {
    if layout.tools() != Root::Tools || executable.starts_with("/usr") {
        return Ok(executable.to_owned());
    }
    let folder = folder(env);
    ensure_dir(&folder, 0o755)?;
    let published = folder.join(FILE);
    if !replace::same_bytes(executable, &published).unwrap_or(false) {
        let bytes = std::fs::read(executable).map_err(at("read", executable))?;
        write_atomic_mode(&published, &bytes, 0o755)?;
    }
    Ok(published)
}

/// What the gateway has to be shown of it.
pub(crate) fn shown(env: &EnvDir, tool: &Path) -> Option<PathBuf> {
    let folder = folder(env);
    if tool.starts_with(&folder) {
        return Some(folder);
    }
    (!tool.starts_with("/usr")).then(|| tool.to_owned())
}

fn folder(env: &EnvDir) -> PathBuf {
    env.path().join("tool")
}
