//! What can be said and done without a supervisor: from the records that every shim keeps.

use std::path::PathBuf;

use plimsoll_bundle::Digest;
use plimsoll_bundle::local::Header;
use plimsoll_stdx::fs::at;
use plimsoll_stdx::process::{self, ProcessId};
use plimsoll_stdx::usage;
use plimsoll_store::state::{self, Format};
use plimsoll_supervisor::order::Root;
use plimsoll_supervisor::record::{SPEC_FILE, Spec};
use serde::Deserialize;

use crate::daemon::intent::Intent;
use crate::status::{Phase, ProcessKind, ProcessState, ProcessStatus, ServiceImage, Status};
use crate::{EnvDir, LocalError, release};

const SHIM: Format = Format {
    name: "plimsoll.shim",
    version: 1,
};

const SPEC: Format = Format {
    name: "plimsoll.spec",
    version: 1,
};

/// What is read of `shim.json`; a damaged one names no process.
#[derive(Deserialize)]
struct Shim {
    instance: String,
    #[serde(rename = "shim")]
    process: ProcessId,
    boot_id: String,
    program: Option<Program>,
    /// Of its orders: the OCI runtime that brought the program up.
    #[serde(skip)]
    runtime: Option<String>,
}

#[derive(Deserialize)]
struct Program {
    process: ProcessId,
    class: String,
}

/// Every process of ours that lives.
pub(crate) fn status(
    env: &EnvDir,
    app: &str,
    environment: &str,
    instance: &str,
) -> Result<Status, LocalError> {
    let mut processes = Vec::new();
    for shim in shims(env) {
        if shim.process.is_alive() {
            processes.push(describe(&shim));
        }
    }
    let phase = if processes.is_empty() {
        Phase::Down
    } else {
        Phase::Unattended
    };
    let release = Intent::load(env)?.release;
    Ok(Status {
        header: Header::new(Status::FORMAT, Status::VERSION),
        app: app.to_owned(),
        environment: environment.to_owned(),
        instance: instance.to_owned(),
        phase,
        images: match &release {
            // Without the document nothing can be said of it.
            Some(id) => release::load(env, id)
                .map_or_else(|_| Vec::new(), |kept| ServiceImage::of(&kept.release)),
            None => Vec::new(),
        },
        release: release.map(|release| release.to_string()),
        processes,
        urls: Vec::new(),
    })
}

fn describe(shim: &Shim) -> ProcessStatus {
    let usage = usage::of_tree(shim.process).unwrap_or_default();
    let program = shim
        .program
        .as_ref()
        .filter(|program| program.process.is_alive());
    ProcessStatus {
        kind: ProcessKind::Shim,
        name: shim.instance.clone(),
        of: None,
        pid: program.map_or(Some(shim.process.pid), |program| Some(program.process.pid)),
        state: if program.is_some() {
            ProcessState::Ready
        } else {
            ProcessState::Unready
        },
        isolation: program.map_or_else(|| "by convention".into(), |program| program.class.clone()),
        runtime: shim.runtime.clone(),
        cpu_ms: usage.cpu_ms,
        cpu_millis: None,
        rss_bytes: usage.rss_bytes,
        restarts: 0,
        release: None,
        reason: Some("no supervisor lives".into()),
        last_exit: None,
        controls: Vec::new(),
        group: None,
    }
}

/// Whether any process of ours lives.
pub(crate) fn anything_lives(env: &EnvDir) -> bool {
    shims(env).iter().any(|shim| shim.process.is_alive())
}

/// The images that living processes of ours run in.
pub(crate) fn images(env: &EnvDir) -> impl Iterator<Item = Digest> {
    // A shim outlives its program by what it has to tidy up; before there is one, it is about to start it.
    let lives = |dir: &PathBuf| match state::load::<Shim>(&dir.join("shim.json"), SHIM) {
        Ok(shim) => shim
            .program
            .map_or(shim.process, |program| program.process)
            .is_alive(),
        Err(_) => false,
    };
    let of = |dir: PathBuf| {
        let spec = state::load::<Spec>(&dir.join(SPEC_FILE), SPEC).ok()?;
        match spec.order.root {
            Root::Image(image) => Some(image.digest),
            Root::Host | Root::Tools => None,
        }
    };
    starts(env).into_iter().filter(lives).filter_map(of)
}

/// The directories of every start that is remembered.
pub(crate) fn starts(env: &EnvDir) -> Vec<PathBuf> {
    let mut dirs: Vec<PathBuf> = vec![env.path().join("keeper")];
    if let Ok(entries) = std::fs::read_dir(env.path().join("replicas")) {
        dirs.extend(entries.filter_map(Result::ok).map(|entry| entry.path()));
    }
    dirs.sort();
    dirs
}

/// The records of this boot.
fn shims(env: &EnvDir) -> Vec<Shim> {
    let boot = process::boot_id().unwrap_or_default();
    starts(env)
        .into_iter()
        .filter_map(|dir| {
            let shim = state::load::<Shim>(&dir.join("shim.json"), SHIM).ok()?;
            let spec = state::load::<Spec>(&dir.join(SPEC_FILE), SPEC).ok();
            Some(Shim {
                runtime: spec.and_then(|spec| spec.order.backend.runtime()),
                ..shim
            })
        })
        .filter(|shim| shim.boot_id == boot)
        .collect()
}

/// Deletes databases, volumes, secrets and what is known of them. Nothing of the environment may run.
pub(crate) fn delete_data(env: &EnvDir) -> Result<(), LocalError> {
    // What the gateway keeps goes before the intent: it remembers the epoch of who spoke last, and the epochs of an
    // environment without an intent start anew. With the intent gone, migrations run again whatever else is left by a
    // crash in between.
    for name in [
        "gateway",
        "endpoints.json",
        "state.json",
        "journal",
        "resources",
        "volumes",
        "secrets",
        "replicas",
    ] {
        let path = env.path().join(name);
        let removed = if path.is_dir() {
            std::fs::remove_dir_all(&path)
        } else {
            std::fs::remove_file(&path)
        };
        match removed {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(at("delete", &path)(error).into()),
        }
    }
    Ok(())
}
