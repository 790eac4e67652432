//! Measures that there are not, of things that do not have them, with bounds in other units.

use super::{Context, Rule, path};
use crate::app::{Claim, Measured};
use crate::draft::Draft;
use crate::measure::{self, Measure, Stands, With};
use crate::suggest;
use crate::units::Dimension;

pub(super) const RULE: Rule = Rule {
    code: "P301",
    title: "a measure that there is not, or of another dimension",
    explain: "Measures are a closed registry: each has a dimension, kinds of things that it can be measured of, and \
              places where it can stand. The reference page lists them.",
    check,
};

fn check(context: &mut Context<'_>) {
    let app = context.app;
    for (id, claim) in &app.claims {
        if let Claim::Measured(claim) = claim {
            of_claim(context, id, claim);
        }
    }
    for (name, alert) in &app.alerts {
        let at = path(&["alert", name, "when"]);
        for term in &alert.when.terms {
            if let Some(measure) = found(context, &term.measure, &at) {
                live(context, &measure, &at);
                subject(context, &measure, term.of.as_deref().unwrap_or("app"), &at);
                match &term.bound {
                    Some(bound) => bounded(context, &measure, bound, &at, &term.measure),
                    None if measure.dimension != Dimension::Truth => {
                        let message = format!(
                            "`{}` is a {}, and needs a bound",
                            term.measure,
                            measure.dimension.name()
                        );
                        let example = measure.dimension.example();
                        context.say(
                            Draft::error(RULE.code, &at, message)
                                .help(format!("write `{} > {example}`", term.measure)),
                        );
                    }
                    None => {}
                }
            }
        }
    }
    panels(context);
}

fn of_claim(context: &mut Context<'_>, id: &str, claim: &Measured) {
    let at = path(&["claims", id, "measure"]);
    let Some(measure) = found(context, &claim.measure, &at) else {
        return;
    };
    let bound = path(&["claims", id, "bound"]);
    subject(context, &measure, &claim.of, &path(&["claims", id, "of"]));
    if measure.dimension != Dimension::Truth && !context.is_given(&bound) {
        let message = format!(
            "`{}` is a {}, and needs a bound",
            claim.measure,
            measure.dimension.name()
        );
        let help = format!("add `bound = \"<= {}\"`", measure.dimension.example());
        context.say(
            Draft::error(RULE.code, &path(&["claims", id]), message)
                .at_key()
                .help(help),
        );
        return;
    }
    bounded(context, &measure, &claim.bound, &bound, &claim.measure);
    parameter(context, id, claim, &measure);
    if measure.stands == Stands::Load && claim.under.is_none() {
        let message = format!(
            "`{}` is measured under load, and none is named",
            claim.measure
        );
        let draft = Draft::error(RULE.code, &path(&["claims", id]), message).at_key();
        context.say(draft.help("add `under = \"NAME\"` and define `[load.NAME]`"));
    }
}

fn parameter(context: &mut Context<'_>, id: &str, claim: &Measured, measure: &Measure) {
    let at = path(&["claims", id, "with"]);
    match (measure.with, &claim.with) {
        (With::Always(what), None) => {
            let message = format!("`{}` needs to know more", claim.measure);
            let draft = Draft::error(RULE.code, &path(&["claims", id]), message).at_key();
            context.say(draft.help(format!("add `with = \"…\"`: {what}")));
        }
        (With::Nothing, Some(_)) => {
            let message = format!("`{}` has no parameter", claim.measure);
            context.say(Draft::error(RULE.code, &at, message).help("remove `with`"));
        }
        _ => {}
    }
}

fn found(context: &mut Context<'_>, name: &str, at: &str) -> Option<Measure> {
    let measure = measure::find(name);
    if measure.is_none() {
        let shown = name.escape_debug();
        let draft = Draft::error(RULE.code, at, format!("there is no measure `{shown}`"));
        context.say(match measure::closest(name) {
            Some(near) => draft.help(format!("did you mean `{near}`?")),
            None => draft.help(format!(
                "measures of that kind are {}",
                suggest::listing(family(name))
            )),
        });
    }
    measure
}

/// Measures of the same area; the areas, when there is no such.
fn family(name: &str) -> Vec<&'static str> {
    let area = name.split('.').next().unwrap_or_default();
    let of = |measure: &&Measure| measure.name.split('.').next() == Some(area);
    let same: Vec<&str> = measure::all()
        .filter(of)
        .map(|measure| measure.name)
        .collect();
    if !same.is_empty() {
        return same;
    }
    let mut areas: Vec<&str> = measure::all()
        .filter_map(|measure| measure.name.split('.').next())
        .collect();
    areas.dedup();
    areas
}

fn live(context: &mut Context<'_>, measure: &Measure, at: &str) {
    if measure.stands != Stands::Live {
        let message = format!(
            "`{}` is decided by an experiment and cannot be watched",
            measure.name
        );
        let live = measure::all()
            .filter(|other| other.stands == Stands::Live && other.dimension == measure.dimension);
        let near = suggest::listing(live.map(|other| other.name));
        context
            .say(Draft::error(RULE.code, at, message).help(format!("what can be watched: {near}")));
    }
}

fn subject(context: &mut Context<'_>, measure: &Measure, of: &str, at: &str) {
    if !measure.fits(of) {
        let message = format!(
            "`{}` cannot be measured of `{}`",
            measure.name,
            of.escape_debug()
        );
        let kinds = suggest::listing(measure.of.iter().copied());
        context
            .say(Draft::error(RULE.code, at, message).help(format!("it is measured of {kinds}")));
    }
}

fn bounded(
    context: &mut Context<'_>,
    measure: &Measure,
    bound: &crate::units::Bound,
    at: &str,
    name: &str,
) {
    if let Err(error) = bound.value(measure.dimension) {
        let dimension = measure.dimension;
        let message = format!("`{name}` is a {}: {error}", dimension.name());
        let draft = Draft::error(RULE.code, at, message);
        context.say(match error.suggestion {
            Some(better) => draft.help(format!("write `{} {better}`", bound.comparison.sign())),
            None => draft.help(format!(
                "write `{} {}`",
                bound.comparison.sign(),
                dimension.example()
            )),
        });
    }
}

fn panels(context: &mut Context<'_>) {
    let app = context.app;
    for (name, dashboard) in &app.observability.dashboard {
        for (panel, table) in &dashboard.panel {
            let at = path(&["observability", "dashboard", name, "panel", panel]);
            match (&table.measure, &table.metric) {
                (Some(measure), None) => {
                    let at = crate::draft::join(&at, "measure");
                    if let Some(measure) = found(context, measure, &at) {
                        live(context, &measure, &at);
                        subject(context, &measure, &table.of, &at);
                    }
                }
                (None, Some(_)) => {}
                _ => {
                    let message =
                        format!("the panel `{panel}` shows one `measure` or one `metric`");
                    context.say(
                        Draft::error(RULE.code, &at, message)
                            .at_key()
                            .help("give it one of the two"),
                    );
                }
            }
        }
    }
}
