//! The lines of the grammar, one file per noun of the app.

mod backup;
mod build;
mod claims;
mod edge;
mod observe;
mod people;
mod platform;
mod release;
mod resource;
mod route;
mod service;

use super::{Fill, Form, Kind, Table, key};

/// Words that several tables use.
const NAMES: Kind = Kind::List(&Kind::Text(Form::Slug));
const NETWORKS: Kind = Kind::List(&Kind::Text(Form::Cidr));
const TEXTS: Kind = Kind::Map(Form::Variable, &Kind::Text(Form::Free));

/// The whole file, but for `env`.
pub(super) static ROOT: Table = Table {
    doc: "An app: its services, what they need, how they are reached, released, saved, watched, and what is promised.",
    keys: &[
        key("plimsoll", Kind::Int(1, 1), Fill::Required, "Version of this grammar. Newer tools read older grammars."),
        key("app", Kind::Table(&people::APP), Fill::Required, "Name and owner."),
        key("service", Kind::Named(Form::Slug, &service::SERVICE), Fill::Empty, "Long-running programs, and folders of static files."),
        key("resource", Kind::Named(Form::Slug, &resource::RESOURCE), Fill::Empty, "What the app needs and does not build: databases, caches, object stores."),
        key("secret", Kind::Named(Form::Slug, &resource::SECRET), Fill::Empty, "Secret values, by name. The values are never in this file."),
        key("edge", Kind::Table(&edge::EDGE), Fill::Empty, "Listeners, TLS and headers of the gateway."),
        key("limit", Kind::Named(Form::Slug, &route::LIMIT), Fill::Empty, "Rate limits, by a name that routes take."),
        key("route", Kind::Named(Form::Slug, &route::ROUTE), Fill::Empty, "Host and path to service. The most specific route wins."),
        key("job", Kind::Named(Form::Slug, &service::JOB), Fill::Empty, "Programs that run to their end, at times."),
        key("rollout", Kind::Table(&release::ROLLOUT), Fill::Empty, "How a release replaces the one before."),
        key("backup", Kind::Named(Form::Slug, &backup::BACKUP), Fill::Empty, "Backups, by the resource or volume that they save."),
        key("retention", Kind::Table(&backup::RETENTION), Fill::Empty, "How long data is kept."),
        key("slo", Kind::Named(Form::Slug, &observe::SLO), Fill::Empty, "Objectives over a window of time. Burn-rate alerts are made from them."),
        key("alert", Kind::Named(Form::Label, &observe::ALERT), Fill::Empty, "Alerts."),
        key("notify", Kind::Named(Form::Slug, &observe::NOTIFY), Fill::Empty, "Where notices go."),
        key("observability", Kind::Table(&observe::OBSERVABILITY), Fill::Empty, "Metrics, traces, logs, dashboards."),
        key("page", Kind::Named(Form::Path, &observe::PAGE), Fill::Empty, "Budgets of pages in a browser, by path."),
        key("approval", Kind::Named(Form::Slug, &people::APPROVAL), Fill::Empty, "Sign-offs of people."),
        key("contact", Kind::Named(Form::Slug, &people::CONTACT), Fill::Empty, "People, teams and rooms."),
        key("escalation", Kind::Named(Form::Slug, &people::ESCALATION), Fill::Empty, "Who is told when nobody has answered."),
        key("on_call", Kind::Named(Form::Slug, &people::ON_CALL), Fill::Empty, "Who is on call, week by week."),
        key("load", Kind::Named(Form::Slug, &observe::LOAD), Fill::Empty, "Load scenarios."),
        key("pipeline", Kind::Table(&release::PIPELINE), Fill::Empty, "Stages of the delivery pipeline."),
        key("kubernetes", Kind::Table(&platform::KUBERNETES), Fill::Empty, "What the Kubernetes target needs to know."),
        key("compose", Kind::Table(&platform::COMPOSE), Fill::Empty, "What the Compose target needs to know."),
        key("platform", Kind::Table(&platform::PLATFORM), Fill::Empty, "Machines and tools."),
        key("cost", Kind::Table(&platform::COST), Fill::Empty, "Prices, budgets, promised savings."),
        key("claims", Kind::Map(Form::Label, &claims::CLAIM), Fill::Empty, "Promises with a bound, by id."),
    ],
};
