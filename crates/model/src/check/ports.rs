//! Ports that are not there, or there twice.

use super::{Context, Rule, path};
use crate::app::Service;
use crate::draft::Draft;
use crate::suggest;

pub(super) const RULE: Rule = Rule {
    code: "P102",
    title: "a port that is not there, or there twice",
    explain: "Routes, needs and probes name ports of services. A program needs the port that is named; static files \
              have none.",
    check,
};

fn check(context: &mut Context<'_>) {
    let app = context.app;
    for (name, route) in &app.routes {
        if let Some(service) = app.services.get(&route.to.service) {
            let at = path(&["route", name, "to"]);
            ensure_port(
                context,
                service,
                (&route.to.service, route.to.port.as_deref()),
                &at,
            );
        }
    }
    for (name, service) in &app.services {
        for (need, table) in &service.needs {
            if let Some(other) = app.services.get(&table.to.service) {
                let at = path(&["service", name, "needs", need]);
                ensure_port(
                    context,
                    other,
                    (&table.to.service, table.to.port.as_deref()),
                    &at,
                );
            }
        }
        probes(context, name, service);
        twice(context, name, service);
    }
}

fn ensure_port(
    context: &mut Context<'_>,
    service: &Service,
    (name, port): (&str, Option<&str>),
    at: &str,
) {
    if service.as_static().is_some() {
        if let Some(port) = port {
            let message = format!("`{name}` is a folder of files and has no port `{port}`");
            context.say(
                Draft::error(RULE.code, at, message)
                    .replace("name the service alone", format!("\"{name}\"")),
            );
        }
        return;
    }
    let wanted = port.unwrap_or("http");
    if service.ports.contains_key(wanted) {
        return;
    }
    let draft = Draft::error(
        RULE.code,
        at,
        format!("`service.{name}` has no port `{wanted}`"),
    );
    let names = || service.ports.keys().map(String::as_str);
    context.say(match suggest::closest(wanted, names()) {
        Some(near) => draft.help(format!("did you mean `{name}:{near}`?")),
        None if service.ports.is_empty() => draft.help(format!(
            "give it one: `port = {{ {wanted} = 8080 }}` in `[service.{name}]`"
        )),
        None => draft.help(format!("its ports are {}", suggest::listing(names()))),
    });
}

fn probes(context: &mut Context<'_>, name: &str, service: &Service) {
    let health = &service.health;
    let probes = [
        ("startup", &health.startup.port, &health.startup.get),
        ("readiness", &health.readiness.port, &health.readiness.get),
        ("liveness", &health.liveness.port, &health.liveness.get),
    ];
    for (probe, port, get) in probes {
        let at = path(&["service", name, "health", probe, "port"]);
        let asks = context.is_given(&at) || get.is_some();
        if asks && service.as_static().is_none() && !service.ports.contains_key(port) {
            let message = format!(
                "the {probe} probe asks at port `{port}`, which `service.{name}` does not have"
            );
            let draft = Draft::error(RULE.code, &at, message);
            let near = suggest::closest(port, service.ports.keys().map(String::as_str));
            context.say(match near {
                Some(near) => draft.help(format!("did you mean `{near}`?")),
                None => draft.help(format!(
                    "give the service one: `port = {{ {port} = 8080 }}`"
                )),
            });
        }
    }
}

fn twice(context: &mut Context<'_>, name: &str, service: &Service) {
    let ports: Vec<(&String, &u16)> = service.ports.iter().collect();
    for (index, (port, number)) in ports.iter().enumerate() {
        if let Some((other, _)) = ports[..index].iter().find(|(_, earlier)| earlier == number) {
            let at = path(&["service", name, "port", port]);
            let draft = Draft::error(
                RULE.code,
                &at,
                format!("`{other}` and `{port}` are both port {number}"),
            );
            let also = path(&["service", name, "port", other]);
            context.say(
                draft
                    .also(&also, "here too")
                    .help("give each its own number"),
            );
        }
    }
}
