//! Promises of availability that the shape of the app breaks.

use super::{Context, Rule, path};
use crate::app::{App, Claim, Standing, Strategy};
use crate::draft::Draft;
use crate::units::{Bound, Dimension, Percent, Quantity};

pub(super) const RULE: Rule = Rule {
    code: "P220",
    title: "a promise of availability that the app's shape breaks",
    explain: "With one replica every restart is an outage; with `recreate` every release is one. Three nines are 43 \
              minutes a month: both spend them without any fault.",
    check,
};

/// From here on restarts and releases may not be outages.
const HIGH: Percent = Percent(99_900);

fn check(context: &mut Context<'_>) {
    if context.is_rehearsal() {
        return;
    }
    let app = context.app;
    let slos = app.slos.iter().filter_map(|(name, slo)| {
        let at = path(&["slo", name, "availability"]);
        Some((at, slo.on.clone(), slo.availability.clone()?))
    });
    let claims = app.claims.iter().filter_map(|(id, claim)| match claim {
        Claim::Measured(claim)
            if claim.measure == "slo.availability" && claim.standing == Standing::Made =>
        {
            Some((
                path(&["claims", id, "bound"]),
                claim.of.clone(),
                claim.bound.clone(),
            ))
        }
        _ => None,
    });
    for (at, of, bound) in slos.chain(claims) {
        let Some(promised) = share(&bound).filter(|share| *share >= HIGH) else {
            continue;
        };
        if app.rollout.strategy == Strategy::Recreate {
            let draft = Draft::error(
                RULE.code,
                &at,
                format!("{promised} is promised, and every release stops the app"),
            );
            context.say(
                draft
                    .also("rollout.strategy", "stops the old before the new")
                    .set(
                        "replace one after the other",
                        "rollout.strategy",
                        "\"rolling\"",
                    ),
            );
        }
        for (name, service) in app
            .services
            .iter()
            .filter(|(name, _)| serves(app, &of, name))
        {
            if service.scale.min < 2 && service.as_static().is_none() {
                let min = path(&["service", name, "scale", "min"]);
                let draft = Draft::error(
                    RULE.code,
                    &at,
                    format!(
                        "{promised} is promised, and one replica of `{name}` may be all there is"
                    ),
                );
                context.say(
                    draft
                        .also(&min, "every restart is an outage")
                        .help("raise `scale.min` to 2 or more"),
                );
            }
        }
    }
}

/// Whether what is promised of `of` hangs on the service.
fn serves(app: &App, of: &str, service: &str) -> bool {
    match of.split_once('.') {
        Some(("service", name)) => name == service,
        Some(("route", name)) => app
            .routes
            .get(name)
            .is_some_and(|route| route.to.service == service),
        _ => app.routes.values().any(|route| route.to.service == service),
    }
}

fn share(bound: &Bound) -> Option<Percent> {
    match bound.value(Dimension::Share) {
        Ok(Quantity::Share(share)) => Some(share),
        _ => None,
    }
}
