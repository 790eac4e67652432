//! The reference page of `plimsoll.toml`, made from the grammar, the rules and the registry of measures.

use std::fmt::Write as _;

use crate::check::RULES;
use crate::grammar::{Fill, Kind, Table, root};
use crate::measure;
use crate::walk::{example, name};

/// The page, as Markdown.
pub fn reference() -> String {
    let mut page = String::from(
        "# plimsoll.toml\n\n<!-- Made from the grammar: change crates/model/src/grammar/tables and run the tests with \
         PLIMSOLL_BLESS=1. -->\n\nEvery key, with its kind, what stands when it is left out, and what it means. \
         Environments are `[env.NAME.…]` and the same keys: tables are laid over each other key by key, anything else \
         replaces.\n",
    );
    section(&mut page, "", root());
    rules(&mut page);
    measures(&mut page);
    page
}

fn section(page: &mut String, path: &str, table: &'static Table) {
    if !path.is_empty() {
        line(page, &format!("\n## `[{path}]`\n\n{}\n", table.doc));
    }
    line(
        page,
        "\n| key | kind | left out | meaning |\n| --- | --- | --- | --- |",
    );
    for key in table.keys {
        let left_out = left_out(key.fill);
        line(
            page,
            &cells(&[
                &format!("`{}`", key.name),
                &kind(key.kind),
                &left_out,
                key.doc,
            ]),
        );
    }
    for key in table.keys {
        let below = |part: &str| {
            if path.is_empty() {
                part.to_owned()
            } else {
                format!("{path}.{part}")
            }
        };
        inner(page, &below(key.name), key.kind);
    }
}

/// Tables below a key, each its own section.
fn inner(page: &mut String, path: &str, kind: Kind) {
    match kind {
        Kind::Table(table) => section(page, path, table),
        Kind::Named(_, table) => section(page, &format!("{path}.NAME"), table),
        Kind::Map(_, inner_kind) => inner(page, &format!("{path}.NAME"), *inner_kind),
        Kind::List(inner_kind) | Kind::Some(inner_kind) => {
            inner(page, &format!("{path}[]"), *inner_kind);
        }
        Kind::OneOf(tables) => {
            for table in tables {
                let mark = table.keys.first().map_or("", |key| key.name);
                section(page, &format!("{path}` with `{mark}"), table);
            }
        }
        _ => {}
    }
}

fn left_out(fill: Fill) -> String {
    match fill {
        Fill::Required => "**required**".to_owned(),
        Fill::Absent => "nothing".to_owned(),
        Fill::Value(text) => format!("`{text}`"),
        Fill::Empty => "empty, or the defaults below it".to_owned(),
        Fill::Same(key) => format!("the same as `{key}`"),
        Fill::Derived(words) => words.to_owned(),
    }
}

fn kind(kind: Kind) -> String {
    match kind {
        Kind::Between(_, low, high) => format!("{}, {low} to {high}", name(kind)),
        Kind::Int(low, high) => format!("{low} to {high}"),
        Kind::Choice(words) => words
            .iter()
            .map(|word| format!("`{word}`"))
            .collect::<Vec<_>>()
            .join(", "),
        Kind::Table(_) | Kind::Named(..) | Kind::OneOf(_) => name(kind).to_owned(),
        _ => format!("{}: `{}`", name(kind), example(kind)),
    }
}

fn rules(page: &mut String) {
    line(
        page,
        "\n# Rules\n\nWhat is found in a file that is well formed.\n\n| code | finds | why |\n| --- | --- | --- |",
    );
    for rule in RULES {
        line(page, &cells(&[rule.code, rule.title, rule.explain]));
    }
}

fn measures(page: &mut String) {
    line(
        page,
        "\n# Measures\n\nThe closed registry for claims, alerts and panels. `metric.NAME` is a metric of the app's own.\n\n| measure | dimension | of | says |\n| --- | --- | --- | --- |",
    );
    for measure in measure::all() {
        let of = measure.of.join(", ");
        line(
            page,
            &cells(&[
                &format!("`{}`", measure.name),
                measure.dimension.name(),
                &of,
                measure.doc,
            ]),
        );
    }
}

fn cells(cells: &[&str]) -> String {
    let safe: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
    format!("| {} |", safe.join(" | "))
}

fn line(page: &mut String, text: &str) {
    // Writing to a String does not fail.
    let _ = writeln!(page, "{text}");
}
