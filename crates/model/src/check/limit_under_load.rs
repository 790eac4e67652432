//! A load scenario that would mostly be refused.

use super::{Context, Rule, path};
use crate::app::{Limit, LimiterMode, Load};
use crate::draft::Draft;

pub(super) const RULE: Rule = Rule {
    code: "P207",
    title: "a load scenario that would mostly be refused",
    explain: "The scenario's clients share its rate evenly. When each of them sends more than its rate limit allows, \
              the rest is answered 429, and the test measures the limiter. Spread it over more users, give its clients \
              credentials of a tier that it fits in (`limiter = \"tiered\"`, `limit = …`), or say that refusals are \
              what it wants to see (`limiter = \"expected\"`).",
    check,
};

fn check(context: &mut Context<'_>) {
    let app = context.app;
    for (name, load) in &app.loads {
        let tiered = load.limiter == LimiterMode::Tiered;
        let limit_at = path(&["load", name, "limit"]);
        if tiered && load.limit.is_none() {
            let at = path(&["load", name, "limiter"]);
            let draft = Draft::error(RULE.code, &at, "`tiered` without the tier's limit");
            context.say(
                draft.help("name the limit that the clients fall under: `limit = \"partner\"`"),
            );
        }
        if load.limiter == LimiterMode::Expected {
            continue;
        }
        let of_route = || {
            let route = app.routes.get(load.route.as_ref()?)?;
            Some((
                route.limit.clone()?,
                path(&["route", load.route.as_ref()?, "limit"]),
            ))
        };
        let named = load.limit.clone().map(|limit| (limit, limit_at));
        if let Some((limit, _)) = named.or_else(of_route)
            && let Some(table) = app.limits.get(&limit)
            && let Some(draft) = refused((name, load), (&limit, table))
        {
            context.say(draft);
        }
    }
}

fn refused((name, load): (&str, &Load), (limit, table): (&str, &Limit)) -> Option<Draft> {
    // Per client and in the limit's own span, in thousandths of a request.
    let span = u128::from(table.rate.per.0);
    let sent = u128::from(load.rate.count) * 1000 * span
        / (u128::from(load.rate.per.0) * u128::from(load.users.max(1)));
    let allowed = u128::from(table.rate.count) * 1000;
    // What a run sends at all may fit the burst, however fast it comes.
    let whole = u128::from(load.rate.count) * 1000 * u128::from(load.duration.0)
        / (u128::from(load.rate.per.0) * u128::from(load.users.max(1)));
    if sent <= allowed || whole <= allowed.max(u128::from(table.burst) * 1000) {
        return None;
    }
    let share = 100 - (allowed * 100 / sent);
    let at = path(&["load", name, "rate"]);
    let draft = Draft::error(
        RULE.code,
        &at,
        format!(
            "about {share}% of `load.{name}` would be answered 429: the limit `{limit}` allows {}",
            table.rate
        ),
    );
    let each = sent / 1000;
    Some(
        draft
            .label(format!("{} over {} clients: {each} per {} each", load.rate, load.users, table.rate.per))
            .also(&path(&["limit", limit, "rate"]), format!("{} for each client", table.rate))
            .help("spread it over more `users`, use `limiter = \"tiered\"` with a tier's `limit`, or `limiter = \"expected\"`"),
    )
}
