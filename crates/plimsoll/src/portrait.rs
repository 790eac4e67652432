//! `plimsoll status --release [ID]`: what a release consists of, and who did what with it.

use std::collections::BTreeMap;

use anyhow::anyhow;
use plimsoll_deploy::audit::{self, Action, Entry, FILE, Outcome};
use plimsoll_deploy::{ReleaseId, SchemaRange};
use plimsoll_local::{EnvDir, KeptRelease, Local};
use plimsoll_stdx::clock::rfc3339;
use plimsoll_store::chain::Line;
use serde::Serialize;

use crate::commands::{Context, failure};
use crate::exit::{ExitStatus, Failure, Result};

/// Entries of the audit log that are shown: a release comes and goes a few times, and the log has all of it.
const HISTORY: usize = 20;

/// `status --release --format json`.
#[derive(Debug, Serialize)]
struct Portrait<'a> {
    format: &'static str,
    version: u32,
    release: &'a ReleaseId,
    app: &'a str,
    environment: &'a str,
    state: State,
    made: String,
    tool: &'a str,
    bundle: String,
    images: BTreeMap<&'a str, String>,
    artefacts: BTreeMap<&'a str, String>,
    secrets: &'a BTreeMap<String, u32>,
    schema: &'a BTreeMap<String, SchemaRange>,
    history: Vec<Event>,
}

/// Its part in what runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum State {
    InForce,
    /// Not in force, and its replicas are ready.
    Warm,
    /// Not in force, and it can be brought back.
    Kept,
}

/// A change that led to the release or away from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Event {
    at: String,
    who: String,
    action: Action,
    outcome: Outcome,
}

pub(crate) fn show(
    context: &Context,
    local: &Local,
    (env, wish): (&str, &str),
) -> Result<ExitStatus> {
    let id = match wish {
        "" => None,
        text => Some(text.parse::<ReleaseId>().map_err(Failure::usage)?),
    };
    let dir = local.state().environment(env).map_err(failure)?;
    let Some(id) = id.map_or_else(
        || plimsoll_local::in_force(&dir).map_err(failure),
        |id| Ok(Some(id)),
    )?
    else {
        return Err(Failure::usage(anyhow!("no release is in force in `{env}`"))
            .advise("`plimsoll releases` lists those that are kept"));
    };
    let (kept, schema) = local.portrait(&id).map_err(failure)?;
    let portrait = portrait(&kept, &schema, history(&dir, &id)?);
    if context.printer.is_json() {
        context.printer.json(&portrait);
    } else {
        for line in lines(&portrait) {
            context.printer.data(&line);
        }
    }
    Ok(ExitStatus::Success)
}

fn portrait<'a>(
    kept: &'a KeptRelease,
    schema: &'a BTreeMap<String, SchemaRange>,
    history: Vec<Event>,
) -> Portrait<'a> {
    let parts = &kept.release.parts;
    let named = |digests: &'a BTreeMap<String, plimsoll_bundle::Digest>| {
        let digests = digests.iter();
        digests
            .map(|(name, digest)| (name.as_str(), digest.to_string()))
            .collect()
    };
    Portrait {
        format: "plimsoll.release-status",
        version: 1,
        release: &kept.release.id,
        app: &parts.app,
        environment: &parts.environment,
        state: match (kept.in_force, kept.warm) {
            (true, _) => State::InForce,
            (false, true) => State::Warm,
            (false, false) => State::Kept,
        },
        made: rfc3339(kept.made_ms),
        tool: &parts.tool,
        bundle: parts.bundle.to_string(),
        images: named(&parts.images),
        artefacts: named(&parts.artefacts),
        secrets: &parts.secrets,
        schema,
        history,
    }
}

/// The changes to or from a release that are over, the newest last.
fn history(env: &EnvDir, id: &ReleaseId) -> Result<Vec<Event>> {
    let mut events = Vec::new();
    if !env.path().join(FILE).exists() {
        return Ok(events);
    }
    let keep = |line: Line<Entry>| {
        let entry = line.record;
        let is_over = entry.outcome != Outcome::Begun;
        if is_over && entry.to.as_ref() == Some(id) {
            events.push(Event {
                at: entry.at,
                who: entry.who.name(),
                action: entry.action,
                outcome: entry.outcome,
            });
            let over = events.len().saturating_sub(HISTORY);
            events.drain(..over);
        }
    };
    audit::read(env.path(), keep).map_err(Failure::internal)?;
    Ok(events)
}

fn lines(portrait: &Portrait<'_>) -> Vec<String> {
    let state = match portrait.state {
        State::InForce => "in force",
        State::Warm => "kept, its replicas are ready",
        State::Kept => "kept",
    };
    let mut lines = vec![format!(
        "{} of {} / {}  {state}",
        portrait.release, portrait.app, portrait.environment
    )];
    let mut row = |key: &str, name: &str, value: &str| {
        let line = format!("  {key:<9} {name:<18} {value}");
        lines.push(line.trim_end().to_owned());
    };
    row(
        "made",
        &portrait.made,
        &format!("by plimsoll {}", portrait.tool),
    );
    row("bundle", "", &portrait.bundle);
    for (service, digest) in &portrait.images {
        row("image", service, digest);
    }
    for (service, digest) in &portrait.artefacts {
        row("artefact", service, digest);
    }
    for (secret, version) in portrait.secrets {
        row("secret", secret, &format!("version {version}"));
    }
    for (service, range) in portrait.schema {
        let SchemaRange {
            compatible_from,
            head,
        } = range;
        row("schema", service, &format!("{compatible_from} to {head}"));
    }
    for event in &portrait.history {
        let what = format!("{} {}", word(event.action), word(event.outcome));
        row(&what, &event.who, &event.at);
    }
    lines
}

/// The word that a value has in JSON.
fn word(value: impl Serialize) -> String {
    let value = serde_json::to_value(value).unwrap_or_default();
    value.as_str().unwrap_or("?").to_owned()
}
