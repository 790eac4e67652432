//! A farewell that cuts off what was promised time.

use super::{Context, Rule, path};
use crate::draft::Draft;

pub(super) const RULE: Rule = Rule {
    code: "P211",
    title: "a farewell that cuts off requests",
    explain: "A route lets a request take up to its `timeout`; a replica that goes has `drain.requests` for those in \
              flight. When that is shorter, a change of release breaks requests that were within their time.",
    check,
};

fn check(context: &mut Context<'_>) {
    let app = context.app;
    for (name, route) in &app.routes {
        let service = app.services.get(&route.to.service);
        let Some(service) = service.filter(|service| service.as_static().is_none()) else {
            continue;
        };
        let budget = if route.stream || route.upgrade {
            continue;
        } else {
            service.drain.requests
        };
        if route.timeout > budget {
            let at = path(&["route", name, "timeout"]);
            let message = format!(
                "a request may take {}, and a replica that goes waits {budget}",
                route.timeout
            );
            let drain = path(&["service", &route.to.service, "drain", "requests"]);
            let draft =
                Draft::warning(RULE.code, &at, message).also(&drain, format!("waits {budget}"));
            context.say(draft.set(
                format!("wait {}", route.timeout),
                &drain,
                format!("\"{}\"", route.timeout),
            ));
        }
    }
}
