//! The settings of this system, complete.

use std::path::PathBuf;

use systems_kit::config::{ConfigError, Reader};
use systems_kit::platform::Platform;

/// Everything that the environment decides.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The shared part.
    pub platform: Platform,
    /// Where uploads wait on disk until they are in the database; they have no name there.
    pub upload_dir: PathBuf,
    /// Write-offs above this many minor units need an approver.
    pub writeoff_limit: u64,
    /// The first administrator, made when there is none.
    pub bootstrap: Option<Bootstrap>,
    /// The password of the seeded logins; generated when absent.
    pub seed_password: Option<String>,
    /// How many proxies stand before us and may be believed about the client's address.
    pub trusted_proxies: usize,
}

/// The first administrator.
#[derive(Clone)]
pub struct Bootstrap {
    /// E-mail address.
    pub email: String,
    /// To be changed at the first login.
    pub password: String,
}

impl std::fmt::Debug for Bootstrap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bootstrap")
            .field("email", &self.email)
            .finish_non_exhaustive()
    }
}

/// Shorter passwords are guessed.
pub const SHORTEST_PASSWORD: usize = 12;

impl Settings {
    /// Reads everything and reports every mistake.
    pub fn read(mut reader: Reader) -> Result<Self, ConfigError> {
        let platform = Platform::read(&mut reader);
        let upload_dir = upload_dir(&mut reader);
        let settings = Self {
            platform,
            upload_dir,
            writeoff_limit: reader.number("WRITEOFF_LIMIT", 10_000, 0..=u64::MAX),
            bootstrap: bootstrap(&mut reader),
            seed_password: password(&mut reader, "SEED_PASSWORD", "SEED_PASSWORD_FILE"),
            trusted_proxies: reader.parse("TRUSTED_PROXIES", 1, "a small whole number"),
        };
        reader.finish()?;
        Ok(settings)
    }
}

fn upload_dir(reader: &mut Reader) -> PathBuf {
    let dir = reader
        .text("UPLOAD_DIR")
        .map_or_else(std::env::temp_dir, PathBuf::from);
    if !dir.is_dir() {
        reader.mistake(
            "UPLOAD_DIR",
            format!("{} is not a directory", dir.display()),
        );
    }
    dir
}

fn bootstrap(reader: &mut Reader) -> Option<Bootstrap> {
    let email = reader.text("BOOTSTRAP_ADMIN_EMAIL");
    let password = password(
        reader,
        "BOOTSTRAP_ADMIN_PASSWORD",
        "BOOTSTRAP_ADMIN_PASSWORD_FILE",
    );
    match (email, password) {
        (Some(email), Some(password)) => Some(Bootstrap {
            email: email.to_lowercase(),
            password,
        }),
        (Some(_), None) => {
            let why = "needs BOOTSTRAP_ADMIN_PASSWORD_FILE (a file) or BOOTSTRAP_ADMIN_PASSWORD";
            reader.mistake("BOOTSTRAP_ADMIN_EMAIL", why.to_owned());
            None
        }
        (None, _) => None,
    }
}

fn password(reader: &mut Reader, key: &'static str, file_key: &'static str) -> Option<String> {
    let password = reader.secret(key, file_key)?;
    if password.chars().count() < SHORTEST_PASSWORD {
        reader.mistake(key, "must have at least 12 characters".to_owned());
    }
    Some(password)
}
