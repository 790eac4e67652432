//! The gateway's table.

use std::collections::{BTreeMap, BTreeSet};

use plimsoll_bundle::local::{
    CorsSpec, Destination, Encoding, GatewayService, GatewayTable, Header, HeaderValue, LimitKey,
    Listeners, MaintenanceSpec, RateLimit, RouteSpec, Sticky, TlsIssuer, TlsSpec, TlsVersion,
};
use plimsoll_model::App;
use plimsoll_model::app::{self, Cors, FrameOption, Headers, Limit, Referrer, Route};

use super::{Omitted, Source, service};

/// The whole edge.
pub(super) fn render(
    app: &App,
    sources: &BTreeMap<String, Source>,
    omitted: &mut Vec<Omitted>,
) -> GatewayTable {
    let edge = &app.edge;
    note_omissions(app, omitted);
    GatewayTable {
        header: Header::new(GatewayTable::FORMAT, GatewayTable::VERSION),
        app: app.about.name.clone(),
        environment: app.environment.clone(),
        listeners: Listeners {
            http: Some(edge.http).filter(|port| *port > 0),
            https: Some(edge.https).filter(|port| *port > 0),
            metrics: None,
        },
        tls: tls(app),
        headers: headers(&edge.headers),
        compress: edge.compress.iter().copied().map(encoding).collect(),
        limits: app
            .limits
            .iter()
            .map(|(name, found)| (name.clone(), limit(found)))
            .collect(),
        routes: app
            .routes
            .iter()
            .filter_map(|(name, found)| route(app, name, found, sources))
            .collect(),
        services: app
            .services
            .iter()
            .filter(|(_, service)| service.as_static().is_none())
            .map(|(name, found)| (name.clone(), gateway_service(app, found)))
            .collect(),
        trusted: edge.trusted.clone(),
        allow: edge.allow.clone(),
        maintenance: edge
            .maintenance
            .as_ref()
            .filter(|page| page.on)
            .map(|page| MaintenanceSpec {
                retry_after_s: page.retry_after.0 / 1000,
                allow: page.allow.clone(),
            }),
        cache_hashed_s: edge.cache_hashed.0 / 1000,
    }
}

fn note_omissions(app: &App, omitted: &mut Vec<Omitted>) {
    let mut note = |key: String, effect| omitted.push(Omitted { key, effect });
    for (name, limit) in &app.limits {
        if limit.when.is_some() {
            note(
                format!("limit.{name}.when"),
                "the limit of the route is charged for every request",
            );
        }
        if limit.shared.is_some() {
            note(
                format!("limit.{name}.shared"),
                "one gateway runs here, so its own buckets are the shared ones",
            );
        }
    }
    if app.edge.tls.issuer == app::Issuer::Acme && app.edge.https > 0 {
        note(
            "edge.tls.issuer".into(),
            "no certificate is ordered: the local authority issues one",
        );
    }
    if app.edge.mtls {
        note(
            "edge.mtls".into(),
            "there is no network between gateway and replicas here",
        );
    }
}

fn gateway_service(app: &App, found: &app::Service) -> GatewayService {
    GatewayService {
        readiness: service::readiness(found),
        drain: service::drain(found),
        // There is no network between gateway and replicas here.
        mutual_tls: None,
        sticky: match app.rollout.sticky {
            app::Sticky::None => Sticky::None,
            app::Sticky::Cookie => Sticky::Cookie,
        },
    }
}

/// A route without hosts answers whatever name it is asked by, and here these are the ones.
const OWN_NAMES: [&str; 3] = ["localhost", "*.localhost", "127.0.0.1"];

fn tls(app: &App) -> TlsSpec {
    let hosts = app.routes.values().flat_map(|route| &route.hosts);
    let mut names: BTreeSet<String> = hosts.cloned().collect();
    let tls = &app.edge.tls;
    if tls.issuer == app::Issuer::Local && app.routes.values().any(|route| route.hosts.is_empty()) {
        names.extend(OWN_NAMES.map(str::to_owned));
    }
    TlsSpec {
        min: match tls.min {
            app::TlsVersion::V1_2 => TlsVersion::V1_2,
            app::TlsVersion::V1_3 => TlsVersion::V1_3,
        },
        issuer: match tls.issuer {
            app::Issuer::Local => TlsIssuer::Local,
            app::Issuer::Acme => TlsIssuer::Acme,
            app::Issuer::Files => TlsIssuer::Files,
        },
        names: names.into_iter().collect(),
        redirect: tls.redirect,
    }
}

fn headers(headers: &Headers) -> Vec<HeaderValue> {
    let mut all = Vec::new();
    let mut push = |name: &str, value: String, tls_only| {
        if !value.is_empty() {
            all.push(HeaderValue {
                name: name.to_owned(),
                value,
                tls_only,
            });
        }
    };
    push("content-security-policy", headers.csp.clone(), false);
    push("strict-transport-security", hsts(headers), true);
    push("x-frame-options", frame(headers.frame).to_owned(), false);
    let nosniff = if headers.nosniff { "nosniff" } else { "" };
    push("x-content-type-options", nosniff.to_owned(), false);
    push(
        "referrer-policy",
        referrer(headers.referrer).to_owned(),
        false,
    );
    push("permissions-policy", headers.permissions.clone(), false);
    for (name, value) in &headers.more {
        push(name, value.clone(), false);
    }
    all
}

fn hsts(headers: &Headers) -> String {
    match (headers.hsts.0 / 1000, headers.hsts_subdomains) {
        (0, _) => String::new(),
        (seconds, true) => format!("max-age={seconds}; includeSubDomains"),
        (seconds, false) => format!("max-age={seconds}"),
    }
}

fn frame(option: FrameOption) -> &'static str {
    match option {
        FrameOption::Deny => "DENY",
        FrameOption::SameOrigin => "SAMEORIGIN",
        FrameOption::None => "",
    }
}

fn referrer(policy: Referrer) -> &'static str {
    match policy {
        Referrer::NoReferrer => "no-referrer",
        Referrer::SameOrigin => "same-origin",
        Referrer::StrictOrigin => "strict-origin",
        Referrer::StrictOriginWhenCrossOrigin => "strict-origin-when-cross-origin",
        Referrer::None => "",
    }
}

fn encoding(encoding: app::Encoding) -> Encoding {
    match encoding {
        app::Encoding::Br => Encoding::Br,
        app::Encoding::Zstd => Encoding::Zstd,
        app::Encoding::Gzip => Encoding::Gzip,
    }
}

fn limit(limit: &Limit) -> RateLimit {
    RateLimit {
        requests: limit.rate.count,
        per_ms: limit.rate.per.0,
        burst: limit.burst,
        // One gateway runs on this machine: its own buckets are the shared ones.
        shared: None,
        by: limit
            .by
            .iter()
            .map(|key| match key {
                app::LimitKey::User => LimitKey::User,
                app::LimitKey::Key => LimitKey::Key,
                app::LimitKey::Ip => LimitKey::Ip,
            })
            .collect(),
    }
}

fn route(
    app: &App,
    name: &str,
    route: &Route,
    sources: &BTreeMap<String, Source>,
) -> Option<RouteSpec> {
    Some(RouteSpec {
        name: name.to_owned(),
        hosts: route.hosts.clone(),
        path: route.path.clone(),
        exact: route.exact,
        methods: route.methods.clone(),
        strip: route.strip,
        to: destination(app, route, sources)?,
        limit: route.limit.clone(),
        body_bytes: route.body.0,
        timeout_ms: route.timeout.0,
        cors: route.cors.as_ref().map(cors),
        upgrade: route.upgrade,
        allow: route.allow.clone(),
        headers: route.headers.iter().map(plain_header).collect(),
        stream: route.stream,
        cache_control: route.cache.as_ref().map(cache_control),
        keep_ms: route
            .cache
            .as_ref()
            .map(|cache| cache.edge.0)
            .filter(|keep| *keep > 0),
    })
}

/// Nothing where the service is not there, which the model has refused already.
fn destination(
    app: &App,
    route: &Route,
    sources: &BTreeMap<String, Source>,
) -> Option<Destination> {
    let name = &route.to.service;
    let service = app.services.get(name)?;
    Some(match service.as_static() {
        Some(files) => Destination::Files {
            service: name.clone(),
            artefact: sources.get(name)?.artefact.clone()?,
            spa: files.spa.clone(),
            settings: service.settings.clone(),
        },
        None => Destination::Service {
            service: name.clone(),
            port: route.to.port.clone().unwrap_or_else(|| "http".to_owned()),
        },
    })
}

fn plain_header((name, value): (&String, &String)) -> HeaderValue {
    HeaderValue {
        name: name.clone(),
        value: value.clone(),
        tls_only: false,
    }
}

fn cors(cors: &Cors) -> CorsSpec {
    CorsSpec {
        origins: cors
            .origins
            .iter()
            .map(|origin| origin.as_str().to_owned())
            .collect(),
        methods: cors.methods.clone(),
        headers: cors.headers.clone(),
        expose: cors.expose.clone(),
        credentials: cors.credentials,
        max_age_s: cors.max_age.0 / 1000,
    }
}

fn cache_control(cache: &app::Cache) -> String {
    let scope = if cache.public { "public" } else { "private" };
    let immutable = if cache.immutable { ", immutable" } else { "" };
    format!("{scope}, max-age={}{immutable}", cache.max_age.0 / 1000)
}
