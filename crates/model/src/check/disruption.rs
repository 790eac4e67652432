//! A drain that would never end.

use super::{Context, Rule, path};
use crate::draft::Draft;

pub(super) const RULE: Rule = Rule {
    code: "P203",
    title: "a drain that would never end",
    explain: "When as many replicas have to stay as there may be at least, none may go: every drain of a machine waits \
              for ever, and so does every upgrade of the cluster.",
    check,
};

fn check(context: &mut Context<'_>) {
    for (name, service) in &context.app.services {
        let (keep, min) = (service.disruption.keep, service.scale.min);
        // One replica that must stay or none: the default of a single replica keeps none.
        if keep >= min && keep > 0 {
            let at = path(&["service", name, "disruption", "keep"]);
            let draft = Draft::error(
                RULE.code,
                &at,
                format!("{keep} of at least {min} replicas have to stay, so none may go"),
            )
            .label(format!("keeps {keep}"))
            .also(
                &path(&["service", name, "scale", "min"]),
                format!("there may be only {min}"),
            );
            context.say(draft.set(
                format!("keep {} or raise `scale.min`", min.saturating_sub(1)),
                &at,
                min.saturating_sub(1).to_string(),
            ));
        }
    }
}
