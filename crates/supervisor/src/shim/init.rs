//! The second stage: builds the root, becomes the user, gives up what can be given up, and becomes the program.
//! Single-threaded; anything that fails here is said, and then nothing runs.

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
use rustix::process::{Signal, getppid, set_parent_process_death_signal, setsid};

use super::handoff::{Applied, Checked, Entered, Handoff, Report, Run, Tie};
use super::space::{self, Outside};
use super::{TOKEN_VARIABLE, confine, contain, group, pid1, root};
use crate::order::{Kind, Order, Root};

/// Reads its orders from standard input and becomes the program, or says why not.
pub fn main() -> u8 {
    let Ok(talk) = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3) else {
        return 1;
    };
    let mut talk = UnixStream::from(talk);
    let Ok(handoff) = frame::read::<Handoff>(&mut talk) else {
        return 1;
    };
    let reason = match handoff {
        Handoff::Check { mount_point } => {
            return u8::from(say(&mut talk, &check(&mount_point)).is_err());
        }
        Handoff::Run(run) => match &run.outside {
            None => become_program(&run, &mut talk),
            Some(outside) => match contained(&run, outside, &mut talk) {
                Ok(()) => return pid1::stay(&run, &mut talk),
                Err(reason) => reason,
            },
        },
    };
    let _ = say(&mut talk, &Report::Failed { reason });
    1
}

pub(super) fn say(talk: &mut UnixStream, report: &Report) -> Result<(), String> {
    frame::write(talk, report).map_err(|error| error.to_string())
}

fn check(mount_point: &Path) -> Report {
    let mut order = Order::new("check", Kind::Job, Vec::new());
    order.root = Root::Tools;
    let no_root = root::enter(&order, "", mount_point).err();
    // Last, since it is for good: as a user who is not root, in the user namespace that the root has brought.
    let no_namespaces = space::enter().err();
    let landlock = confine::try_landlock(&order);
    Report::Checked(Checked {
        no_root,
        landlock,
        no_namespaces,
    })
}

/// Does what has to be done before there is a program, as process 1 of its namespace.
fn contained(run: &Run, outside: &Outside, talk: &mut UnixStream) -> Result<(), String> {
    super::sys::unblock_signals().map_err(|error| error.to_string())?;
    let _ = setsid();
    let null = null()?;
    super::sys::close_on_exec().map_err(|error| error.to_string())?;
    let applied = contain::hold(run, outside, &*talk)?;
    rustix::stdio::dup2_stdin(null.as_fd()).map_err(|error| error.to_string())?;
    say(talk, &Report::Applied(applied))
}

fn null() -> Result<File, String> {
    File::options()
        .read(true)
        .open("/dev/null")
        .map_err(|error| format!("cannot open /dev/null: {error}"))
}

/// Dies with the shim from here on. Changing the user undoes this, so it comes after. The shim's end of the
/// conversation tells whether it is there still: its number says nothing in another process namespace.
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
fn become_program(run: &Run, talk: &mut UnixStream) -> String {
    match prepare(run) {
        Ok(applied) => {
            if let Err(reason) = say(talk, &Report::Applied(applied)) {
                return reason;
            }
            execute(run)
        }
        Err(reason) => reason,
    }
}

fn prepare(run: &Run) -> Result<Applied, String> {
    let parent = getppid();
    super::sys::unblock_signals().map_err(|error| error.to_string())?;
    // A session of its own, so that no signal meant for the shim's group reaches it. It is one already where the
    // first stage made it so.
    let _ = setsid();
    let null = null()?;
    // A gateway survives its keeper, so its processes are not for the taking.
    let grouped = run.tie == Tie::Dies && group::enter(&run.token);
    if run.entered == Entered::No {
        if run.order.root == Root::Tools {
            root::enter(&run.order, &run.token, &run.mount_point)?;
        }
        write_secrets(run)?;
        confine::become_user(run.order.user.as_ref())?;
    }
    if run.tie == Tie::Dies {
        set_parent_process_death_signal(Some(Signal::KILL)).map_err(|error| error.to_string())?;
        if getppid() != parent {
            return Err("the shim died".to_owned());
        }
    }
    let mut applied = confine::apply(&run.order)?;
    if grouped {
        applied
            .controls
            .push("a kernel group of its own".to_owned());
    }
    rustix::stdio::dup2_stdin(null.as_fd()).map_err(|error| error.to_string())?;
    Ok(applied)
}

pub(super) fn execute(run: &Run) -> String {
    let Some((program, arguments)) = run.order.command.split_first() else {
        return "there is no program to execute".to_owned();
    };
    let numbers = run.ports.iter().filter_map(|(name, number)| {
        let variable = &run.order.ports.get(name)?.variable;
        Some((variable.clone(), number.to_string()))
    });
    let error = Command::new(program)
        .args(arguments)
        .env_clear()
        .envs(&run.order.env)
        .envs(numbers)
        .envs(&run.secrets.env)
        .env(TOKEN_VARIABLE, &run.token)
        .current_dir(&run.order.workdir)
        .exec();
    format!("cannot execute {program}: {error}")
}

/// Writes the secret files: in a root of its own on the tmpfs that is there, on the host's tree into a new folder.
pub(super) fn write_secrets(run: &Run) -> Result<(), String> {
    if run.secrets.files.is_empty() {
        return Ok(());
    }
    let dir = Path::new(&run.order.secrets_dir);
    if run.order.root == Root::Host {
        DirBuilder::new()
            .mode(0o700)
            .create(dir)
            .map_err(|error| format!("cannot create {}: {error}", dir.display()))?;
    }
    for (name, value) in &run.secrets.files {
        write_secret(dir, name, value, run)?;
    }
    if run.order.root == Root::Host {
        return give(dir, run);
    }
    super::mounts::seal(dir)
}

fn write_secret(dir: &Path, name: &str, value: &str, run: &Run) -> Result<(), String> {
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
fn give(path: &Path, run: &Run) -> Result<(), String> {
    let Some(user) = &run.order.user else {
        return Ok(());
    };
    std::os::unix::fs::chown(path, Some(user.uid), Some(user.gid))
        .map_err(|error| describe("give away", path, &error))
}

fn describe(action: &str, path: &Path, error: &io::Error) -> String {
    format!("cannot {action} {}: {error}", path.display())
}
