//! Attacks as plain processes: the negative control.

use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use plimsoll_stdx::fs::at;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::retry_on_intr;

use super::DoctorError;
use crate::attack::{Answer, Targets, VERB};

/// An attack takes milliseconds; 10 s covers a machine that does everything at once.
const WITHIN: Duration = Duration::from_secs(10);
/// A line of JSON with a path in it.
const LINE_MAX: u64 = 8 << 10;

/// Makes one attack and returns what it said. As `user`, or as whom the doctor is.
pub(super) fn attack(
    program: &Path,
    name: &str,
    targets: &Targets,
    user: Option<(u32, u32)>,
) -> Result<Answer, DoctorError> {
    let words = serde_json::to_string(targets).map_err(|_| silent(name, "it cannot be told"))?;
    let mut command = Command::new(program);
    command
        .args([VERB, name, &words])
        .env_clear()
        .current_dir("/")
        // Whoever interrupts the doctor at a terminal does not mean the attack, which would then say nothing.
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    if let Some((uid, gid)) = user {
        command.uid(uid).gid(gid);
    }
    let mut child = command.spawn().map_err(at("execute", program))?;
    let said = listen(&mut child);
    // Killed or ended, it is waited for: nothing stays behind.
    let _ = child.kill();
    let _ = child.wait();
    parse(name, &said.ok_or_else(|| silent(name, "it did not end"))?)
}

/// What it says until it ends; `None` when it does not.
fn listen(child: &mut Child) -> Option<String> {
    let mut stdout = child.stdout.take()?;
    let deadline = Instant::now() + WITHIN;
    let mut text = Vec::new();
    loop {
        let left = Timespec::try_from(deadline.saturating_duration_since(Instant::now())).ok()?;
        let mut waited = [PollFd::new(&stdout, PollFlags::IN)];
        let ready = retry_on_intr(|| poll(&mut waited, Some(&left))).ok()?;
        if ready == 0 {
            return None;
        }
        let mut part = [0_u8; 1024];
        let length = stdout.read(&mut part).ok()?;
        text.extend_from_slice(&part[..length]);
        if length == 0 || text.len() as u64 > LINE_MAX {
            return Some(String::from_utf8_lossy(&text).into_owned());
        }
    }
}

/// The answer among what a program said.
pub(super) fn parse(name: &str, said: &str) -> Result<Answer, DoctorError> {
    let answer = said
        .lines()
        .find_map(|line| serde_json::from_str::<Answer>(line).ok());
    let mut answer = answer.ok_or_else(|| silent(name, "it gave no answer"))?;
    // One attack lets another program answer in its place.
    name.clone_into(&mut answer.attack);
    Ok(answer)
}

pub(super) fn silent(name: &str, reason: &str) -> DoctorError {
    DoctorError::Silent {
        attack: name.to_owned(),
        reason: reason.to_owned(),
    }
}
