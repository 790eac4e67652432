//! Objectives that mean nothing, and alerts that come long after.

use super::{Context, Rule, path};
use crate::app::Slo;
use crate::draft::Draft;
use crate::units::{Bound, Comparison, Dimension, Percent, Quantity};

pub(super) const RULE: Rule = Rule {
    code: "P215",
    title: "an objective that means nothing, or that no alert watches",
    explain: "Errors and latency are bounded from above, availability from below. An objective without any bound says \
              nothing. One that tells nobody, while the first alert on the same measure stands far beyond it, is \
              broken for long before somebody hears.",
    check,
};

fn check(context: &mut Context<'_>) {
    let app = context.app;
    for (name, slo) in &app.slos {
        let at = path(&["slo", name]);
        let bounds = bounds(slo);
        if bounds.is_empty() {
            let draft =
                Draft::error(RULE.code, &at, format!("`slo.{name}` bounds nothing")).at_key();
            context.say(draft.help(
                "add `errors = \"< 0.1%\"`, `p95 = \"< 500ms\"` or `availability = \"> 99.9%\"`",
            ));
        }
        for (key, bound) in &bounds {
            direction(context, name, key, bound);
        }
        ordered(context, name, &bounds);
        if slo.notify.is_empty() {
            silent(context, name, slo);
        }
    }
}

fn bounds(slo: &Slo) -> Vec<(&'static str, &Bound)> {
    let all = [
        ("errors", &slo.errors),
        ("p50", &slo.p50),
        ("p95", &slo.p95),
        ("p99", &slo.p99),
        ("availability", &slo.availability),
    ];
    all.into_iter()
        .filter_map(|(key, bound)| Some((key, bound.as_ref()?)))
        .collect()
}

fn direction(context: &mut Context<'_>, name: &str, key: &str, bound: &Bound) {
    let at = path(&["slo", name, key]);
    let above = matches!(bound.comparison, Comparison::More | Comparison::AtLeast);
    let wants_above = key == "availability";
    if above != wants_above {
        let sign = if wants_above { ">" } else { "<" };
        let draft = Draft::error(RULE.code, &at, format!("`{key}` is bounded by `{sign}`"));
        context.say(draft.replace(
            format!("write `{sign} {}`", bound.text),
            format!("\"{sign} {}\"", bound.text),
        ));
    }
    if let Ok(Quantity::Share(share)) = bound.value(Dimension::Share)
        && (share > Percent::whole(100) || (wants_above && share == Percent::whole(100)))
    {
        let draft = Draft::error(
            RULE.code,
            &at,
            format!("no share can be bounded by {share} here"),
        );
        context.say(draft.help("leave room for an error budget, as in `> 99.9%`"));
    }
}

/// Percentiles rise.
fn ordered(context: &mut Context<'_>, name: &str, bounds: &[(&'static str, &Bound)]) {
    let times: Vec<(&str, u64)> = bounds
        .iter()
        .filter_map(|(key, bound)| match bound.value(Dimension::Time) {
            Ok(Quantity::Time(time)) => Some((*key, time.0)),
            _ => None,
        })
        .collect();
    for pair in times.windows(2) {
        if pair[0].1 > pair[1].1 {
            let at = path(&["slo", name, pair[1].0]);
            let message = format!(
                "`{}` is bounded below `{}`, and it is never less",
                pair[1].0, pair[0].0
            );
            let also = path(&["slo", name, pair[0].0]);
            context.say(
                Draft::error(RULE.code, &at, message)
                    .also(&also, "the looser bound")
                    .help("swap the two bounds"),
            );
        }
    }
}

/// Nobody hears of it, and the first alert on the same thing is more than twice beyond.
fn silent(context: &mut Context<'_>, name: &str, slo: &Slo) {
    for (key, measure, dimension) in [
        ("errors", "http.error_rate", Dimension::Share),
        ("p95", "http.p95", Dimension::Time),
    ] {
        let found = bounds(slo).into_iter().find(|(other, _)| *other == key);
        let Some(objective) = found.and_then(|(_, bound)| size(bound, dimension)) else {
            continue;
        };
        let alerts = context.app.alerts.iter().filter_map(|(alert, table)| {
            let term = table.when.terms.iter().find(|term| {
                term.measure == measure
                    && term
                        .of
                        .as_deref()
                        .is_none_or(|of| of == slo.on || of == "app")
            })?;
            Some((size(term.bound.as_ref()?, dimension)?, alert.clone()))
        });
        if let Some((threshold, alert)) = alerts
            .min()
            .filter(|(threshold, _)| *threshold > objective * 2)
        {
            let at = path(&["slo", name, key]);
            let times = threshold / objective.max(1);
            let draft = Draft::warning(
                RULE.code,
                &at,
                format!(
                    "the first alert comes at {times} times this bound, and `slo.{name}` notifies nobody"
                ),
            );
            let also = path(&["alert", &alert, "when"]);
            context.say(draft.also(&also, "the first alert").help(format!(
                "add `notify = [\"NAME\"]` to `[slo.{name}]`: burn-rate alerts are made from it"
            )));
        }
    }
}

fn size(bound: &Bound, dimension: Dimension) -> Option<u64> {
    match bound.value(dimension) {
        Ok(Quantity::Share(share)) => Some(u64::from(share.0)),
        Ok(Quantity::Time(time)) => Some(time.0),
        _ => None,
    }
}
