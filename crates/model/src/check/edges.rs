//! Needs and outside addresses that cannot be connected to as they are written.

use super::{Context, Rule, path};
use crate::app::{App, Need, Over, ResourceKind, Service};
use crate::draft::Draft;

pub(super) const RULE: Rule = Rule {
    code: "P224",
    title: "a connection that cannot be made like this",
    explain: "`over` chooses between the Unix socket and TCP for PostgreSQL and Redis that Plimsoll runs. SQLite is a \
              file; another service, and a resource with an `address`, are reached by TCP. A service has at most 64 such connections to different addresses, and none at its own port.",
    check,
};

/// As many as the relay of a replica is given at once.
const EDGES: usize = 64;

fn check(context: &mut Context<'_>) {
    let app = context.app;
    for (name, service) in &app.services {
        for (need, table) in &service.needs {
            if let Some(reason) = wrong_way(app, table) {
                let at = path(&["service", name, "needs", need, "over"]);
                context.say(Draft::error(RULE.code, &at, reason).help("remove `over`"));
            }
        }
        own_ports(context, name, service);
        let count = service.egress.len() + service.needs.len();
        if count > EDGES {
            let message = format!("{count} addresses are more than {EDGES}");
            let at = path(&["service", name, "egress"]);
            let help = "split the service, or name fewer addresses";
            context.say(Draft::error(RULE.code, &at, message).help(help));
        }
    }
}

/// On this machine each address outside is one inside, at the same port.
fn own_ports(context: &mut Context<'_>, name: &str, service: &Service) {
    let egress = service.egress.iter().enumerate().map(|(index, place)| {
        let at = format!("{}[{index}]", path(&["service", name, "egress"]));
        (at, place)
    });
    let needs = service.needs.iter().filter_map(|(need, table)| {
        let resource = context.app.resources.get(&table.to.service)?;
        let at = path(&["service", name, "needs", need]);
        Some((at, resource.address.as_ref()?))
    });
    let places: Vec<_> = egress.chain(needs).collect();
    for (at, place) in places {
        let own = service.ports.iter().find(|(_, port)| **port == place.port);
        if let Some((port, _)) = own {
            let message = format!("`{place}` has the number of the service's own port `{port}`");
            let also = path(&["service", name, "port", port]);
            let help = "give the service another port: on this machine it would have to listen on `127.0.0.1` alone";
            let draft = Draft::warning(RULE.code, &at, message);
            context.say(draft.also(&also, "the same").help(help));
        }
    }
}

/// Why there is nothing to choose, or not this.
fn wrong_way(app: &App, need: &Need) -> Option<String> {
    let (to, over) = (&need.to.service, need.over?);
    if app.services.contains_key(to) {
        return (over == Over::Unix)
            .then(|| format!("`{to}` is a service, and services are reached by TCP"));
    }
    let resource = app.resources.get(to)?;
    match (resource.is_external(), resource.kind, over) {
        (false, ResourceKind::Sqlite, _) => {
            Some(format!("`{to}` is a file, and nothing connects to it"))
        }
        (false, ResourceKind::Postgres | ResourceKind::Redis, _) | (_, _, Over::Tcp) => None,
        (_, _, Over::Unix) => Some(format!("`{to}` is somebody else's, and is reached by TCP")),
    }
}
