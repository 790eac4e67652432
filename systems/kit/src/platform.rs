//! The settings that all systems share.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use crate::config::Reader;

/// Shorter keys can be guessed offline from one token (RFC 7518 section 3.2: as long as the hash).
const SHORTEST_JWT_SECRET: usize = 32;

/// Settings of the platform contract, complete.
#[derive(Clone)]
pub struct Platform {
    /// Where the API listens.
    pub listen: SocketAddr,
    /// Where `/metrics` listens; `None` when metrics are off.
    pub metrics: Option<SocketAddr>,
    /// From SIGTERM to closing the listener: 0 where the edge has drained us already.
    pub drain_delay: Duration,
    /// `<git sha>/<image digest>`, for `X-Build`.
    pub build: String,
    /// The log filter, in `RUST_LOG`'s syntax without its regular expressions.
    pub log: String,
    /// `postgres://…`, over TCP or (`?host=/dir`) a Unix socket.
    pub database_url: String,
    /// Connections of this replica, at most.
    pub pool_size: u32,
    /// `redis://`, `unix://` or `redis+unix://`.
    pub redis_url: String,
    /// Redis connections of this replica, at most; each carries many requests at once.
    pub redis_pool_size: usize,
    /// The key of the access tokens.
    pub jwt_secret: String,
    /// Whether answers may be kept in Redis.
    pub caching: bool,
    /// How long they may be kept.
    pub cache_ttl: Duration,
}

impl std::fmt::Debug for Platform {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Addresses hold passwords, so only what is safe to print is printed.
        f.debug_struct("Platform")
            .field("listen", &self.listen)
            .field("metrics", &self.metrics)
            .field("pool_size", &self.pool_size)
            .finish_non_exhaustive()
    }
}

impl Platform {
    /// Reads the shared keys; mistakes stay in `reader`.
    pub fn read(reader: &mut Reader) -> Self {
        let host = reader.parse("HOST", IpAddr::V4(Ipv4Addr::LOCALHOST), "an IP address");
        let api_port = port(reader, "PORT", 2000);
        let metrics_port = port(reader, "METRICS_PORT", 9091);
        let metrics_on = reader.switch("ENABLE_METRICS", true);
        let platform = Self {
            listen: SocketAddr::new(host, api_port),
            metrics: metrics_on.then(|| SocketAddr::new(host, metrics_port)),
            drain_delay: Duration::from_secs(reader.number("DRAIN_DELAY", 0, 0..=120)),
            build: reader
                .text("BUILD_ID")
                .unwrap_or_else(|| "dev/none".to_owned()),
            log: reader
                .text("RUST_LOG")
                .unwrap_or_else(|| "info,sqlx=warn".to_owned()),
            database_url: reader.required_secret("DATABASE_URL", "DATABASE_URL_FILE"),
            pool_size: pool_size(reader),
            redis_url: reader.required_secret("REDIS_URL", "REDIS_URL_FILE"),
            redis_pool_size: usize_of(reader.number("REDIS_POOL_SIZE", 10, 1..=100)),
            jwt_secret: reader.required_secret("JWT_SECRET", "JWT_SECRET_FILE"),
            caching: reader.switch("ENABLE_CACHING", true),
            cache_ttl: Duration::from_secs(reader.number("CACHE_TTL", 3600, 1..=86_400)),
        };
        platform.check(reader);
        platform
    }

    fn check(&self, reader: &mut Reader) {
        let secret = self.jwt_secret.len();
        if secret > 0 && secret < SHORTEST_JWT_SECRET {
            reader.mistake("JWT_SECRET", "must have at least 32 bytes".to_owned());
        }
        if self.metrics == Some(self.listen) && self.listen.port() != 0 {
            reader.mistake("METRICS_PORT", "is the same as PORT".to_owned());
        }
        if !self.build.bytes().all(|byte| byte.is_ascii_graphic()) {
            reader.mistake(
                "BUILD_ID",
                "must be visible ASCII: it becomes a header".to_owned(),
            );
        }
        if let Err(why) = crate::log::parse_filter(&self.log) {
            reader.mistake("RUST_LOG", why);
        }
        if !self.database_url.is_empty()
            && let Err(why) = crate::db::check_url(&self.database_url)
        {
            reader.mistake("DATABASE_URL", why);
        }
        if !self.redis_url.is_empty()
            && let Err(why) = crate::cache::check_url(&self.redis_url)
        {
            reader.mistake("REDIS_URL", why);
        }
    }
}

/// Port 0 asks the kernel for one.
fn port(reader: &mut Reader, key: &'static str, default: u16) -> u16 {
    reader.parse(key, default, "a port (0 to 65535)")
}

fn pool_size(reader: &mut Reader) -> u32 {
    let most = reader.number("DB_MAX_CONNECTIONS", 50, 1..=10_000);
    let size = reader.number("DB_POOL_SIZE", 5.min(most), 1..=1000);
    if size > most {
        reader.mistake(
            "DB_POOL_SIZE",
            format!("is more than DB_MAX_CONNECTIONS ({most})"),
        );
    }
    u32::try_from(size).unwrap_or(1)
}

fn usize_of(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
