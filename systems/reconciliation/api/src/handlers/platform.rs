//! Probes and the version.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use systems_kit::probes::Health;

use crate::app::{App, NAME};

pub(crate) async fn livez() -> Response {
    Health::livez()
}

pub(crate) async fn readyz(State(app): State<App>) -> Response {
    app.health().readyz().await
}

pub(crate) async fn startupz(State(app): State<App>) -> Response {
    app.health().startupz()
}

pub(crate) async fn version(State(app): State<App>) -> Response {
    let document = serde_json::json!({
        "name": NAME,
        "version": env!("CARGO_PKG_VERSION"),
        "build": app.settings().platform.build,
    });
    axum::Json(document).into_response()
}
