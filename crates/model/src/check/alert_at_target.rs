//! An alert on what autoscaling aims at.

use super::{Context, Rule, path};
use crate::alert::Term;
use crate::app::Alert;
use crate::draft::Draft;
use crate::units::{Comparison, Dimension, Percent, Quantity};

pub(super) const RULE: Rule = Rule {
    code: "P205",
    title: "an alert on what autoscaling aims at",
    explain: "Autoscaling holds utilisation at its target. An alert at that target, or below, fires when all is as it \
              should be; one that is always there is read by nobody. Worth waking for is saturation: as many replicas \
              as there may be, and still above the target.",
    check,
};

fn check(context: &mut Context<'_>) {
    let app = context.app;
    for (name, alert) in &app.alerts {
        let is_saturation = alert
            .when
            .terms
            .iter()
            .any(|term| term.measure == "scale.at_max");
        for term in alert.when.terms.iter().filter(|_| !is_saturation) {
            for (service, target) in targets(context, term) {
                if let Some(limit) = threshold(term).filter(|limit| *limit <= target) {
                    context.say(finding(name, alert, (term, limit), (&service, target)));
                }
            }
        }
    }
}

/// Services whose target the term is about, with the target.
fn targets(context: &Context<'_>, term: &Term) -> Vec<(String, Percent)> {
    let of = term.of.as_deref().unwrap_or("app");
    let services = context.app.services.iter().filter(|(name, service)| {
        (of == "app" || of.strip_prefix("service.") == Some(name))
            && service.scale.max > service.scale.min
    });
    let target = |service: &crate::app::Service| match term.measure.as_str() {
        "cpu.utilisation" => service.scale.cpu,
        "memory.utilisation" => service.scale.memory,
        _ => None,
    };
    services
        .filter_map(|(name, service)| Some((name.clone(), target(service)?)))
        .collect()
}

fn threshold(term: &Term) -> Option<Percent> {
    let bound = term.bound.as_ref()?;
    let above = matches!(bound.comparison, Comparison::More | Comparison::AtLeast);
    match bound.value(Dimension::Share) {
        Ok(Quantity::Share(limit)) if above => Some(limit),
        _ => None,
    }
}

fn finding(
    name: &str,
    alert: &Alert,
    (term, limit): (&Term, Percent),
    (service, target): (&str, Percent),
) -> Draft {
    let at = path(&["alert", name, "when"]);
    let kind = term.measure.split('.').next().unwrap_or_default();
    let hold = alert.when.hold;
    Draft::warning(RULE.code, &at, format!("fires at {limit}, and autoscaling of `{service}` aims at {target}"))
        .label("true while all is well")
        .also(&path(&["service", service, "scale", kind]), format!("aims at {target}"))
        .set(
            "alert when it cannot grow any more",
            &at,
            format!("\"scale.at_max of service.{service} and {} of service.{service} > {limit} for {hold}\"", term.measure),
        )
}
