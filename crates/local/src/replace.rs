//! A daemon of another build of this tool gives way to one of this build.
//!
//! What it runs is not its own: shims and keeper go on, and the daemon that comes next adopts them. So the old one
//! may be asked to go, and may as well be killed when it does not.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use plimsoll_stdx::fs::at;
use plimsoll_stdx::process::ProcessId;
use rustix::process::Signal;

use crate::control::client::Client;
use crate::control::wire::Verb;
use crate::start::{DaemonFile, ensure_gone};
use crate::{EnvDir, LocalError};

/// How long the daemon may take to finish what a command that was killed had asked of it. Then it is killed: the step
/// is in the journal, and is done again.
const HAND_OVER: Duration = Duration::from_secs(30);
/// Read at once when two executables are compared.
const CHUNK: usize = 1 << 16;

/// Makes the daemon behind `client` end without ending what it runs, unless it is of the build of `wanted` and has its
/// choices. Returns whether it had to go.
pub(crate) fn unless_same(
    env: &EnvDir,
    mut client: Client,
    wanted: &DaemonFile,
) -> Result<bool, LocalError> {
    let (pid, tool) = (client.welcome().pid, client.welcome().tool.clone());
    let runtime = DaemonFile::load(env).map(|before| before.runtime);
    let chosen = runtime.is_ok_and(|before| before == wanted.runtime);
    if chosen && tool == wanted.tool_version && is_same_program(pid, &wanted.executable) {
        return Ok(false);
    }
    // Taken before it is asked, so that a number that is given away meanwhile is not hit.
    let Ok(process) = ProcessId::of(pid) else {
        return Ok(true);
    };
    // A build that does not know the verb hangs up.
    let asked = client.call(Verb::HandOver, Some(HAND_OVER), &mut |_| {});
    if asked.is_ok() && ensure_gone(env, pid).is_ok() {
        return Ok(true);
    }
    process
        .signal(Signal::KILL)
        .map_err(at("kill the supervisor", env.path()))?;
    ensure_gone(env, pid)?;
    Ok(true)
}

/// Whether process `pid` runs the bytes of `program`. One that cannot be looked at counts as the same: its version
/// did not differ.
pub(crate) fn is_same_program(pid: u32, program: &Path) -> bool {
    let running = PathBuf::from(format!("/proc/{pid}/exe"));
    same_bytes(&running, program).unwrap_or(true)
}

/// The same file is the same program: the kernel lets nobody write to one that runs.
pub(crate) fn same_bytes(one: &Path, other: &Path) -> io::Result<bool> {
    let (mut one, mut other) = (File::open(one)?, File::open(other)?);
    let (left, right) = (one.metadata()?, other.metadata()?);
    if (left.dev(), left.ino()) == (right.dev(), right.ino()) {
        return Ok(true);
    }
    if left.len() != right.len() {
        return Ok(false);
    }
    let mut here = Vec::with_capacity(CHUNK);
    let mut there = Vec::with_capacity(CHUNK);
    loop {
        here.clear();
        there.clear();
        one.by_ref().take(CHUNK as u64).read_to_end(&mut here)?;
        other.by_ref().take(CHUNK as u64).read_to_end(&mut there)?;
        if here != there || here.is_empty() {
            return Ok(here == there);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_the_same_program_and_one_changed_byte_makes_another() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        let mut bytes = vec![7; CHUNK * 2 + 1];
        for name in ["one", "copy"] {
            plimsoll_stdx::fs::write_atomic(&path(name), &bytes).unwrap();
        }
        bytes[CHUNK + 1] = 8;
        plimsoll_stdx::fs::write_atomic(&path("changed"), &bytes).unwrap();
        plimsoll_stdx::fs::write_atomic(&path("longer"), &vec![7; CHUNK * 2 + 2]).unwrap();
        let same = |name| same_bytes(&path("one"), &path(name)).unwrap();
        assert!(same("one") && same("copy") && !same("changed") && !same("longer"));
        assert!(same_bytes(&path("one"), &path("absent")).is_err());
    }

    #[test]
    fn this_process_runs_its_own_program() {
        let own = std::env::current_exe().unwrap();
        assert!(is_same_program(std::process::id(), &own));
        assert!(!is_same_program(std::process::id(), Path::new("/bin/sh")));
    }
}
