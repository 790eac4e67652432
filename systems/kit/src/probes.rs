//! `/livez`, `/readyz`, `/startupz`: alive, ready with every part named that is not, and started.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::future::{BoxFuture, join_all};
use serde::Serialize;

/// A prober waits one second; the answer must come before it gives up.
const CHECK_DEADLINE: Duration = Duration::from_millis(800);

type Check = Box<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>;

/// The state of this replica as its probes tell it. Cheap to clone.
#[derive(Clone)]
pub struct Health {
    inner: Arc<Inner>,
}

struct Inner {
    checks: Vec<(&'static str, Check)>,
    warm: AtomicBool,
    draining: AtomicBool,
}

impl fmt::Debug for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<_> = self.inner.checks.iter().map(|(part, _)| part).collect();
        f.debug_struct("Health")
            .field("parts", &parts)
            .finish_non_exhaustive()
    }
}

/// A part that is not as it should be.
#[derive(Debug, Serialize)]
pub struct Failing {
    /// Its name: `database`, `redis`, `migrations`, `warm_up`, `draining`.
    pub part: &'static str,
    /// What is wrong with it.
    pub detail: String,
}

impl Health {
    /// Health that depends on the given parts; each is asked anew for each probe.
    pub fn new(checks: Vec<(&'static str, Check)>) -> Self {
        let (warm, draining) = (AtomicBool::new(false), AtomicBool::new(false));
        Self {
            inner: Arc::new(Inner {
                checks,
                warm,
                draining,
            }),
        }
    }

    /// The warm-up is done.
    pub fn set_warm(&self) {
        self.inner.warm.store(true, Ordering::Release);
    }

    /// The end has begun: not ready from now on.
    pub fn set_draining(&self) {
        self.inner.draining.store(true, Ordering::Release);
    }

    /// Whether the end has begun.
    pub fn is_draining(&self) -> bool {
        self.inner.draining.load(Ordering::Acquire)
    }

    /// All parts that fail now.
    pub async fn failing(&self) -> Vec<Failing> {
        let asked = self.inner.checks.iter().map(|(part, check)| async move {
            let verdict = tokio::time::timeout(CHECK_DEADLINE, check()).await;
            let detail = match verdict {
                Ok(Ok(())) => return None,
                Ok(Err(detail)) => detail,
                Err(_) => "no answer within 800 ms".to_owned(),
            };
            Some(Failing { part, detail })
        });
        let mut failing: Vec<Failing> = join_all(asked).await.into_iter().flatten().collect();
        if !self.inner.warm.load(Ordering::Acquire) {
            failing.push(Failing {
                part: "warm_up",
                detail: "not done yet".to_owned(),
            });
        }
        if self.is_draining() {
            failing.push(Failing {
                part: "draining",
                detail: "SIGTERM was received".to_owned(),
            });
        }
        failing
    }

    /// `/livez`: the process answers, whatever its surroundings do.
    pub fn livez() -> Response {
        no_store(StatusCode::OK, serde_json::json!({"alive": true}))
    }

    /// `/startupz`: the warm-up has been done once.
    pub fn startupz(&self) -> Response {
        let started = self.inner.warm.load(Ordering::Acquire);
        let status = if started {
            StatusCode::OK
        } else {
            StatusCode::SERVICE_UNAVAILABLE
        };
        no_store(status, serde_json::json!({"started": started}))
    }

    /// `/readyz`.
    pub async fn readyz(&self) -> Response {
        let failing = self.failing().await;
        let ready = failing.is_empty();
        let status = if ready {
            StatusCode::OK
        } else {
            StatusCode::SERVICE_UNAVAILABLE
        };
        no_store(
            status,
            serde_json::json!({"ready": ready, "failing": failing}),
        )
    }
}

fn no_store(status: StatusCode, body: serde_json::Value) -> Response {
    let mut response = (status, Json(body)).into_response();
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_failing_part_is_named() {
        let broken: Check = Box::new(|| Box::pin(async { Err("refused".to_owned()) }));
        let fine: Check = Box::new(|| Box::pin(async { Ok(()) }));
        let health = Health::new(vec![("database", broken), ("redis", fine)]);
        let parts = |failing: Vec<Failing>| failing.iter().map(|f| f.part).collect::<Vec<_>>();
        assert_eq!(parts(health.failing().await), ["database", "warm_up"]);
        health.set_warm();
        health.set_draining();
        assert_eq!(parts(health.failing().await), ["database", "draining"]);
        assert_eq!(
            health.readyz().await.status(),
            StatusCode::SERVICE_UNAVAILABLE
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_part_that_hangs_fails_before_the_prober_gives_up() {
        let hangs: Check = Box::new(|| Box::pin(std::future::pending()));
        let health = Health::new(vec![("redis", hangs)]);
        health.set_warm();
        let started = tokio::time::Instant::now();
        assert_eq!(health.failing().await.len(), 1);
        assert!(started.elapsed() < Duration::from_secs(1));
    }
}
