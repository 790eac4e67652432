//! The second stage: builds the root, becomes the user, gives up what can be given up, and becomes the program.
//! Single-threaded, a double of the shim that shares nothing with it but the conversation; anything that fails here is
//! said, and then nothing runs.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Component, Path};
use std::process::Command;

use plimsoll_stdx::net::frame;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Signal, set_parent_process_death_signal, setsid};

use super::containment::Containment;
use super::handoff::{Applied, Entered, Report, Run, Tie};
use super::launch::Streams;
use super::{TOKEN_VARIABLE, confine, contain, group, pid1, root, sys};
use crate::order::Root;

/// Becomes the program, or what stands above it, or says why not; the exit code.
pub(super) fn main(run: &Run<'_>, mut talk: UnixStream, streams: Streams) -> u8 {
    let reason = match (part(&talk, streams), run.containment) {
        (Err(reason), _) => reason,
        (Ok(()), None) => become_program(run, &mut talk),
        (Ok(()), Some(containment)) => match contained(run, containment, &talk) {
            Ok(applied) => return pid1::stay(&command(run), applied, &mut talk),
            Err(reason) => reason,
        },
    };
    let _ = say(&mut talk, &Report::Failed { reason });
    1
}

pub(super) fn say(talk: &mut UnixStream, report: &Report) -> Result<(), String> {
    frame::write(talk, report).map_err(|error| error.to_string())
}

/// Parts from the shim: has the program's streams and no descriptor of the shim's, and gets every signal.
pub(super) fn part(talk: &UnixStream, streams: Streams) -> Result<(), String> {
    let text = |error: io::Error| error.to_string();
    let null = File::options()
        .read(true)
        .write(true)
        .open("/dev/null")
        .map_err(|error| format!("cannot open /dev/null: {error}"))?;
    rustix::stdio::dup2_stdin(&null).map_err(|error| error.to_string())?;
    rustix::stdio::dup2_stdout(&streams.stdout).map_err(|error| error.to_string())?;
    rustix::stdio::dup2_stderr(&streams.stderr).map_err(|error| error.to_string())?;
    drop((null, streams));
    sys::close_all_but(talk.as_fd()).map_err(text)?;
    sys::unblock_signals().map_err(text)?;
    Ok(())
}

/// Does what has to be done before there is a program, as process 1 of its namespace.
fn contained(
    run: &Run<'_>,
    containment: &Containment,
    talk: &UnixStream,
) -> Result<Applied, String> {
    containment.admit()?;
    contain::hold(run, containment.outside(), talk)
}

/// Dies with the shim from here on. Changing the user undoes this, so it comes after. The shim's end of the
/// conversation tells whether it is there still: its number says nothing in another process namespace, and may be
/// another's in this one.
pub(super) fn tie(talk: impl AsFd) -> Result<(), String> {
    set_parent_process_death_signal(Some(Signal::KILL)).map_err(|error| error.to_string())?;
    let mut ends = [PollFd::new(&talk, PollFlags::empty())];
    let now = Timespec::default();
    poll(&mut ends, Some(&now)).map_err(|error| error.to_string())?;
    if ends[0].revents().contains(PollFlags::HUP) {
        return Err("the shim died".to_owned());
    }
    Ok(())
}

/// Returns only when it could not, with the reason.
fn become_program(run: &Run<'_>, talk: &mut UnixStream) -> String {
    match prepare(run, talk) {
        Ok(applied) => {
            if let Err(reason) = say(talk, &Report::Applied(applied)) {
                return reason;
            }
            execute(run)
        }
        Err(reason) => reason,
    }
}

fn prepare(run: &Run<'_>, talk: &UnixStream) -> Result<Applied, String> {
    // A session of its own, so that no signal meant for the shim's group reaches the program.
    let _ = setsid();
    // A gateway survives its keeper, so its processes are not for the taking.
    let grouped = run.tie == Tie::Dies && group::enter(run.token);
    if run.entered == Entered::No {
        if run.order.root == Root::Tools {
            root::enter(run.order, run.token, run.mount_point)?;
        }
        write_secrets(run)?;
        confine::become_user(run.order.user.as_ref())?;
    }
    if run.tie == Tie::Dies {
        tie(talk)?;
    }
    let mut applied = confine::apply(run.order)?;
    if grouped {
        applied
            .controls
            .push("a kernel group of its own".to_owned());
    }
    Ok(applied)
}

fn execute(run: &Run<'_>) -> String {
    let mut command = command(run);
    let error = command.exec();
    unable(&command, &error)
}

/// The program with all that it is given.
pub(super) fn command(run: &Run<'_>) -> Command {
    let (program, arguments) = match run.order.command.split_first() {
        Some((program, arguments)) => (program.as_str(), arguments),
        None => ("", &[][..]),
    };
    let numbers = run.ports.iter().filter_map(|(name, number)| {
        let variable = &run.order.ports.get(name)?.variable;
        Some((variable.clone(), number.to_string()))
    });
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env_clear()
        .envs(&run.order.env)
        .envs(numbers)
        .envs(&run.secrets.env)
        .env(TOKEN_VARIABLE, run.token)
        .current_dir(&run.order.workdir);
    command
}

/// Why there is no program.
pub(super) fn unable(command: &Command, error: &io::Error) -> String {
    let program = Path::new(command.get_program());
    format!("cannot execute {}: {error}", program.display())
}

/// Writes the secret files: in a root of its own on a private tmpfs, on the host's tree into a new folder.
pub(super) fn write_secrets(run: &Run<'_>) -> Result<(), String> {
    if run.secrets.files.is_empty() {
        return Ok(());
    }
    let dir = Path::new(&run.order.secrets_dir);
    if run.order.root == Root::Host {
        DirBuilder::new()
            .mode(0o700)
            .create(dir)
            .map_err(|error| format!("cannot create {}: {error}", dir.display()))?;
    } else {
        root::secrets(dir)?;
    }
    fill(dir, run)?;
    if run.order.root == Root::Host {
        return give(dir, run);
    }
    super::mounts::seal(dir)
}

/// Writes the secret files into this folder.
pub(super) fn fill(dir: &Path, run: &Run<'_>) -> Result<(), String> {
    let mut files = run.secrets.files.iter();
    files.try_for_each(|(name, value)| write_secret(dir, name, value, run))
}

fn write_secret(dir: &Path, name: &str, value: &str, run: &Run<'_>) -> Result<(), String> {
    let mut parts = Path::new(name).components();
    if !matches!(
        (parts.next(), parts.next()),
        (Some(Component::Normal(_)), None)
    ) {
        return Err("the name of a secret is no file name".to_owned());
    }
    let path = dir.join(name);
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o400)
        .open(&path)
        .and_then(|mut file| file.write_all(value.as_bytes()));
    written.map_err(|error| describe("write", &path, &error))?;
    give(&path, run)
}

/// Makes the program's user the owner.
fn give(path: &Path, run: &Run<'_>) -> Result<(), String> {
    let Some(user) = &run.order.user else {
        return Ok(());
    };
    std::os::unix::fs::chown(path, Some(user.uid), Some(user.gid))
        .map_err(|error| describe("give away", path, &error))
}

fn describe(action: &str, path: &Path, error: &io::Error) -> String {
    format!("cannot {action} {}: {error}", path.display())
}
