//! Passwords: bcrypt at cost 12 over a SHA-256, because bcrypt alone reads only the first 72 bytes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;

/// About a quarter of a second on one core: slow for who guesses, bearable for who logs in.
const COST: u32 = 12;

/// Hashing fills a core; more at once would only starve everything else.
const AT_ONCE: usize = 2;

/// Who finds this many waiting is told to come back: 16 × 250 ms on two cores is two seconds of queue.
const WAITING: usize = 16;

static HASHING: Semaphore = Semaphore::const_new(AT_ONCE);
static QUEUE: Semaphore = Semaphore::const_new(AT_ONCE + WAITING);

/// Why a password was not hashed.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// Too many wait already.
    #[error("too many logins at once")]
    Busy,
    /// The hash in the database is not one of bcrypt's, or hashing stopped.
    #[error("password hashing failed")]
    Hashing(#[source] bcrypt::BcryptError),
    /// The runtime is ending.
    #[error("password hashing was cut off")]
    CutOff,
}

/// Hashes a new password. Blocks one core for a quarter of a second, off the runtime's threads.
pub async fn hash(password: &str) -> Result<String, PasswordError> {
    let prehashed = prehash(password);
    off_thread(move || bcrypt::hash(prehashed, COST)).await
}

/// Whether the password is the one that was hashed.
pub async fn verify(password: &str, hash: &str) -> Result<bool, PasswordError> {
    let (prehashed, hash) = (prehash(password), hash.to_owned());
    off_thread(move || bcrypt::verify(prehashed, &hash)).await
}

/// Takes as long as [`verify`] and is never true: an unknown account must not be told apart by time.
pub async fn verify_nobody(password: &str) -> Result<bool, PasswordError> {
    // The hash of random bytes that nobody kept.
    const NOBODY: &str = "$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW";
    verify(password, NOBODY).await.map(|_| false)
}

/// Base64 rather than raw bytes: bcrypt ends at a zero byte.
fn prehash(password: &str) -> String {
    STANDARD.encode(Sha256::digest(password.as_bytes()))
}

async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, bcrypt::BcryptError> + Send + 'static,
) -> Result<T, PasswordError> {
    let _place = QUEUE.try_acquire().map_err(|_| PasswordError::Busy)?;
    let _core = HASHING.acquire().await.map_err(|_| PasswordError::CutOff)?;
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| PasswordError::CutOff)?
        .map_err(PasswordError::Hashing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn passwords_that_agree_in_72_bytes_are_told_apart() {
        let common = "x".repeat(80);
        let stored = hash(&format!("{common}a")).await.unwrap();
        assert!(stored.starts_with("$2b$12$"));
        assert!(verify(&format!("{common}a"), &stored).await.unwrap());
        assert!(!verify(&format!("{common}b"), &stored).await.unwrap());
        assert!(!verify_nobody(&common).await.unwrap());
    }
}
