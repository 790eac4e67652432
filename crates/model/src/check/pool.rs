//! More connections than the database accepts.

use super::{Context, Rule, path};
use crate::app::{App, Need, Pool, ResourceKind, Service};
use crate::draft::Draft;

pub(super) const RULE: Rule = Rule {
    code: "P201",
    title: "more connections than the database accepts",
    explain: "Each replica opens up to `pool` connections. During a rollout there can be `scale.max` + `rollout.surge` \
              replicas, and twice `scale.max` with blue-green. All of them together, and the reserve, have to fit \
              `max_connections`: when they do not, the database refuses the last replicas under the highest load. \
              `pool = \"auto\"` computes the largest pool that fits.",
    check,
};

/// A service's need of a database, with the most replicas that can have it at once.
struct User<'a> {
    service: &'a str,
    need: &'a str,
    pool: Pool,
    peak: u32,
}

/// Every pool on `resource`.
fn users<'a>(app: &'a App, resource: &str) -> Vec<User<'a>> {
    let mut users = Vec::new();
    for (name, service) in &app.services {
        for (need, table) in &service.needs {
            if let (true, Some(pool)) = (table.to.service == resource, table.pool) {
                let peak = app.rollout.peak(service.scale.max);
                users.push(User {
                    service: name,
                    need,
                    pool,
                    peak,
                });
            }
        }
    }
    users
}

/// Connections that are left for replicas, less those of fixed pools; and the replicas that share them.
fn shares(app: &App, resource: &str) -> Option<(i64, i64, i64)> {
    let table = app
        .resources
        .get(resource)
        .filter(|table| table.kind == ResourceKind::Postgres)?;
    let free = i64::from(table.max_connections) - i64::from(table.reserve);
    let (mut fixed, mut sharing) = (0, 0);
    for user in users(app, resource) {
        match user.pool {
            Pool::Fixed(size) => fixed += i64::from(size) * i64::from(user.peak),
            Pool::Auto { .. } => sharing += i64::from(user.peak),
        }
    }
    Some((free, fixed, sharing))
}

/// Computes every `pool = "auto"`; one that would be below 1 becomes 1, and is refused by the rule.
pub(super) fn settle(app: &mut App) {
    let sizes: Vec<(String, u32)> = app
        .resources
        .keys()
        .filter_map(|name| {
            let (free, fixed, sharing) = shares(app, name)?;
            let size = (free - fixed) / sharing.max(1);
            Some((name.clone(), u32::try_from(size.max(1)).unwrap_or(1)))
        })
        .collect();
    let needs = app
        .services
        .values_mut()
        .flat_map(|service: &mut Service| service.needs.values_mut());
    for Need { to, pool, .. } in needs {
        if let Some(Pool::Auto { size }) = pool {
            let found = sizes.iter().find(|(name, _)| *name == to.service);
            // A pool on what is no database has nothing to divide: the size that most clients take by themselves.
            *size = found.map_or(10, |(_, size)| *size);
        }
    }
}

fn check(context: &mut Context<'_>) {
    let app = context.app;
    for (resource, table) in &app.resources {
        let Some((free, fixed, sharing)) = shares(app, resource) else {
            continue;
        };
        let users = users(app, resource);
        if free <= 0 {
            let at = path(&["resource", resource, "reserve"]);
            let message = format!(
                "a reserve of {} leaves none of {} connections",
                table.reserve, table.max_connections
            );
            let most = path(&["resource", resource, "max_connections"]);
            context.say(
                Draft::error(RULE.code, &at, message)
                    .also(&most, "of these")
                    .help("reserve fewer"),
            );
        } else if fixed + sharing > free {
            for user in &users {
                context.say(too_many(app, (resource, free), user, fixed + sharing));
            }
        }
    }
}

fn too_many(app: &App, (resource, free): (&str, i64), user: &User<'_>, wanted: i64) -> Draft {
    let max = app
        .services
        .get(user.service)
        .map_or(0, |service| service.scale.max);
    let at = path(&["service", user.service, "needs", user.need, "pool"]);
    let size = match user.pool {
        Pool::Fixed(size) => size,
        Pool::Auto { .. } => 1,
    };
    let product = i64::from(size) * i64::from(user.peak);
    let message = match user.pool {
        Pool::Fixed(_) => format!(
            "{} replicas with a pool of {size} open {product} connections, and `{resource}` has {free} for them",
            user.peak
        ),
        Pool::Auto { .. } => {
            format!(
                "`{resource}` has {free} connections for {} replicas: less than one each",
                user.peak
            )
        }
    };
    let draft = Draft::error(RULE.code, &at, message)
        .label(format!(
            "{size} × {} replicas at the peak of a rollout",
            user.peak
        ))
        .also(
            &path(&["service", user.service, "scale", "max"]),
            format!("at most {max}"),
        )
        .also(
            &path(&["resource", resource, "max_connections"]),
            format!("{free} after the reserve"),
        )
        .note(format!(
            "`rollout` lets {max} become {} while releases change",
            user.peak
        ));
    let draft = if wanted > product {
        draft.note(format!("all users of `{resource}` together open {wanted}"))
    } else {
        draft
    };
    let fits = free / i64::from(user.peak.max(1));
    if fits >= 1 && wanted == product {
        draft.set(
            format!("a pool of {fits} fits, and `auto` keeps it fitting"),
            &at,
            "\"auto\"",
        )
    } else {
        draft.help(format!("raise `resource.{resource}.max_connections` to {wanted} and the reserve, or lower `scale.max`"))
    }
}
