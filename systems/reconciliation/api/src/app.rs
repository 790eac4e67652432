//! What every handler can reach.

use std::sync::Arc;

use axum::extract::FromRef;
use sqlx::PgPool;
use systems_kit::auth::lockout::Lockout;
use systems_kit::auth::refresh::RefreshTokens;
use systems_kit::auth::token::Tokens;
use systems_kit::cache::Cache;
use systems_kit::db::Ping;
use systems_kit::metrics::Metrics;
use systems_kit::probes::Health;
use tokio::sync::{Notify, Semaphore};

use crate::figures::Figures;
use crate::schema::SCHEMA;
use crate::settings::Settings;

/// The name in tokens, keys of Redis and the version document.
pub const NAME: &str = "recon";

/// Rows of one upload are held in memory while they are written (120 bytes each, a million at most), so one at a
/// time keeps a
/// replica within its memory; others wait.
const INGESTS_AT_ONCE: usize = 1;

/// Files of at most 50 MB waiting on disk.
const UPLOADS_AT_ONCE: usize = 4;

/// The state of one replica. Cheap to clone.
#[derive(Debug, Clone)]
pub struct App {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    settings: Settings,
    pool: PgPool,
    cache: Cache,
    tokens: Tokens,
    refresh: RefreshTokens,
    lockout: Lockout,
    metrics: Metrics,
    figures: Figures,
    health: Health,
    ingests: Semaphore,
    uploads: Semaphore,
    work_waits: Notify,
}

/// Why a replica cannot be put together.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The address of the database.
    #[error("DATABASE_URL: {0}")]
    Database(String),
    /// The address of Redis.
    #[error("REDIS_URL cannot be used")]
    Redis(#[from] redis::RedisError),
    /// Two figures of the same name.
    #[error("metrics cannot be registered")]
    Metrics(#[from] prometheus::Error),
}

impl App {
    /// Puts a replica together; connects to nothing yet. Must run inside the runtime.
    pub fn try_new(settings: Settings) -> Result<Self, AppError> {
        let platform = &settings.platform;
        let pool = systems_kit::db::pool(platform, NAME).map_err(AppError::Database)?;
        let cache = Cache::open(platform)?;
        let metrics = Metrics::try_new()?;
        systems_kit::needs::register(&metrics, &pool, &cache)?;
        let inner = Inner {
            tokens: Tokens::new(NAME, &platform.jwt_secret),
            refresh: RefreshTokens::new(cache.clone(), NAME),
            lockout: Lockout::new(cache.clone(), NAME),
            figures: Figures::try_new(&metrics)?,
            health: health(&pool, &cache),
            ingests: Semaphore::new(INGESTS_AT_ONCE),
            uploads: Semaphore::new(UPLOADS_AT_ONCE),
            work_waits: Notify::new(),
            metrics,
            pool,
            cache,
            settings,
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// The settings.
    pub fn settings(&self) -> &Settings {
        &self.inner.settings
    }
    /// The database.
    pub fn pool(&self) -> &PgPool {
        &self.inner.pool
    }
    /// Redis.
    pub fn cache(&self) -> &Cache {
        &self.inner.cache
    }
    /// Access tokens.
    pub fn tokens(&self) -> &Tokens {
        &self.inner.tokens
    }
    /// Refresh tokens.
    pub fn refresh(&self) -> &RefreshTokens {
        &self.inner.refresh
    }
    /// The lock of the login.
    pub fn lockout(&self) -> &Lockout {
        &self.inner.lockout
    }
    /// The registry.
    pub fn metrics(&self) -> &Metrics {
        &self.inner.metrics
    }
    /// The figures of this system.
    pub fn figures(&self) -> &Figures {
        &self.inner.figures
    }
    /// The probes.
    pub fn health(&self) -> &Health {
        &self.inner.health
    }
    /// Places for uploads being written.
    pub fn ingests(&self) -> &Semaphore {
        &self.inner.ingests
    }
    /// Places for uploads being received.
    pub fn uploads(&self) -> &Semaphore {
        &self.inner.uploads
    }
    /// Rung when there is a new job, so that the replica that took the request need not wait for its next look.
    pub fn work_waits(&self) -> &Notify {
        &self.inner.work_waits
    }
}

impl FromRef<App> for Tokens {
    fn from_ref(app: &App) -> Self {
        app.tokens().clone()
    }
}

fn health(pool: &PgPool, cache: &Cache) -> Health {
    let ping = Ping::new(pool.clone());
    let (pool, cache) = (pool.clone(), cache.clone());
    Health::new(vec![
        ("database", {
            let ping = ping.clone();
            Box::new(move || {
                let ping = ping.clone();
                Box::pin(async move { ping.ask().await })
            })
        }),
        (
            "redis",
            Box::new(move || {
                let cache = cache.clone();
                Box::pin(async move { cache.ping().await })
            }),
        ),
        ("migrations", migrations_current(pool)),
    ])
}

type Check =
    Box<dyn Fn() -> futures_util::future::BoxFuture<'static, Result<(), String>> + Send + Sync>;

/// Asked until it is true once: steps are not undone under a running program.
fn migrations_current(pool: PgPool) -> Check {
    let seen = Arc::new(std::sync::atomic::AtomicBool::new(false));
    Box::new(move || {
        let (pool, seen) = (pool.clone(), Arc::clone(&seen));
        Box::pin(async move {
            if seen.load(std::sync::atomic::Ordering::Acquire) {
                return Ok(());
            }
            match SCHEMA.is_current(&pool).await {
                Ok(true) => {
                    seen.store(true, std::sync::atomic::Ordering::Release);
                    Ok(())
                }
                Ok(false) => Err("run `recon migrate up`".to_owned()),
                Err(error) => Err(systems_kit::problem::chain(&error)),
            }
        })
    })
}
