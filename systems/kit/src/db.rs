//! The PostgreSQL pool: small, bounded, and back by itself after the server was away.
//!
//! A pool may be as small as one connection, so nobody may hold one while asking for a second.

use std::str::FromStr as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};

use crate::platform::Platform;

/// Longer than the longest write of a large upload on a slow machine would starve the edge's timeout of 30 s;
/// shorter would
/// refuse requests that wait behind one.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(8);

/// How long the probe waits for a free connection before it trusts what the busy ones last told.
const PROBE_WAIT: Duration = Duration::from_millis(400);

/// Checks an address without using it.
pub fn check_url(url: &str) -> Result<(), String> {
    options(url, "check").map(|_| ())
}

fn options(url: &str, name: &str) -> Result<PgConnectOptions, String> {
    if !(url.starts_with("postgres://") || url.starts_with("postgresql://")) {
        return Err("must start with postgres://".to_owned());
    }
    PgConnectOptions::from_str(url)
        .map(|options| options.application_name(name))
        .map_err(|_| "is not an address such as postgres://user:password@host/database".to_owned())
}

/// A pool with the shared bounds; nothing is connected yet.
pub fn pool(platform: &Platform, name: &str) -> Result<PgPool, String> {
    let options = options(&platform.database_url, name)?;
    Ok(PgPoolOptions::new()
        .max_connections(platform.pool_size)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        // A connection that died with the server is noticed here and replaced, at the price of one round trip (30 µs).
        .test_before_acquire(true)
        .connect_lazy_with(options))
}

/// Whose fault an error is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// The server is away, starting, or out of connections: try again.
    Away,
    /// A unique key says that it exists already.
    Taken,
    /// A mistake of ours.
    Ours,
}

/// Classifies an error of the database.
pub fn blame(error: &sqlx::Error) -> Blame {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed
        | sqlx::Error::Protocol(_) => Blame::Away,
        sqlx::Error::Database(database) => match database.code().as_deref() {
            // Connection exceptions, shutdown and start-up, too many connections, serialization and deadlock, lock
            // timeout.
            Some(code)
                if code.starts_with("08")
                    || code.starts_with("57P")
                    || code.starts_with("53")
                    || matches!(code, "40001" | "40P01" | "55P03") =>
            {
                Blame::Away
            }
            Some("23505") => Blame::Taken,
            _ => Blame::Ours,
        },
        _ => Blame::Ours,
    }
}

/// Asks the database whether it is there.
#[derive(Debug, Clone)]
pub struct Ping {
    pool: PgPool,
    last: Arc<AtomicBool>,
}

impl Ping {
    /// A pinger for one pool.
    pub fn new(pool: PgPool) -> Self {
        Self {
            pool,
            last: Arc::new(AtomicBool::new(false)),
        }
    }

    /// One question. When every connection is busy working, the last answer stands: a busy database is not an
    /// absent one, and
    /// when it dies, its busy connections break and come free at once.
    pub async fn ask(&self) -> Result<(), String> {
        match tokio::time::timeout(PROBE_WAIT, self.query()).await {
            Ok(Ok(())) => {
                self.last.store(true, Ordering::Release);
                Ok(())
            }
            Ok(Err(error)) => {
                self.last.store(false, Ordering::Release);
                Err(crate::problem::chain(&error))
            }
            Err(_) if self.all_busy() && self.last.load(Ordering::Acquire) => Ok(()),
            Err(_) => {
                self.last.store(false, Ordering::Release);
                Err("no answer within 400 ms".to_owned())
            }
        }
    }

    fn all_busy(&self) -> bool {
        self.pool.num_idle() == 0 && self.pool.size() >= self.pool.options().get_max_connections()
    }

    async fn query(&self) -> Result<(), sqlx::Error> {
        sqlx::query("SELECT 1")
            .execute(&self.pool)
            .await
            .map(|_| ())
    }
}
