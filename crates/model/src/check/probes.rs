//! Probes that overlap themselves or cannot succeed in time.

use super::{Context, Rule, path};
use crate::draft::Draft;
use crate::units::DurationMs;

pub(super) const RULE: Rule = Rule {
    code: "P210",
    title: "a probe that overlaps itself, or cannot succeed in time",
    explain: "A probe whose answer may take longer than the time to the next question runs beside itself, and slow \
              replicas get more of them. A start, warm-up included, has to fit `startup.within`.",
    check,
};

fn check(context: &mut Context<'_>) {
    let app = context.app;
    for (name, service) in &app.services {
        let health = &service.health;
        let probes = [
            ("startup", health.startup.timeout, health.startup.every),
            (
                "readiness",
                health.readiness.timeout,
                health.readiness.every,
            ),
            ("liveness", health.liveness.timeout, health.liveness.every),
        ];
        for (probe, timeout, every) in probes {
            let at = path(&["service", name, "health", probe, "timeout"]);
            if timeout > every {
                let draft = Draft::error(
                    RULE.code,
                    &at,
                    format!(
                        "an answer may take {timeout}, and the next question comes after {every}"
                    ),
                );
                let also = path(&["service", name, "health", probe, "every"]);
                context.say(
                    draft
                        .also(&also, format!("every {every}"))
                        .help(format!("set `timeout` to at most {every}")),
                );
            }
        }
        if let Some(warm_up) = &service.warm_up {
            within(
                context,
                name,
                (warm_up.within, "warm_up"),
                health.startup.within,
            );
        }
        let (dead, slow) = (
            restart_after(name, service.health.liveness.every, health.liveness.fail),
            health.readiness.every.0 * u64::from(health.readiness.fail),
        );
        if dead.1 < slow {
            let draft = Draft::warning(
                RULE.code,
                &dead.0,
                format!(
                    "a replica is restarted after {} of failures, before traffic is withdrawn after {}",
                    DurationMs(dead.1),
                    DurationMs(slow)
                ),
            );
            context.say(draft.help("let readiness fail first: fewer or faster readiness probes, or more liveness failures"));
        }
    }
}

fn restart_after(name: &str, every: DurationMs, fail: u32) -> (String, u64) {
    (
        path(&["service", name, "health", "liveness"]),
        every.0 * u64::from(fail),
    )
}

fn within(
    context: &mut Context<'_>,
    name: &str,
    (needed, what): (DurationMs, &str),
    within: DurationMs,
) {
    if needed > within {
        let at = path(&["service", name, what, "within"]);
        let message = format!("the warm-up may take {needed}, and the whole start {within}");
        let also = path(&["service", name, "health", "startup", "within"]);
        context.say(
            Draft::error(RULE.code, &at, message)
                .also(&also, "the whole start")
                .help("raise `startup.within`, or shorten the warm-up"),
        );
    }
}
