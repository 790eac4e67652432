//! Refresh tokens: opaque, kept as hashes, good for one use; a second use ends the whole family.
//!
//! A token is `<family>.<secret>`. Redis holds one hash per family: the user, the hash of the one secret that is
//! good now.
//! Rotation is one script, so that two replicas cannot both accept the same token.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use redis::{RedisError, Script};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::cache::Cache;

/// Seven days without use end the login.
const LIFETIME_SECONDS: u64 = 7 * 24 * 3600;

/// KEYS[1] family; ARGV: hash shown, hash to come, lifetime. Answers the user, `reused` (and forgets the family),
/// or nothing.
const ROTATE: &str = r"
local kept = redis.call('HGET', KEYS[1], 'hash')
if not kept then return false end
if kept ~= ARGV[1] then
  redis.call('DEL', KEYS[1])
  return 'reused'
end
redis.call('HSET', KEYS[1], 'hash', ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[3])
return redis.call('HGET', KEYS[1], 'user')
";

/// The refresh tokens of one system.
#[derive(Debug, Clone)]
pub struct RefreshTokens {
    cache: Cache,
    prefix: &'static str,
}

/// What became of a token that was shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rotation {
    /// It was good; this user gets this new one.
    Renewed {
        /// The user it belongs to.
        user: Uuid,
        /// The token to use next time.
        token: String,
    },
    /// It was used before: someone has a copy, and the family is revoked.
    Reused,
    /// Nobody knows it, or it has expired.
    Unknown,
}

impl RefreshTokens {
    /// `prefix` keeps systems apart that share a Redis.
    pub fn new(cache: Cache, prefix: &'static str) -> Self {
        Self { cache, prefix }
    }

    /// Starts a family for a login.
    pub async fn issue(&self, user: Uuid) -> Result<String, RedisError> {
        let (family, secret) = (Uuid::now_v7(), fresh_secret());
        let mut pipe = redis::pipe();
        pipe.atomic()
            .hset_multiple(
                self.family_key(&family),
                &[("user", user.to_string()), ("hash", hash(&secret))],
            )
            .ignore()
            .expire(self.family_key(&family), LIFETIME_SECONDS.cast_signed())
            .ignore()
            .sadd(self.user_key(user), family.to_string())
            .ignore()
            .expire(self.user_key(user), LIFETIME_SECONDS.cast_signed())
            .ignore();
        let mut connection = self.cache.connection();
        pipe.query_async::<()>(&mut connection).await?;
        Ok(format!("{family}.{secret}"))
    }

    /// Exchanges a token for the next one.
    pub async fn rotate(&self, token: &str) -> Result<Rotation, RedisError> {
        let Some((family, secret)) = split(token) else {
            return Ok(Rotation::Unknown);
        };
        let next = fresh_secret();
        let mut connection = self.cache.connection();
        let answer: Option<String> = Script::new(ROTATE)
            .key(self.family_key(&family))
            .arg(hash(secret))
            .arg(hash(&next))
            .arg(LIFETIME_SECONDS)
            .invoke_async(&mut connection)
            .await?;
        Ok(match answer.as_deref() {
            None => Rotation::Unknown,
            Some("reused") => Rotation::Reused,
            Some(user) => {
                Uuid::parse_str(user).map_or(Rotation::Unknown, |user| Rotation::Renewed {
                    user,
                    token: format!("{family}.{next}"),
                })
            }
        })
    }

    /// Ends the family of a token; a token that nobody knows changes nothing.
    pub async fn revoke(&self, token: &str) -> Result<(), RedisError> {
        let Some((family, secret)) = split(token) else {
            return Ok(());
        };
        // Rotating first means that only who has the present token may end the family quietly; anyone with an old
        // one ends it too.
        self.rotate(&format!("{family}.{secret}")).await?;
        let mut connection = self.cache.connection();
        redis::cmd("DEL")
            .arg(self.family_key(&family))
            .query_async(&mut connection)
            .await
    }

    /// Ends every login of a user.
    pub async fn revoke_user(&self, user: Uuid) -> Result<(), RedisError> {
        let mut connection = self.cache.connection();
        let families: Vec<String> = redis::cmd("SMEMBERS")
            .arg(self.user_key(user))
            .query_async(&mut connection)
            .await?;
        let mut pipe = redis::pipe();
        for family in families {
            pipe.del(format!("{}:refresh:{family}", self.prefix))
                .ignore();
        }
        pipe.del(self.user_key(user)).ignore();
        pipe.query_async(&mut connection).await
    }

    fn family_key(&self, family: &Uuid) -> String {
        format!("{}:refresh:{family}", self.prefix)
    }

    fn user_key(&self, user: Uuid) -> String {
        format!("{}:logins:{user}", self.prefix)
    }
}

fn split(token: &str) -> Option<(Uuid, &str)> {
    let (family, secret) = token.split_once('.')?;
    Some((Uuid::try_parse(family).ok()?, secret))
}

/// 244 random bits.
fn fresh_secret() -> String {
    let mut bytes = [0_u8; 32];
    bytes[..16].copy_from_slice(Uuid::new_v4().as_bytes());
    bytes[16..].copy_from_slice(Uuid::new_v4().as_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

fn hash(secret: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(secret.as_bytes()))
}
