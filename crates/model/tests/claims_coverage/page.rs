//! `docs/claims-coverage.md`, written from the files and the ledger.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use plimsoll_model::App;
use plimsoll_model::app::{Claim, Measured, Standing};

use crate::files::here;
use crate::ledger::{Row, row_of, rows};

/// Which part of the product carries a family of measures, and how.
const CARRIERS: &[(&str, &str, &str)] = &[
    (
        "image",
        "image",
        "builds the image and the plainly built one beside it, and reads layers, files and bill of materials",
    ),
    (
        "build",
        "image",
        "times the build, reads what it recorded and what it put out",
    ),
    (
        "rendered",
        "render",
        "writes the documents; what is claimed is read back from them",
    ),
    (
        "rules",
        "rules",
        "reads the documents, one rule a file, each with the standards that ask for it",
    ),
    (
        "docs",
        "render",
        "writes the pages from the file and the last evidence; their commands are run",
    ),
    (
        "model",
        "certify",
        "computes from the documents and from measured inputs: scheduler, autoscaler, drain, network, capacity",
    ),
    (
        "cost",
        "certify",
        "multiplies dated prices and measured use, and shows formula and inputs",
    ),
    (
        "run",
        "experiments",
        "starts the shipped release and asks it",
    ),
    ("preflight", "deploy", "looks before anything changes"),
    (
        "program",
        "the system",
        "runs an experiment of its own against its shipped code",
    ),
    (
        "metric",
        "the system",
        "exports the metric; `experiments` reads it",
    ),
    (
        "http",
        "gateway",
        "owns the edge; `experiments` asks it as a client",
    ),
    (
        "limit",
        "gateway",
        "owns the limits; `load` sends one request too many",
    ),
    (
        "attack",
        "experiments",
        "sends the corpora and counts what got through",
    ),
    (
        "page",
        "experiments",
        "drives a browser with the page's profile",
    ),
    (
        "load",
        "load",
        "sends at a steady rate and counts from when each request was due",
    ),
    ("deploy", "deploy", "changes releases while a prober counts"),
    (
        "fault",
        "experiments",
        "kills, stops and fills from outside while `load` runs",
    ),
    (
        "alert",
        "render",
        "writes rules and routes; `experiments` feeds them made-up series and real faults",
    ),
    (
        "dashboard",
        "render",
        "writes the panels; `experiments` has a real Prometheus answer them",
    ),
    (
        "drill",
        "recover",
        "restores, boots and compares row by row",
    ),
    ("slo", "web", "keeps the record of the window"),
    ("claims", "certify", "rolls verdicts up"),
    ("review", "certify", "compares dates"),
    ("approval", "deploy", "waits for signatures"),
];

/// Titles of the documents, by the first two characters of their rows.
const DOCUMENTS: &[(&str, &str)] = &[
    (
        "A0",
        "Build and deployment of the reconciliation platform (January 2025)",
    ),
    (
        "A1",
        "Certification of the reconciliation platform (January 2025)",
    ),
    ("A2", "Deployment guide of the reconciliation platform"),
    ("B3", "Production deployment of the logistics system"),
    ("C4", "Deployment report of CultivAI Pro (November 2025)"),
];

/// Where the page is.
pub(crate) fn path() -> PathBuf {
    here("../../docs/claims-coverage.md")
}

/// The whole page.
pub(crate) fn write(systems: &BTreeMap<String, App>) -> String {
    let mut page = String::from(INTRODUCTION);
    page.push_str("| family | carried by | which |\n| --- | --- | --- |\n");
    for (family, part, how) in CARRIERS {
        let _ = writeln!(page, "| `{family}.` | {part} | {how} |");
    }
    for (document, title) in DOCUMENTS {
        let _ = write!(
            page,
            "\n## {document}: {title}\n\n| id | said | decided by | carried by |\n| --- | --- | --- | --- |\n"
        );
        for row in rows().filter(|row| row.id.starts_with(document)) {
            page.push_str(&line(&row, &systems[row.system]));
        }
    }
    page
}

fn line(row: &Row<'_>, app: &App) -> String {
    let claims: Vec<&Claim> = app
        .claims
        .iter()
        .filter(|(id, _)| row_of(id) == Some(row.id))
        .map(|(_, claim)| claim)
        .collect();
    let decided: Vec<String> = claims.iter().map(|claim| decision(claim)).collect();
    let mut parts: Vec<&str> = Vec::new();
    for part in claims.iter().map(|claim| carrier(claim)) {
        if !parts.contains(&part) {
            parts.push(part);
        }
    }
    let said = if row.value == "-" {
        row.claim.to_owned()
    } else {
        format!("{}: {}", row.claim, row.value)
    };
    let cell = |text: &str| text.replace('|', "\\|");
    format!(
        "| {} | {} | {} | {} |\n",
        row.id,
        cell(&said),
        cell(&decided.join("<br>")),
        parts.join(", ")
    )
}

fn decision(claim: &Claim) -> String {
    match claim {
        Claim::Attested(_) => "attested, by name and date".to_owned(),
        Claim::Measured(claim) => measurement(claim),
    }
}

fn measurement(claim: &Measured) -> String {
    let mut text = format!("`{}", claim.measure);
    if let Some(with) = &claim.with {
        // A list of files would drown the table; the file has it whole.
        let first = with.split(' ').next().unwrap_or_default();
        let more = if first.len() < with.len() { " …" } else { "" };
        let _ = write!(text, " {first}{more}");
    }
    let _ = write!(text, " of {} {}`", claim.of, claim.bound);
    if let Some(load) = &claim.under {
        let _ = write!(text, " under `{load}`");
    }
    if let Some(environment) = &claim.environment {
        let _ = write!(text, " in `{environment}`");
    }
    if claim.means.is_some() {
        text.push_str(", by other means");
    }
    if claim.standing == Standing::Withdrawn {
        let _ = write!(
            text,
            ", withdrawn ({})",
            claim.because.as_deref().unwrap_or_default()
        );
    }
    text
}

fn carrier(claim: &Claim) -> &'static str {
    let Claim::Measured(claim) = claim else {
        return "a person";
    };
    let family = claim.measure.split('.').next().unwrap_or_default();
    let found = CARRIERS.iter().find(|(name, _, _)| *name == family);
    found
        .unwrap_or_else(|| panic!("nothing carries the family `{family}.`"))
        .1
}

const INTRODUCTION: &str = "# What the documents say, and what carries it

Written by `PLIMSOLL_BLESS=1 cargo test -p plimsoll-model --test claims_coverage` from the three systems' files and
`crates/model/fixtures/claims-ledger.tsv`; a test fails when it is stale. Every row of the documents is a claim under its
own id in `plimsoll.toml`: bounds and notes stand there, here is who decides. A row that a setting answers has a claim that
reads the setting back from the rendered documents (`rendered.`), so that nothing is believed because the file says it.

Withdrawn rows cannot hold as written (the X-number says why): they are judged and shown, and count in no grade. What only a
person can state is attested. A measure that nothing gathers yet ends `unproven`, never passed.

";
