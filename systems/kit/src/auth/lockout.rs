//! Five failures in fifteen minutes for one account from one address, and the door is shut until they are past.
//!
//! Counted in Redis, so that it holds across replicas, and per address, so that nobody can lock someone else out
//! from afar.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use redis::{RedisError, Script};
use sha2::{Digest as _, Sha256};

use crate::cache::Cache;

/// Failures before the door shuts.
const FAILURES: u64 = 5;

/// From the first failure to the end of the count.
const WINDOW_SECONDS: u64 = 15 * 60;

/// KEYS[1] counter; ARGV: window. The window starts with the first failure and does not slide.
const FAIL: &str = r"
local count = redis.call('INCR', KEYS[1])
if count == 1 then redis.call('EXPIRE', KEYS[1], ARGV[1]) end
return count
";

/// The lock of one system's login.
#[derive(Debug, Clone)]
pub struct Lockout {
    cache: Cache,
    prefix: &'static str,
}

impl Lockout {
    /// `prefix` keeps systems apart that share a Redis.
    pub fn new(cache: Cache, prefix: &'static str) -> Self {
        Self { cache, prefix }
    }

    /// Seconds until this account may try again from this address; `None` when it may now.
    pub async fn wait(&self, account: &str, address: &str) -> Result<Option<u64>, RedisError> {
        let key = self.key(account, address);
        let mut connection = self.cache.connection();
        let (count, left): (Option<u64>, i64) = redis::pipe()
            .get(&key)
            .ttl(&key)
            .query_async(&mut connection)
            .await?;
        let shut = count.is_some_and(|count| count >= FAILURES);
        Ok(shut.then(|| u64::try_from(left).unwrap_or(WINDOW_SECONDS)))
    }

    /// Counts a failure.
    pub async fn fail(&self, account: &str, address: &str) -> Result<(), RedisError> {
        let mut connection = self.cache.connection();
        Script::new(FAIL)
            .key(self.key(account, address))
            .arg(WINDOW_SECONDS)
            .invoke_async(&mut connection)
            .await
    }

    /// Forgets the failures of who has got in.
    pub async fn clear(&self, account: &str, address: &str) -> Result<(), RedisError> {
        let mut connection = self.cache.connection();
        redis::cmd("DEL")
            .arg(self.key(account, address))
            .query_async(&mut connection)
            .await
    }

    /// Hashed, because both parts come from outside and may hold anything.
    fn key(&self, account: &str, address: &str) -> String {
        let digest = Sha256::new()
            .chain_update(account.to_lowercase())
            .chain_update([0])
            .chain_update(address)
            .finalize();
        let name = URL_SAFE_NO_PAD.encode(digest);
        format!("{}:lockout:{name}", self.prefix)
    }
}
