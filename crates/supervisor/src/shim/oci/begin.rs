//! A fork of the shim that becomes the runtime: it puts together what the runtime is told and finds.

use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;

use plimsoll_stdx::fs::create_dir_private;

use super::super::handoff::{Report, Run};
use super::super::init::{part, say};
use super::super::keep::put;
use super::super::launch::Streams;
use super::bundle::Bundle;
use super::config::{Given, config};
use super::{run, stage};

/// It names secrets by nothing but their folder; but what a program is started with is its owner's business.
const PRIVATE_FILE: u32 = 0o600;

/// Becomes the runtime, or says why not; the exit code.
pub(super) fn main(run: &Run<'_>, bundle: &Bundle, mut talk: UnixStream, streams: Streams) -> u8 {
    let prepared = part(&talk, streams).and_then(|()| prepare(run, bundle));
    let reason = match prepared {
        Ok(()) => become_runtime(bundle, &talk),
        Err(reason) => reason,
    };
    let _ = say(&mut talk, &Report::Failed { reason });
    1
}

fn prepare(run: &Run<'_>, bundle: &Bundle) -> Result<(), String> {
    create_dir_private(&bundle.dir).map_err(|error| error.to_string())?;
    let stage = stage::build(run)?;
    let config = config(Given {
        order: run.order,
        ports: run.ports,
        token: run.token,
        stage: &stage,
        // Ours, which is the shim's: it has entered the network that the program is to have.
        network: &PathBuf::from(format!("/proc/{}/ns/net", std::process::id())),
        group: &bundle.group,
    })?;
    let bytes = serde_json::to_vec(&config).map_err(|error| error.to_string())?;
    put(&bundle.config(), &bytes, PRIVATE_FILE)
}

/// Returns only when it could not, with the reason. The runtime gives its standard streams to what it starts, and their
/// files to the program's user: so none of them may be the machine's own `/dev/null`.
fn become_runtime(bundle: &Bundle, talk: impl AsFd) -> String {
    if let Err(error) = rustix::stdio::dup2_stdin(talk) {
        return error.to_string();
    }
    let mut command = run::command(bundle);
    command.args(["run", "--detach", "--pid-file"]);
    command.arg(bundle.pid_file());
    let error = command
        .arg("--bundle")
        .arg(&bundle.dir)
        .arg(&bundle.id)
        .exec();
    format!("cannot execute {}: {error}", bundle.runtime.display())
}
