//! A small app to change under load. Its environment says what it does badly; by default it does all things well.
//!
//! | variable | effect |
//! |---|---|
//! | `GREETING` | what `/self` says, with the secret: two releases differ in it |
//! | `ERRORS` | so many of 1,000 requests are answered with 500 |
//! | `SLOW` | so many of 1,000 requests take `SLOW_MS` longer |
//! | `CRASH_AFTER_S` | the process ends with code 3 |
//! | `UNHEALTHY` | `/healthz` answers 503 |

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::extract::ws::{WebSocket, WebSocketUpgrade};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

struct Manners {
    build: String,
    errors: u64,
    slow: u64,
    slow_by: Duration,
    healthy: bool,
    /// Requests so far, stepped through by a number that shares no factor with 1,000, so that faults are spread evenly.
    turn: AtomicU64,
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let number = |name: &str| variable(name).parse::<u64>().unwrap_or(0);
    let manners = Arc::new(Manners {
        build: variable("PLIMSOLL_RELEASE"),
        errors: number("ERRORS"),
        slow: number("SLOW"),
        slow_by: Duration::from_millis(number("SLOW_MS")),
        healthy: variable("UNHEALTHY").is_empty(),
        turn: AtomicU64::new(0),
    });
    let crash_after = number("CRASH_AFTER_S");
    if crash_after > 0 {
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(crash_after)).await;
            eprintln!("out of ideas");
            std::process::exit(3);
        });
    }
    let app = Router::new()
        .route("/", get(page))
        .route("/self", get(self_portrait))
        .route("/slow", get(slow))
        .route("/healthz", get(health))
        .route("/ws", get(upgrade))
        .with_state(manners);
    let port = variable("PORT");
    let listener = tokio::net::TcpListener::bind(format!("0.0.0.0:{port}")).await.expect("a free port");
    let stop = async {
        let mut term = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).expect("SIGTERM");
        term.recv().await;
    };
    axum::serve(listener, app).with_graceful_shutdown(stop).await.expect("a server");
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
}

async fn page(State(manners): State<Arc<Manners>>) -> Response {
    let turn = manners.turn.fetch_add(1, Ordering::Relaxed).wrapping_mul(617) % 1000;
    if turn >= 1000 - manners.slow {
        tokio::time::sleep(manners.slow_by).await;
    }
    let status = if turn < manners.errors { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::OK };
    (status, [("x-build", manners.build.clone())], "hello\n").into_response()
}

/// What this release was given: its setting and its secret.
async fn self_portrait(State(manners): State<Arc<Manners>>) -> Response {
    let secret = std::fs::read_to_string(variable("TOKEN_FILE")).unwrap_or_default();
    let text = format!("{} {}\n", variable("GREETING"), secret.trim());
    ([("x-build", manners.build.clone())], text).into_response()
}

/// Answers after three seconds: what is in flight when a replica leaves.
async fn slow(State(manners): State<Arc<Manners>>) -> Response {
    tokio::time::sleep(Duration::from_secs(3)).await;
    ([("x-build", manners.build.clone())], "done\n").into_response()
}

async fn health(State(manners): State<Arc<Manners>>) -> StatusCode {
    if manners.healthy { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}

async fn upgrade(upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(echo)
}

async fn echo(mut socket: WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        if socket.send(message).await.is_err() {
            return;
        }
    }
}
