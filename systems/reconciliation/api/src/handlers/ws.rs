//! Live progress: a WebSocket that replays the run's stream from wherever the client was.

use std::time::Duration;

use axum::extract::State;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use serde::Deserialize;
use systems_kit::body::Path;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use uuid::Uuid;

use crate::app::App;
use crate::permissions;
use crate::progress::{self, Frame};

/// Between looks at the stream: five frames a second at most.
const LOOK: Duration = Duration::from_millis(200);

/// For the first frame, with the token.
const GREETING: Duration = Duration::from_secs(5);

/// A run that takes longer is watched by connecting again.
const LONGEST: Duration = Duration::from_hours(1);

/// The token and a number.
const LARGEST_GREETING: usize = 8 * 1024;

/// Close codes of the contract.
const BAD_TOKEN: u16 = 4401;
const UNKNOWN_RUN: u16 = 4404;

#[derive(Deserialize)]
struct Greeting {
    token: String,
    #[serde(default)]
    last_seq: u64,
}

pub(crate) async fn watch(
    State(app): State<App>,
    Path(run): Path<Uuid>,
    upgrade: WebSocketUpgrade,
) -> Response {
    upgrade
        .max_message_size(LARGEST_GREETING)
        .on_upgrade(move |socket| async move {
            app.figures().ws_clients.inc();
            serve(&app, run, socket).await;
            app.figures().ws_clients.dec();
        })
}

async fn serve(app: &App, run: Uuid, mut socket: WebSocket) {
    let greeting = timeout(GREETING, greeting(&mut socket))
        .await
        .ok()
        .flatten();
    let allowed = greeting.filter(|greeting| may_read(app, &greeting.token));
    let Some(greeting) = allowed else {
        return close(
            &mut socket,
            BAD_TOKEN,
            "the token is missing, invalid or expired",
        )
        .await;
    };
    let known: Result<Option<(String, Option<String>)>, _> =
        sqlx::query_as("SELECT status, error FROM run WHERE id = $1")
            .bind(run)
            .fetch_optional(app.pool())
            .await;
    let Ok(Some((status, error))) = known else {
        return close(&mut socket, UNKNOWN_RUN, "no such run").await;
    };
    if let Some(last) = frame_of_ended(app, run, &status, error).await {
        let _gone = socket.send(Message::text(last)).await;
        return close(&mut socket, 1000, "").await;
    }
    follow(app, run, greeting.last_seq, socket).await;
}

async fn greeting(socket: &mut WebSocket) -> Option<Greeting> {
    match socket.recv().await?.ok()? {
        Message::Text(text) => serde_json::from_str(&text).ok(),
        _ => None,
    }
}

fn may_read(app: &App, token: &str) -> bool {
    let claims = app.tokens().check(token);
    claims.is_some_and(|claims| !claims.change && permissions::allows(&claims.role, "read"))
}

/// A run that ended longer ago than its stream is kept.
async fn frame_of_ended(
    app: &App,
    run: Uuid,
    status: &str,
    error: Option<String>,
) -> Option<String> {
    let kind = match status {
        "created" | "matching" => return None,
        "failed" | "cancelled" => "error",
        _ => "done",
    };
    let kept = progress::last(app.cache(), run).await.ok().flatten();
    if kept.is_some_and(|frame| Frame::ends(&frame)) {
        return None;
    }
    let mut frame = Frame::start();
    frame.kind = kind;
    status.clone_into(&mut frame.pass);
    frame.detail = error;
    Some(frame.alone())
}

async fn follow(app: &App, run: Uuid, mut seq: u64, mut socket: WebSocket) {
    let mut look = interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let end = Instant::now() + LONGEST;
    while Instant::now() < end && !app.health().is_draining() {
        tokio::select! {
            _ = look.tick() => {}
            heard = socket.recv() => match heard {
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                // Pings are answered by the library; anything else means nothing here.
                Some(Ok(_)) => continue,
            },
        }
        // While Redis is away nothing can be said; the frames come later.
        let frames = progress::after(app.cache(), run, seq)
            .await
            .unwrap_or_default();
        for (number, frame) in frames {
            seq = number;
            let last = Frame::ends(&frame);
            if socket.send(Message::text(frame)).await.is_err() {
                return;
            }
            if last {
                return close(&mut socket, 1000, "").await;
            }
        }
    }
    // 1012: service restart. The client connects again, to another replica, with its last number.
    close(&mut socket, 1012, "connect again").await;
}

async fn close(socket: &mut WebSocket, code: u16, reason: &'static str) {
    let frame = CloseFrame {
        code,
        reason: reason.into(),
    };
    let _gone = socket.send(Message::Close(Some(frame))).await;
}
