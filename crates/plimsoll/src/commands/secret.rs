//! `plimsoll secret set|list|rotate`.

use std::io::Read;

use anyhow::anyhow;
use plimsoll_deploy::audit::Action;
use plimsoll_local::{LocalError, Secret, SecretPlan};

use super::{Context, failure};
use crate::args::{EnvironmentArgs, SecretArgs, SecretCommand};
use crate::exit::{ExitStatus, Failure, Result};
use crate::project::Project;
use crate::trail::Trail;

/// Larger values are files, not secrets.
const MAX_BYTES: u64 = 64 << 10;

pub(crate) fn run(context: &Context, command: &SecretCommand) -> Result<ExitStatus> {
    match command {
        SecretCommand::Set(args) => set(context, args),
        SecretCommand::List(args) => list(context, args),
        SecretCommand::Rotate(args) => rotate(context, args),
    }
}

fn set(context: &Context, args: &SecretArgs) -> Result<ExitStatus> {
    let project = load(context, args)?;
    let mut value = String::new();
    std::io::stdin()
        .take(MAX_BYTES + 1)
        .read_to_string(&mut value)
        .map_err(|error| {
            Failure::usage(anyhow!(error).context("cannot read the value from standard input"))
        })?;
    if value.len() as u64 > MAX_BYTES {
        return Err(Failure::usage(anyhow!(
            "the value is longer than {MAX_BYTES} bytes"
        )));
    }
    let value = value.strip_suffix('\n').unwrap_or(&value);
    if value.is_empty() {
        return Err(Failure::usage(anyhow!("standard input is empty"))
            .advise(format!("plimsoll secret set {} < file", args.name)));
    }
    let local = context.local(&project.dir, &project.app.about.name, &args.env)?;
    let store = local.secrets().map_err(failure)?;
    let of = Some(args.name.clone());
    let trail = Trail::begin(&local, &args.env, (Action::SecretSet, of))?;
    let version = store.set(&args.name, &Secret::new(value));
    let version = version.map_err(LocalError::from);
    trail.close(&version, context.printer);
    let version = version.map_err(failure)?;
    said(context, &args.name, version);
    Ok(ExitStatus::Success)
}

fn list(context: &Context, args: &EnvironmentArgs) -> Result<ExitStatus> {
    let project = context.load(&args.env)?;
    let local = context.local(&project.dir, &project.app.about.name, &args.env)?;
    let store = local.secrets().map_err(failure)?;
    let secrets = store.list().map_err(|error| failure(error.into()))?;
    if context.printer.is_json() {
        context.printer.json(&secrets);
    } else {
        for secret in secrets {
            context
                .printer
                .data(&format!("{:<24} v{}", secret.name, secret.version));
        }
    }
    Ok(ExitStatus::Success)
}

fn rotate(context: &Context, args: &SecretArgs) -> Result<ExitStatus> {
    let project = load(context, args)?;
    let plan = project
        .app
        .secrets
        .get(&args.name)
        .map(|found| crate::request::plan(&args.name, found));
    let Some(plan @ SecretPlan::Generate { .. }) = plan else {
        return Err(Failure::usage(anyhow!(
            "`{}` is not generated, so it cannot be rotated here",
            args.name
        ))
        .advise(format!("plimsoll secret set {} < file", args.name)));
    };
    let local = context.local(&project.dir, &project.app.about.name, &args.env)?;
    let store = local.secrets().map_err(failure)?;
    let of = Some(args.name.clone());
    let trail = Trail::begin(&local, &args.env, (Action::SecretRotate, of))?;
    let version = store.rotate(&args.name, &plan).map_err(LocalError::from);
    trail.close(&version, context.printer);
    let version = version.map_err(failure)?;
    said(context, &args.name, version);
    Ok(ExitStatus::Success)
}

fn load(context: &Context, args: &SecretArgs) -> Result<Project> {
    let project = context.load(&args.env)?;
    if project.app.secrets.contains_key(&args.name) {
        return Ok(project);
    }
    let known: Vec<&str> = project.app.secrets.keys().map(String::as_str).collect();
    Err(
        Failure::usage(anyhow!("plimsoll.toml has no secret `{}`", args.name))
            .advise(format!("it has: {}", known.join(", "))),
    )
}

fn said(context: &Context, name: &str, version: u32) {
    context.printer.note(&format!(
        "{name} is at version {version}; `plimsoll up` brings it into force"
    ));
}
