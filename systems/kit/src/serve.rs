//! Listening, and the orderly end: not ready at once, closed after the drain delay, finished within the grace.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderValue, header};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::metrics::Metrics;
use crate::platform::Platform;
use crate::probes::Health;

/// How long requests in flight may take after the listener is closed (common contract: 25 s; the platform kills at
/// 30 s).
const GRACE: Duration = Duration::from_secs(25);

/// Both listeners, bound before anything slow happens, so that a port in use is reported at once.
#[derive(Debug)]
pub struct Listeners {
    api: TcpListener,
    metrics: Option<TcpListener>,
}

impl Listeners {
    /// Binds what the settings ask for.
    pub async fn bind(platform: &Platform) -> io::Result<Self> {
        let api = bind("PORT", platform.listen).await?;
        let metrics = match platform.metrics {
            Some(address) => Some(bind("METRICS_PORT", address).await?),
            None => None,
        };
        Ok(Self { api, metrics })
    }

    /// Where the API listens.
    pub fn api_address(&self) -> io::Result<SocketAddr> {
        self.api.local_addr()
    }

    /// Where the metrics listen, when they do.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics.as_ref()?.local_addr().ok()
    }
}

async fn bind(key: &str, address: SocketAddr) -> io::Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| {
        io::Error::new(
            error.kind(),
            format!("{key}: cannot listen on {address}: {error}"),
        )
    })
}

/// Tells the parts of the program that the end has begun. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Stop(watch::Receiver<bool>);

impl Stop {
    /// Returns when the program should end.
    pub async fn wait(&mut self) {
        // An error means that the sender is gone, which is the end too.
        let _gone = self.0.wait_for(|stopping| *stopping).await;
    }

    /// Whether the end has begun.
    pub fn is_set(&self) -> bool {
        *self.0.borrow()
    }
}

/// The other end of [`Stop`].
#[derive(Debug)]
pub struct Stopper(watch::Sender<bool>);

/// A connected pair.
pub fn stop_pair() -> (Stopper, Stop) {
    let (sender, receiver) = watch::channel(false);
    (Stopper(sender), Stop(receiver))
}

impl Stopper {
    /// Begins the end.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

/// Serves until SIGTERM or SIGINT, then drains. Returns when all requests are answered or the grace is over.
pub async fn run(
    listeners: Listeners,
    router: Router,
    health: &Health,
    metrics: &Metrics,
    drain: (Duration, Stopper),
) -> io::Result<()> {
    let (drain_delay, stopper) = drain;
    let (close, closing) = stop_pair();
    let mut close_api = closing.clone();
    let api = axum::serve(
        listeners.api,
        router.into_make_service_with_connect_info::<SocketAddr>(),
    )
    .with_graceful_shutdown(async move { close_api.wait().await });
    let api = tokio::spawn(async move { api.await });
    if let Some(listener) = listeners.metrics {
        serve_metrics(listener, metrics.clone(), closing);
    }
    wait_for_signal().await?;
    tracing::info!(delay_s = drain_delay.as_secs(), "draining");
    health.set_draining();
    stopper.stop();
    tokio::time::sleep(drain_delay).await;
    close.stop();
    match tokio::time::timeout(GRACE, api).await {
        Ok(Ok(served)) => served?,
        Ok(Err(error)) => return Err(io::Error::other(error)),
        Err(_) => tracing::warn!("some requests did not end within the grace of 25 s"),
    }
    tracing::info!("stopped");
    Ok(())
}

fn serve_metrics(listener: TcpListener, metrics: Metrics, mut closing: Stop) {
    let text = move || {
        let text = metrics.text();
        async move {
            let kind = HeaderValue::from_static("text/plain; version=0.0.4");
            ([(header::CONTENT_TYPE, kind)], text)
        }
    };
    let router = Router::new().route("/metrics", get(text));
    let server =
        axum::serve(listener, router).with_graceful_shutdown(async move { closing.wait().await });
    tokio::spawn(async move {
        if let Err(error) = server.await {
            tracing::error!(%error, "metrics are no longer served");
        }
    });
}

fn wait_for_signal() -> impl Future<Output = io::Result<()>> {
    let signals = (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
    );
    async move {
        let (mut terminate, mut interrupt) = (signals.0?, signals.1?);
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        Ok(())
    }
}
