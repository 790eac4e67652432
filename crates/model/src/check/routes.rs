//! Routes that no request can reach, and requests that two routes want.

use super::{Context, Rule, path};
use crate::app::Route;
use crate::draft::Draft;

pub(super) const RULE: Rule = Rule {
    code: "P209",
    title: "two routes for the same requests",
    explain: "The most specific route wins: the longest path, then a named host over every host, then one with methods \
              over one without. Two routes of equal host, path and methods leave the choice to chance.",
    check,
};

fn check(context: &mut Context<'_>) {
    let routes: Vec<(&String, &Route)> = context.app.routes.iter().collect();
    for (index, (name, route)) in routes.iter().enumerate() {
        let at = path(&["route", name, "path"]);
        for (other, earlier) in &routes[..index] {
            if let Some(host) = shared_host(earlier, route)
                && plain(&earlier.path) == plain(&route.path)
                && earlier.exact == route.exact
                && overlap(&earlier.methods, &route.methods)
            {
                let message = format!(
                    "`route.{other}` and `route.{name}` both want {host}{}",
                    route.path
                );
                let draft = Draft::error(RULE.code, &at, message)
                    .also(&path(&["route", other, "path"]), "wanted here too");
                context.say(
                    draft.help(
                        "give one of them another path or host, other `methods`, or remove it",
                    ),
                );
            }
        }
        for (index, host) in route.hosts.iter().enumerate() {
            if route.hosts[..index].contains(host) {
                let at = format!("{}[{index}]", path(&["route", name, "hosts"]));
                context.say(
                    Draft::warning(RULE.code, &at, format!("`{host}` stands here twice"))
                        .help("remove one"),
                );
            }
        }
        if route.stream && route.upgrade {
            let at = path(&["route", name, "stream"]);
            let draft = Draft::error(
                RULE.code,
                &at,
                "a stream of events is not upgraded, and an upgraded connection is no stream",
            );
            context.say(
                draft
                    .also(&path(&["route", name, "upgrade"]), "and this")
                    .help("keep one of the two"),
            );
        }
        untiered(context, name, route);
    }
}

/// A limit with a `when` as a route's only limit leaves everybody else without any.
fn untiered(context: &mut Context<'_>, name: &str, route: &Route) {
    let when = |limit: &String| {
        context
            .app
            .limits
            .get(limit)
            .map(|limit| limit.when.is_some())
    };
    if let Some(limit) = route
        .limit
        .as_ref()
        .filter(|limit| when(limit) == Some(true))
    {
        let draft = Draft::error(
            RULE.code,
            &path(&["route", name, "limit"]),
            format!("`limit.{limit}` is for some tokens only, so everybody else has no limit here"),
        );
        let draft = draft.also(&path(&["limit", limit, "when"]), "for these only");
        context.say(draft.help(format!(
            "put it into `tiers = [\"{limit}\"]` and name a `limit` for all"
        )));
    }
    for (index, tier) in route.tiers.iter().enumerate() {
        if when(tier) == Some(false) {
            let at = format!("{}[{index}]", path(&["route", name, "tiers"]));
            let draft = Draft::error(
                RULE.code,
                &at,
                format!("`limit.{tier}` has no `when`, so no other limit would ever be charged"),
            );
            context.say(draft.help(format!(
                "use it as `limit = \"{tier}\"`, or give it a `when`"
            )));
        }
    }
}

fn plain(path: &str) -> &str {
    path.trim_end_matches('/')
}

fn shared_host<'a>(a: &'a Route, b: &'a Route) -> Option<&'a str> {
    if a.hosts.is_empty() && b.hosts.is_empty() {
        return Some("every host: ");
    }
    a.hosts
        .iter()
        .find(|host| b.hosts.contains(host))
        .map(String::as_str)
}

fn overlap(a: &[String], b: &[String]) -> bool {
    if a.is_empty() || b.is_empty() {
        return a.is_empty() && b.is_empty();
    }
    a.iter().any(|method| b.contains(method))
}
