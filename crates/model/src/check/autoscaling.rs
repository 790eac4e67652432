//! Autoscaling that never acts, or that fights.

use super::{Context, Rule, path};
use crate::app::VpaMode;
use crate::draft::Draft;

pub(super) const RULE: Rule = Rule {
    code: "P214",
    title: "autoscaling that never acts, or that fights",
    explain: "A range without a target never scales. A vertical autoscaler that acts on CPU or memory changes what the \
              horizontal one divides by: the two chase each other.",
    check,
};

fn check(context: &mut Context<'_>) {
    let app = context.app;
    for (name, service) in &app.services {
        let scale = &service.scale;
        let has_target = scale.cpu.is_some() || scale.memory.is_some();
        let at = path(&["service", name, "scale", "max"]);
        if scale.max > scale.min && !has_target {
            let message = format!(
                "`{name}` may grow to {} replicas, and nothing says when",
                scale.max
            );
            let draft = Draft::warning(RULE.code, &at, message);
            context.say(
                draft.help("add a target: `scale = { …, cpu = \"70%\" }`, or leave `max` out"),
            );
        }
        let given = ["cpu", "memory"]
            .iter()
            .map(|key| path(&["service", name, "scale", key]))
            .find(|at| context.is_given(at));
        if let (true, Some(target)) = (
            scale.max == scale.min && has_target && !context.is_rehearsal(),
            given,
        ) {
            let draft = Draft::warning(
                RULE.code,
                &target,
                format!("a target, and always {} replicas", scale.min),
            );
            context.say(draft.help("raise `scale.max` above `scale.min`, or remove the target"));
        }
        if has_target && app.kubernetes.vpa == VpaMode::Auto {
            let at = "kubernetes.vpa";
            let message =
                format!("the vertical autoscaler would fight the horizontal one of `{name}`");
            let scale = path(&["service", name, "scale"]);
            context.say(
                Draft::error(RULE.code, at, message)
                    .also(&scale, "scales by CPU or memory")
                    .set("let it recommend only", at, "\"recommend\""),
            );
        }
    }
}
