//! Services that wait for each other.

use super::{Context, Rule, path};
use crate::app::App;
use crate::draft::Draft;

pub(super) const RULE: Rule = Rule {
    code: "P106",
    title: "services that wait for each other",
    explain: "What a service needs is ready before it starts. Services that need each other would wait for ever.",
    check,
};

fn check(context: &mut Context<'_>) {
    let app = context.app;
    for (name, service) in &app.services {
        for (need, table) in &service.needs {
            let target = &table.to.service;
            // Each circle is told once, at its first service by name.
            if let Some(way) = way_back(app, target, name) {
                if way.iter().any(|step| *step < name.as_str()) || table.optional {
                    continue;
                }
                let circle = [vec![name.as_str()], way].concat().join("` → `");
                let at = path(&["service", name, "needs", need]);
                let draft = Draft::error(
                    RULE.code,
                    &at,
                    format!("services wait for each other: `{circle}`"),
                );
                context.say(draft.help("make one of these needs `optional = true`, or remove it"));
            }
        }
    }
}

/// The services from `from` to `to`, both included, by needs that are not optional.
fn way_back<'a>(app: &'a App, from: &'a str, to: &str) -> Option<Vec<&'a str>> {
    let mut ways = vec![vec![from]];
    let mut seen = vec![from];
    while let Some(way) = ways.pop() {
        let last = *way.last()?;
        if last == to {
            return Some(way);
        }
        let needs = app
            .services
            .get(last)
            .into_iter()
            .flat_map(|service| service.needs.values());
        for need in needs.filter(|need| !need.optional) {
            let next = need.to.service.as_str();
            if !seen.contains(&next) {
                seen.push(next);
                ways.push([way.clone(), vec![next]].concat());
            }
        }
    }
    None
}
