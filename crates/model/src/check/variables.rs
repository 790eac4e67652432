//! Variables that are set twice, or that Plimsoll sets itself.

use std::collections::BTreeMap;

use super::{Context, Rule, path};
use crate::app::{SecretMeans, Service};
use crate::draft::Draft;

pub(super) const RULE: Rule = Rule {
    code: "P103",
    title: "a variable that is set twice",
    explain: "A replica's variables come from `env`, `flags`, `needs`, `secrets` and volumes. Each name can have one \
              source only, and `PORT`, `METRICS_PORT` and `DRAIN_DELAY` are set by Plimsoll.",
    check,
};

/// Set by every target.
const OURS: [&str; 3] = ["PORT", "METRICS_PORT", "DRAIN_DELAY"];

fn check(context: &mut Context<'_>) {
    for (name, service) in &context.app.services {
        let mut seen: BTreeMap<String, String> = BTreeMap::new();
        for (variable, at) in variables(name, service) {
            if OURS.contains(&variable.as_str()) {
                let message =
                    format!("`{variable}` is set by Plimsoll, which knows the port and the target");
                let help = "remove it; the ports are `port = { http = …, metrics = … }`";
                context.say(Draft::error(RULE.code, &at, message).help(help));
            } else if let Some(first) = seen.get(&variable) {
                let message = format!("`{variable}` is set twice in `service.{name}`");
                context.say(
                    Draft::error(RULE.code, &at, message)
                        .also(first, "here too")
                        .help("rename or remove one"),
                );
            } else {
                seen.insert(variable, at);
            }
        }
    }
}

/// Each variable and where it comes from.
fn variables(name: &str, service: &Service) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut add = |variable: &str, parts: &[&str]| {
        let at = [&["service", name], parts].concat();
        found.push((variable.to_owned(), path(&at)));
    };
    for (table, map) in [("env", &service.env), ("flags", &service.flags)] {
        for variable in map.keys() {
            add(variable, &[table, variable]);
        }
    }
    for (need, table) in &service.needs {
        add(
            &handed_over(&table.variable, table.by),
            &["needs", need, "as"],
        );
        let others = [
            ("pool_as", &table.pool_as),
            ("pool_min_as", &table.pool_min_as),
            ("max_as", &table.max_as),
            ("read_as", &table.read_as),
        ];
        for (key, variable) in others {
            if let Some(variable) = variable {
                add(variable, &["needs", need, key]);
            }
        }
    }
    for (secret, table) in &service.secrets {
        add(
            &handed_over(&table.variable, table.by),
            &["secrets", secret, "as"],
        );
    }
    for (volume, table) in &service.volumes {
        if let Some(variable) = &table.variable {
            add(variable, &["volume", volume, "as"]);
        }
    }
    found
}

fn handed_over(variable: &str, by: SecretMeans) -> String {
    match by {
        SecretMeans::File => format!("{variable}_FILE"),
        SecretMeans::Env => variable.to_owned(),
    }
}
