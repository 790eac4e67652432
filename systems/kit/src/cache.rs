//! The Redis client: a few connections, each shared by many requests, reconnected by themselves.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, RedisError};

use crate::platform::Platform;

/// Redis answers in well under a millisecond; what takes this long is away. Below the probe's deadline of 800 ms.
const RESPONSE_TIMEOUT: Duration = Duration::from_millis(600);

/// A socket on the same machine connects at once or not at all.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(500);

/// Between tries to reconnect, so that a Redis that returns is found within a second.
const LONGEST_RETRY_DELAY: Duration = Duration::from_millis(500);

/// Tries of one reconnection; the next command starts another one.
const RETRIES: usize = 2;

/// Checks an address without using it.
pub fn check_url(url: &str) -> Result<(), String> {
    Client::open(url).map(|_| ()).map_err(|_| {
        "is not an address such as redis://host/ or redis+unix:///path?pass=secret".to_owned()
    })
}

/// The connections of this replica. Cheap to clone.
#[derive(Clone)]
pub struct Cache {
    connections: Arc<[ConnectionManager]>,
    next: Arc<AtomicUsize>,
    /// How long the last answer to a ping took, in microseconds; [`NO_ANSWER`] when there was none.
    ping_micros: Arc<AtomicU64>,
}

const NO_ANSWER: u64 = u64::MAX;

impl std::fmt::Debug for Cache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cache")
            .field("connections", &self.connections.len())
            .finish_non_exhaustive()
    }
}

impl Cache {
    /// Opens the pool lazily: nothing is connected before the first command. Must run inside the runtime.
    pub fn open(platform: &Platform) -> Result<Self, RedisError> {
        let client = Client::open(platform.redis_url.as_str())?;
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(RESPONSE_TIMEOUT))
            .set_max_delay(LONGEST_RETRY_DELAY)
            .set_number_of_retries(RETRIES);
        let one = || ConnectionManager::new_lazy_with_config(client.clone(), config.clone());
        let connections: Result<Vec<_>, _> = (0..platform.redis_pool_size.max(1))
            .map(|_| one())
            .collect();
        Ok(Self {
            connections: connections?.into(),
            next: Arc::new(AtomicUsize::new(0)),
            ping_micros: Arc::new(AtomicU64::new(NO_ANSWER)),
        })
    }

    /// The next connection in turn.
    pub fn connection(&self) -> ConnectionManager {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        self.connections[turn % self.connections.len()].clone()
    }

    /// Asks Redis whether it is there.
    pub async fn ping(&self) -> Result<(), String> {
        let mut connection = self.connection();
        let asked = Instant::now();
        let answer: Result<String, RedisError> =
            redis::cmd("PING").query_async(&mut connection).await;
        let took = u64::try_from(asked.elapsed().as_micros()).unwrap_or(NO_ANSWER);
        let seen = if answer.is_ok() { took } else { NO_ANSWER };
        self.ping_micros.store(seen, Ordering::Relaxed);
        answer
            .map(|_| ())
            .map_err(|error| crate::problem::chain(&error))
    }

    /// How long the last answer to a ping took; `None` when Redis did not answer it, or was never asked.
    pub fn last_ping(&self) -> Option<Duration> {
        let micros = self.ping_micros.load(Ordering::Relaxed);
        (micros != NO_ANSWER).then(|| Duration::from_micros(micros))
    }

    /// Connections, open or not yet.
    pub fn size(&self) -> usize {
        self.connections.len()
    }
}
