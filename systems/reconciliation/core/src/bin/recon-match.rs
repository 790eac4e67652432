//! `recon-match LEFT RIGHT --mapping FILE [--right-mapping FILE] [--rules FILE]`: reads two CSV files, matches
//! them, and
//! prints the counts as one line of JSON. The same ingestion and the same passes as the service, without its database.

use std::fs::File;
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::process::ExitCode;
use std::thread;

use recon_core::engine::{RunOptions, run};
use recon_core::ingest::{Ingested, Limits, ingest};
use recon_core::mapping::Mapping;
use recon_core::outcome::Side;
use recon_core::rules::RuleSet;
use serde::de::DeserializeOwned;

const USAGE: &str =
    "usage: recon-match LEFT RIGHT --mapping FILE [--right-mapping FILE] [--rules FILE]";

fn main() -> ExitCode {
    let reported = Arguments::parse(std::env::args().skip(1))
        .and_then(|arguments| report(&arguments))
        .and_then(|line| writeln!(io::stdout(), "{line}").map_err(|error| error.to_string()));
    match reported {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            // Nothing is left to do if standard error is closed.
            let _ = writeln!(io::stderr(), "{message}");
            ExitCode::from(2)
        }
    }
}

struct Arguments {
    left: String,
    right: String,
    mapping: String,
    right_mapping: Option<String>,
    rules: Option<String>,
}

impl Arguments {
    fn parse(mut given: impl Iterator<Item = String>) -> Result<Self, String> {
        let (mut files, mut mapping, mut right_mapping, mut rules) = (Vec::new(), None, None, None);
        while let Some(word) = given.next() {
            let slot = match word.as_str() {
                "--mapping" => &mut mapping,
                "--right-mapping" => &mut right_mapping,
                "--rules" => &mut rules,
                option if option.starts_with("--") => {
                    return Err(format!("unknown option {option}\n{USAGE}"));
                }
                _ => {
                    files.push(word);
                    continue;
                }
            };
            *slot = Some(
                given
                    .next()
                    .ok_or_else(|| format!("{word} needs a value\n{USAGE}"))?,
            );
        }
        match (<[String; 2]>::try_from(files), mapping) {
            (Ok([left, right]), Some(mapping)) => Ok(Self {
                left,
                right,
                mapping,
                right_mapping,
                rules,
            }),
            _ => Err(USAGE.to_owned()),
        }
    }
}

fn report(arguments: &Arguments) -> Result<String, String> {
    let left_mapping: Mapping = document(&arguments.mapping)?;
    let right_mapping: Mapping = match &arguments.right_mapping {
        Some(path) => document(path)?,
        None => left_mapping.clone(),
    };
    let rules = match &arguments.rules {
        Some(path) => document(path)?,
        None => RuleSet::bank_default(),
    };
    let (left, right) = thread::scope(|scope| {
        let left = scope.spawn(|| load(&arguments.left, &left_mapping));
        let right = load(&arguments.right, &right_mapping);
        (
            left.join()
                .unwrap_or_else(|_| Err("reading the left file panicked".into())),
            right,
        )
    });
    let (left, right) = (left?, right?);
    let mut go_on = |_: recon_core::engine::Progress<'_>| ControlFlow::Continue(());
    let outcome = run(
        &rules,
        &left.store,
        &right.store,
        RunOptions::default(),
        &mut go_on,
    )
    .map_err(|error| error.to_string())?;
    let side = |side, file: &Ingested| {
        serde_json::json!({
            "rows": file.rows_in,
            "duplicate": file.duplicates.len(),
            "rejected": file.rejected.len(),
            "states": outcome.counts(side),
        })
    };
    let line = serde_json::json!({
        "matches": outcome.matches().len(),
        "left": side(Side::Left, &left),
        "right": side(Side::Right, &right),
        "passes": outcome.passes(),
    });
    Ok(line.to_string())
}

fn document<T: DeserializeOwned>(path: &str) -> Result<T, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
    serde_json::from_str(&text).map_err(|error| format!("{path}: {error}"))
}

fn load(path: &str, mapping: &Mapping) -> Result<Ingested, String> {
    let describe = |error: &dyn std::error::Error| format!("{path}: {error}");
    let mapping = mapping.compile().map_err(|error| describe(&error))?;
    let file = File::open(path).map_err(|error| describe(&error))?;
    ingest(file, &mapping, &Limits::default()).map_err(|error| describe(&error))
}
