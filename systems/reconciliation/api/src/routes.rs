//! The router, built from the table of routes: a route that is not in it, or an entry without a route, ends the start.

use std::collections::BTreeSet;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::HeaderValue;
use axum::routing::{MethodRouter, get, patch, post};
use systems_kit::request::{self, Surroundings};

use crate::app::App;
use crate::handlers::{
    audit, auth, dashboard, exceptions, export, matches, platform, rules, runs, sources,
    transactions, uploads, users, ws,
};
use crate::permissions::ROUTES;

/// No JSON body of ours is larger: 400 row ids and a reason.
const JSON_BODY: usize = 64 * 1024;

/// A file of 50 MB and the parts around it.
const FILE_BODY: usize = 50_000_000 + 64 * 1024;

/// The table of routes and the router say different things.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("routes and permissions disagree: {0}")]
pub struct RouteTableError(pub String);

/// Routes under `/api/v1`, and which they are.
struct Api {
    router: Router<App>,
    known: BTreeSet<(&'static str, &'static str)>,
}

impl Api {
    fn new() -> Self {
        Self {
            router: Router::new(),
            known: BTreeSet::new(),
        }
    }

    fn on(mut self, verb: &'static str, path: &'static str, handler: MethodRouter<App>) -> Self {
        self.known.insert((verb, path));
        self.router = self.router.route(path, handler);
        self
    }

    fn check(&self) -> Result<(), RouteTableError> {
        let table: BTreeSet<_> = ROUTES
            .iter()
            .map(|(verb, path, _)| (*verb, *path))
            .collect();
        let differing: Vec<String> = table
            .symmetric_difference(&self.known)
            .map(|(verb, path)| format!("{verb} {path}"))
            .collect();
        if differing.is_empty() {
            Ok(())
        } else {
            Err(RouteTableError(differing.join(", ")))
        }
    }
}

/// Everything that listens on `PORT`.
pub fn router(app: App) -> Result<Router, RouteTableError> {
    let build = HeaderValue::from_str(&app.settings().platform.build);
    let around = Surroundings {
        metrics: app.metrics().clone(),
        // Checked with the settings.
        build: build.unwrap_or_else(|_| HeaderValue::from_static("unknown")),
    };
    let api = decisions(business(accounts(Api::new())));
    api.check()?;
    let router = Router::new()
        .route("/livez", get(platform::livez))
        .route("/readyz", get(platform::readyz))
        .route("/health", get(platform::readyz))
        .route("/startupz", get(platform::startupz))
        .route("/version", get(platform::version))
        .route("/ws/v1/runs/{id}", get(ws::watch))
        .nest(
            "/api/v1",
            api.router.layer(DefaultBodyLimit::max(JSON_BODY)),
        )
        .with_state(app);
    Ok(router.layer(axum::middleware::from_fn_with_state(around, request::layer)))
}

fn accounts(api: Api) -> Api {
    api.on("GET", "/version", get(platform::version))
        .on("POST", "/auth/login", post(auth::login))
        .on("POST", "/auth/refresh", post(auth::refresh))
        .on("POST", "/auth/logout", post(auth::logout))
        .on("GET", "/auth/me", get(auth::me))
        .on("POST", "/auth/password", post(auth::change_password))
        .on("GET", "/users", get(users::index))
        .on("POST", "/users", post(users::create))
        .on("PATCH", "/users/{id}", patch(users::update))
        .on("GET", "/dashboard", get(dashboard::show))
        .on("GET", "/audit", get(audit::index))
        .on("GET", "/audit/verify", get(audit::verify))
}

fn business(api: Api) -> Api {
    let file = DefaultBodyLimit::max(FILE_BODY);
    api.on("GET", "/sources", get(sources::index))
        .on("POST", "/sources", post(sources::create))
        .on("PATCH", "/sources/{id}", patch(sources::update))
        .on(
            "POST",
            "/sources/{id}/preview",
            post(sources::preview).layer(file),
        )
        .on("GET", "/uploads", get(uploads::index))
        .on("POST", "/uploads", post(uploads::create).layer(file))
        .on("GET", "/uploads/{id}", get(uploads::show))
        .on("GET", "/uploads/{id}/errors", get(uploads::errors))
        .on("GET", "/transactions", get(transactions::index))
        .on("GET", "/rules", get(rules::index))
        .on("GET", "/runs", get(runs::index))
        .on("POST", "/runs", post(runs::create))
        .on("GET", "/runs/{id}", get(runs::show))
        .on("GET", "/runs/{id}/matches", get(matches::index))
        .on("GET", "/runs/{id}/items", get(matches::items))
        .on("GET", "/runs/{id}/export", get(export::export))
}

fn decisions(api: Api) -> Api {
    api.on("POST", "/runs/{id}/cancel", post(runs::cancel))
        .on("POST", "/runs/{id}/certify", post(runs::certify))
        .on("POST", "/runs/{id}/reopen", post(runs::reopen))
        .on("POST", "/matches", post(matches::create))
        .on("GET", "/matches/{id}", get(matches::show))
        .on("POST", "/matches/{id}/confirm", post(matches::confirm))
        .on("POST", "/matches/{id}/reject", post(matches::reject))
        .on("POST", "/matches/{id}/unmatch", post(matches::unmatch))
        .on("GET", "/exceptions", get(exceptions::index))
        .on("GET", "/exceptions/{id}", get(exceptions::show))
        .on("PATCH", "/exceptions/{id}", patch(exceptions::assign))
        .on(
            "POST",
            "/exceptions/{id}/comment",
            post(exceptions::comment),
        )
        .on(
            "POST",
            "/exceptions/{id}/propose",
            post(exceptions::propose),
        )
        .on(
            "POST",
            "/exceptions/{id}/approve",
            post(exceptions::approve),
        )
        .on("POST", "/exceptions/{id}/reject", post(exceptions::reject))
}
