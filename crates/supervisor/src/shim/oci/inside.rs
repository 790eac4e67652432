//! Process 1 of a container, from the moment that the runtime has executed this binary in it.

use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::time::Duration;

use plimsoll_stdx::fs::read_bounded;
use plimsoll_stdx::net::frame;
use rustix::process::{DumpableBehavior, geteuid, set_dumpable_behavior};

use super::super::handoff::{Applied, Report};
use super::super::init::{say, tie};
use super::super::{confine, observed, pid1, seccomp, sys};
use super::task::Task;
use crate::order::Root;
use crate::record::IsolationClass;

/// A line for each range of users.
const MAP_MAX: u64 = 4096;
/// From our start to the task: the runtime ends and the shim sets the limits. Longer only where the shim is dead.
const TOLD_WITHIN: Duration = Duration::from_secs(10);

/// Takes the task from standard input and stays above the program, which the arguments name. The exit code is nobody's.
pub(crate) fn main(program: &[std::ffi::OsString]) -> u8 {
    let Ok(shim) = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3) else {
        return 1;
    };
    let mut shim = UnixStream::from(shim);
    let told = shim.set_read_timeout(Some(TOLD_WITHIN));
    let Ok(task) = told
        .map_err(Into::into)
        .and_then(|()| frame::read::<Task>(&mut shim))
    else {
        return 1;
    };
    match hold(&task, &shim) {
        Ok(applied) => pid1::stay(&command(program, &task), applied, &mut shim),
        Err(reason) => {
            let _ = say(&mut shim, &Report::Failed { reason });
            1
        }
    }
}

/// Applies what the runtime could not, and looks what holds.
fn hold(task: &Task, shim: &UnixStream) -> Result<Applied, String> {
    let text = |error: std::io::Error| error.to_string();
    let null = std::fs::File::open("/dev/null").map_err(text)?;
    rustix::stdio::dup2_stdin(&null).map_err(|error| error.to_string())?;
    drop(null);
    // What a runtime has forgotten to close is a way out.
    sys::close_all_but(shim.as_fd()).map_err(text)?;
    tie(shim)?;
    let order = &task.order;
    let applied = confine::apply(order)?;
    // Of this process, which has read the secrets, the program shall see nothing.
    set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(|error| error.to_string())?;
    let mut controls = applied.controls;
    controls.extend(order.backend.runtime().map(|name| format!("by {name}")));
    controls.extend(outside());
    controls.push(match &order.root {
        Root::Image(image) => format!("the tree of image {}", image.digest.short()),
        Root::Tools | Root::Host => "the tree of this machine's tools".to_owned(),
    });
    // Before our own filter comes on top of the runtime's, which is to be seen by itself.
    let observed = observed::look(&task.outside);
    controls.extend(observed.controls);
    seccomp::apply()?;
    let class = if observed.complete {
        IsolationClass::Contained
    } else {
        applied.class
    };
    Ok(Applied {
        class,
        controls,
        mount_ns: observed.mount_ns,
    })
}

/// Who we are outside, as the kernel has it.
fn outside() -> Option<String> {
    let map = read_bounded(std::path::Path::new("/proc/self/uid_map"), MAP_MAX).ok()?;
    let own = geteuid().as_raw();
    String::from_utf8_lossy(&map).lines().find_map(|line| {
        let mut numbers = line.split_whitespace().map(str::parse);
        let (inside, outside): (u32, u32) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
        (inside == own).then(|| format!("outside user {outside}"))
    })
}

/// The program, with the folder and the variables that the runtime has given to us.
fn command(program: &[std::ffi::OsString], task: &Task) -> Command {
    let (name, arguments) = match program.split_first() {
        Some((name, arguments)) => (name.as_os_str(), arguments),
        None => (std::ffi::OsStr::new(""), &[][..]),
    };
    let mut command = Command::new(name);
    command
        .args(arguments)
        .env_clear()
        .envs(std::env::vars_os())
        .envs(&task.secrets);
    command
}
