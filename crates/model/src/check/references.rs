//! Names that nothing in the file has.

use super::{Context, Rule, path};
use crate::app::{App, BackupSink, Claim, ResourceKind};
use crate::draft::Draft;
use crate::suggest;

pub(super) const RULE: Rule = Rule {
    code: "P101",
    title: "a name that nothing has",
    explain: "A service, resource, secret, limit or way of notice is named that the file does not define. Define it, or \
              correct the name.",
    check,
};

fn check(context: &mut Context<'_>) {
    services(context);
    edge(context);
    watching(context);
    people(context);
    saving(context);
    claims(context);
}

/// Says so when `name` is none of the things of its kind.
fn ensure(context: &mut Context<'_>, kind: &str, name: &str, at: &str) {
    let names = names(context.app, kind);
    if names.contains(&name) {
        return;
    }
    let shown = name.escape_debug();
    let draft = Draft::error(RULE.code, at, format!("there is no {kind} `{shown}`"));
    context.say(match suggest::closest(name, names.iter().copied()) {
        Some(near) => draft.help(format!("did you mean `{near}`?")),
        None if names.is_empty() => draft.help(format!("define it: `[{kind}.{shown}]`")),
        None => draft.help(format!(
            "define `[{kind}.{shown}]`, or name one of {}",
            suggest::listing(names)
        )),
    });
}

fn ensure_all(context: &mut Context<'_>, kind: &str, names: &[String], at: &str) {
    for (index, name) in names.iter().enumerate() {
        ensure(context, kind, name, &format!("{at}[{index}]"));
    }
}

fn names<'a>(app: &'a App, kind: &str) -> Vec<&'a str> {
    fn keys<T>(map: &std::collections::BTreeMap<String, T>) -> Vec<&str> {
        map.keys().map(String::as_str).collect()
    }
    match kind {
        "service" => keys(&app.services),
        "resource" => keys(&app.resources),
        "secret" => keys(&app.secrets),
        "limit" => keys(&app.limits),
        "route" => keys(&app.routes),
        "notify" => keys(&app.notify),
        "load" => keys(&app.loads),
        "contact" => keys(&app.contacts),
        "escalation" => keys(&app.escalations),
        "job" => keys(&app.jobs),
        "backup" => keys(&app.backups),
        "page" => keys(&app.pages),
        "slo" => keys(&app.slos),
        "alert" => keys(&app.alerts),
        "approval" => keys(&app.approvals),
        "gate" => keys(&app.pipeline.gate),
        "saving" => keys(&app.cost.saving),
        _ => Vec::new(),
    }
}

/// `service.NAME`, `service.NAME.volume.NAME`, `route.NAME`, …; what has no name is there.
fn ensure_subject(context: &mut Context<'_>, subject: &str, at: &str) {
    let Some((kind, name)) = subject.split_once('.') else {
        return;
    };
    if kind == "environment" {
        return;
    }
    let Some((service, volume)) = name.split_once(".volume.").filter(|_| kind == "service") else {
        ensure(context, kind, name, at);
        return;
    };
    let Some(found) = context.app.services.get(service) else {
        ensure(context, "service", service, at);
        return;
    };
    if !found.volumes.contains_key(volume) {
        let names = found.volumes.keys().map(String::as_str);
        let near = suggest::closest(volume, names.clone());
        let draft = Draft::error(
            RULE.code,
            at,
            format!("`service.{service}` has no volume `{volume}`"),
        );
        context.say(match near {
            Some(near) => draft.help(format!("did you mean `{near}`?")),
            None => draft.help(format!("its volumes are {}", suggest::listing(names))),
        });
    }
}

fn services(context: &mut Context<'_>) {
    let app = context.app;
    for (name, service) in &app.services {
        for (need, table) in &service.needs {
            let at = path(&["service", name, "needs", need]);
            let to = path(&["service", name, "needs", need, "to"]);
            let target = &table.to.service;
            let place = if context.is_given(&to) { to } else { at };
            if table.to.port.is_some() || app.services.contains_key(target) {
                ensure(context, "service", target, &place);
            } else if !app.resources.contains_key(target) {
                needless(context, target, &place);
            }
        }
        for secret in service.secrets.keys() {
            ensure(
                context,
                "secret",
                secret,
                &path(&["service", name, "secrets", secret]),
            );
        }
    }
    for (name, resource) in &app.resources {
        if let Some(secret) = &resource.secret {
            ensure(
                context,
                "secret",
                secret,
                &path(&["resource", name, "secret"]),
            );
        }
    }
    for (name, job) in &app.jobs {
        ensure_subject(context, &job.of, &path(&["job", name, "of"]));
        ensure_all(
            context,
            "notify",
            &job.notify,
            &path(&["job", name, "notify"]),
        );
    }
}

fn needless(context: &mut Context<'_>, target: &str, at: &str) {
    let (services, resources) = (
        names(context.app, "service"),
        names(context.app, "resource"),
    );
    let all = || resources.iter().chain(&services).copied();
    let draft = Draft::error(
        RULE.code,
        at,
        format!("there is no resource or service `{target}` to need"),
    );
    context.say(match suggest::closest(target, all()) {
        Some(near) => draft.help(format!("did you mean `{near}`?")),
        None => draft.help(format!(
            "define `[resource.{target}]` with its `kind`, or say `to = \"NAME\"`"
        )),
    });
}

fn edge(context: &mut Context<'_>) {
    let app = context.app;
    for (name, route) in &app.routes {
        let to = path(&["route", name, "to"]);
        ensure(context, "service", &route.to.service, &to);
        if let Some(limit) = &route.limit {
            ensure(context, "limit", limit, &path(&["route", name, "limit"]));
        }
        ensure_all(
            context,
            "limit",
            &route.tiers,
            &path(&["route", name, "tiers"]),
        );
    }
    for (name, limit) in &app.limits {
        if let Some(resource) = &limit.shared {
            let at = path(&["limit", name, "shared"]);
            ensure(context, "resource", resource, &at);
            let kind = app.resources.get(resource).map(|resource| resource.kind);
            if kind.is_some_and(|kind| kind != ResourceKind::Redis) {
                let message = format!("`{resource}` is no Redis, and buckets are shared in one");
                context.say(
                    Draft::error(RULE.code, &at, message).help("name a resource of kind `redis`"),
                );
            }
        }
    }
    if let Some(secret) = &app.edge.tls.secret {
        ensure(context, "secret", secret, "edge.tls.secret");
    }
    for (name, page) in &app.pages {
        ensure(
            context,
            "route",
            &page.route,
            &path(&["page", name, "route"]),
        );
    }
    for (name, load) in &app.loads {
        for (kind, value) in [("route", &load.route), ("limit", &load.limit)] {
            if let Some(value) = value {
                ensure(context, kind, value, &path(&["load", name, kind]));
            }
        }
    }
}

fn watching(context: &mut Context<'_>) {
    let app = context.app;
    for (name, slo) in &app.slos {
        ensure_subject(context, &slo.on, &path(&["slo", name, "on"]));
        ensure_all(
            context,
            "notify",
            &slo.notify,
            &path(&["slo", name, "notify"]),
        );
    }
    for (name, alert) in &app.alerts {
        for term in &alert.when.terms {
            if let Some(of) = &term.of {
                ensure_subject(context, of, &path(&["alert", name, "when"]));
            }
        }
        ensure_all(
            context,
            "notify",
            &alert.notify,
            &path(&["alert", name, "notify"]),
        );
    }
    for (name, notify) in &app.notify {
        let ways = [
            ("slack", &notify.slack),
            ("page", &notify.page),
            ("webhook", &notify.webhook),
        ];
        for (way, channel) in ways {
            if let Some(channel) = channel {
                ensure(
                    context,
                    "secret",
                    &channel.secret,
                    &path(&["notify", name, way, "secret"]),
                );
            }
        }
    }
    let observability = &app.observability;
    for (severity, ways) in &observability.alerting.route {
        ensure_all(
            context,
            "notify",
            ways,
            &path(&["observability", "alerting", "route", severity]),
        );
    }
    let steps = &observability.alerting.escalation;
    ensure_all(
        context,
        "escalation",
        steps,
        "observability.alerting.escalation",
    );
    for (name, dashboard) in &observability.dashboard {
        for (panel, table) in &dashboard.panel {
            let at = path(&["observability", "dashboard", name, "panel", panel, "of"]);
            ensure_subject(context, &table.of, &at);
        }
    }
    if let Some(errors) = &observability.errors {
        ensure(
            context,
            "secret",
            &errors.secret,
            "observability.errors.secret",
        );
    }
}

fn people(context: &mut Context<'_>) {
    let app = context.app;
    for (name, step) in &app.escalations {
        ensure(
            context,
            "contact",
            &step.contact,
            &path(&["escalation", name, "contact"]),
        );
        ensure_all(
            context,
            "notify",
            &step.notify,
            &path(&["escalation", name, "notify"]),
        );
    }
    for (name, week) in &app.on_call {
        for (key, contact) in [("primary", &week.primary), ("secondary", &week.secondary)] {
            ensure(context, "contact", contact, &path(&["on_call", name, key]));
        }
    }
    for (name, gate) in &app.pipeline.gate {
        ensure_all(
            context,
            "gate",
            &gate.after,
            &path(&["pipeline", "gate", name, "after"]),
        );
    }
    ensure_all(context, "notify", &app.pipeline.notify, "pipeline.notify");
}

fn saving(context: &mut Context<'_>) {
    let app = context.app;
    for (name, backup) in &app.backups {
        let of = path(&["backup", name, "of"]);
        let at = if context.is_given(&of) {
            of
        } else {
            path(&["backup", name])
        };
        ensure_subject(context, &backup.of, &at);
        for (index, sink) in backup.to.iter().enumerate() {
            ensure_sink(
                context,
                sink,
                &format!("{}[{index}]", path(&["backup", name, "to"])),
            );
        }
        if let Some(off_site) = &backup.off_site {
            ensure_sink(
                context,
                &off_site.to,
                &path(&["backup", name, "off_site", "to"]),
            );
        }
        for (index, volume) in backup
            .files
            .iter()
            .flat_map(|files| files.volumes.iter().enumerate())
        {
            let at = format!("{}[{index}]", path(&["backup", name, "files", "volumes"]));
            ensure_subject(context, volume, &at);
        }
    }
    if let Some(budget) = &app.cost.budget {
        ensure_all(context, "notify", &budget.notify, "cost.budget.notify");
    }
    for (name, saving) in &app.cost.saving {
        ensure_all(
            context,
            "saving",
            &saving.of,
            &path(&["cost", "saving", name, "of"]),
        );
    }
}

fn ensure_sink(context: &mut Context<'_>, sink: &BackupSink, at: &str) {
    match sink {
        BackupSink::Local => {}
        BackupSink::S3(secret) => ensure(context, "secret", secret, at),
        BackupSink::Resource(name) => ensure(context, "resource", name, at),
    }
}

fn claims(context: &mut Context<'_>) {
    let app = context.app;
    for (id, claim) in &app.claims {
        match claim {
            Claim::Measured(claim) => {
                ensure_subject(context, &claim.of, &path(&["claims", id, "of"]));
                if let Some(load) = &claim.under {
                    ensure(context, "load", load, &path(&["claims", id, "under"]));
                }
            }
            Claim::Attested(claim) => attestor(context, id, &claim.by),
        }
    }
}

/// An attestation is made by the owner, a contact or an approval.
fn attestor(context: &mut Context<'_>, id: &str, by: &str) {
    let app = context.app;
    if by == "owner" || app.contacts.contains_key(by) || app.approvals.contains_key(by) {
        return;
    }
    let names = app
        .contacts
        .keys()
        .chain(app.approvals.keys())
        .map(String::as_str)
        .chain(["owner"]);
    let message = format!(
        "`{}` is neither `owner` nor a contact nor an approval",
        by.escape_debug()
    );
    let draft = Draft::error(RULE.code, &path(&["claims", id, "by"]), message);
    context.say(match suggest::closest(by, names) {
        Some(near) => draft.help(format!("did you mean `{near}`?")),
        None => draft.help("name who states it, so that it is signed by name"),
    });
}
