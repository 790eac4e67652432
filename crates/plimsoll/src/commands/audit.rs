//! `plimsoll audit [verify]`.

use anyhow::anyhow;
use plimsoll_deploy::audit::{self, Entry, FILE};
use plimsoll_store::chain::{Check, Line};
use serde::Serialize;

use super::{Context, failure};
use crate::args::AuditArgs;
use crate::exit::{ExitStatus, Failure, Result};
use crate::printer::Tone;

/// An entry with its place in the chain.
#[derive(Debug, Serialize)]
struct Numbered {
    seq: u64,
    digest: String,
    #[serde(flatten)]
    entry: Entry,
}

/// `audit verify --format json`.
#[derive(Debug, Serialize)]
struct Verified<'a> {
    format: &'static str,
    version: u32,
    intact: bool,
    #[serde(flatten)]
    check: &'a Check,
}

pub(crate) fn run(context: &Context, args: &AuditArgs) -> Result<ExitStatus> {
    let project = context.load(&args.env)?;
    let local = context.local(&project.dir, &project.app.about.name, &args.env)?;
    let env = local.state().environment(&args.env).map_err(failure)?;
    if !env.path().join(FILE).exists() {
        return Err(Failure::usage(anyhow!(
            "nothing was ever changed in the environment `{}`",
            args.env
        )));
    }
    let mut entries = Vec::new();
    let keep = |line: Line<Entry>| {
        entries.push(Numbered {
            seq: line.seq,
            digest: line.digest,
            entry: line.record,
        });
        let over = entries.len().saturating_sub(args.lines);
        entries.drain(..over);
    };
    let check = audit::read(env.path(), keep).map_err(Failure::internal)?;
    if args.verify.is_some() {
        return Ok(verified(context, &check));
    }
    for entry in &entries {
        show(context, entry);
    }
    if !check.faults.is_empty() {
        context
            .printer
            .error("the log was changed: `plimsoll audit verify` says where");
        return Ok(ExitStatus::AppFault);
    }
    Ok(ExitStatus::Success)
}

fn verified(context: &Context, check: &Check) -> ExitStatus {
    let printer = context.printer;
    let intact = check.faults.is_empty();
    if printer.is_json() {
        printer.json(&Verified {
            format: "plimsoll.audit-check",
            version: 1,
            intact,
            check,
        });
    } else if intact {
        let records = check.records;
        printer.data(&format!(
            "intact: {records} entries, the last is {}",
            check.head
        ));
        printer.note("keep that digest where nobody can write who can write here: it proves the entries up to it");
    } else {
        for fault in &check.faults {
            let label = printer.paint(Tone::Bad, "broken");
            printer.data(&format!("{label} at line {}: {}", fault.line, fault.what));
        }
    }
    if intact {
        ExitStatus::Success
    } else {
        ExitStatus::AppFault
    }
}

fn show(context: &Context, numbered: &Numbered) {
    let printer = context.printer;
    if printer.is_json() {
        printer.json(numbered);
        return;
    }
    let entry = &numbered.entry;
    let who = entry.who.name();
    let release = |id: &Option<plimsoll_deploy::ReleaseId>| {
        id.as_ref()
            .map_or_else(|| "-".to_owned(), ToString::to_string)
    };
    let what = match &entry.of {
        Some(of) => format!("{} {of}", word(entry.action)),
        None => word(entry.action),
    };
    let because = entry.because.as_deref().unwrap_or_default();
    let line = format!(
        "{:>5} {} {who:<12} {what:<16} {:<9} {} -> {}  {because}",
        numbered.seq,
        entry.at,
        word(entry.outcome),
        release(&entry.from),
        release(&entry.to),
    );
    printer.data(line.trim_end());
}

/// The word that a value has in JSON.
fn word(value: impl Serialize) -> String {
    let value = serde_json::to_value(value).unwrap_or_default();
    value.as_str().unwrap_or("?").to_owned()
}
