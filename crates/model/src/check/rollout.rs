//! Rollouts that cannot move, or end before they are done.

use super::{Context, Rule, path};
use crate::app::Strategy;
use crate::draft::Draft;
use crate::units::DurationMs;

pub(super) const RULE: Rule = Rule {
    code: "P212",
    title: "a rollout that cannot move, or cannot end",
    explain: "A rolling change needs room: a replica more (`surge`) or one less (`unavailable`). A canary needs steps \
              that rise. And the whole change has to last at least as long as its parts.",
    check,
};

fn check(context: &mut Context<'_>) {
    let rollout = &context.app.rollout;
    if rollout.strategy == Strategy::Rolling && rollout.surge == 0 && rollout.unavailable == 0 {
        let draft = Draft::error(
            RULE.code,
            "rollout.surge",
            "neither a replica more nor one less is allowed, so nothing can be replaced",
        );
        context.say(draft.also("rollout.unavailable", "and none less").set(
            "allow one more",
            "rollout.surge",
            "1",
        ));
    }
    steps(context);
    for (name, service) in &context.app.services {
        let start = service.health.startup.within;
        if service.as_static().is_none() && rollout.within < start {
            let message = format!(
                "the whole change has {}, and one start of `{name}` may take {start}",
                rollout.within
            );
            let also = path(&["service", name, "health", "startup", "within"]);
            context.say(
                Draft::error(RULE.code, "rollout.within", message)
                    .also(&also, "one start")
                    .help("raise `rollout.within`"),
            );
        }
        if rollout.unavailable >= service.scale.min && rollout.strategy == Strategy::Rolling {
            let message = format!(
                "{} replicas may be missing, and `{name}` may have only {}",
                rollout.unavailable, service.scale.min
            );
            let also = path(&["service", name, "scale", "min"]);
            let draft =
                Draft::error(RULE.code, "rollout.unavailable", message).also(&also, "all of them");
            context.say(draft.help(format!(
                "set `unavailable` below {}, or raise `scale.min`",
                service.scale.min
            )));
        }
    }
}

fn steps(context: &mut Context<'_>) {
    let rollout = &context.app.rollout;
    if rollout.strategy != Strategy::Canary {
        if !rollout.steps.is_empty() {
            let draft = Draft::warning(
                RULE.code,
                "rollout.steps",
                "steps are for a canary, and the strategy is another",
            );
            context.say(
                draft
                    .also("rollout.strategy", "this one")
                    .help("say `strategy = \"canary\"`, or remove the steps"),
            );
        }
        return;
    }
    if rollout.steps.is_empty() {
        let draft = Draft::error(
            RULE.code,
            "rollout.strategy",
            "a canary without steps never gets any traffic",
        );
        context.say(draft.help("add `steps = [{ weight = \"5%\", hold = \"60s\" }, { weight = \"50%\", hold = \"60s\" }]`"));
    }
    for (index, pair) in rollout.steps.windows(2).enumerate() {
        if pair[1].weight <= pair[0].weight {
            let at = format!("rollout.steps[{}].weight", index + 1);
            let message = format!(
                "{} comes after {}: the share of a canary rises",
                pair[1].weight, pair[0].weight
            );
            let also = format!("rollout.steps[{index}].weight");
            context.say(
                Draft::error(RULE.code, &at, message)
                    .also(&also, "before it")
                    .help("order the steps by weight"),
            );
        }
    }
    let holds = DurationMs(rollout.steps.iter().map(|step| step.hold.0).sum());
    if holds > rollout.within {
        let message = format!(
            "the steps hold {holds} together, and the whole change has {}",
            rollout.within
        );
        context.say(
            Draft::error(RULE.code, "rollout.within", message)
                .also("rollout.steps", "these")
                .help("raise `rollout.within`"),
        );
    }
}
