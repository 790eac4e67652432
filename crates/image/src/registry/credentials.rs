//! Who we are to a registry.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use plimsoll_stdx::fs::{FsError, read_bounded};
use serde::Deserialize;

/// Bytes of Docker's configuration, at the most: a line per registry.
const MAX_CONFIG: u64 = 1 << 20;
/// What Docker calls its own registry in that file.
const DOCKER_HUB: &str = "https://index.docker.io/v1/";

/// A name and its secret. Neither is ever part of an error, a log line or a `Debug` text.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    user: String,
    password: String,
}

/// Why there are no credentials where a file should have them.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// The file cannot be read.
    #[error(transparent)]
    Read(#[from] FsError),
    /// It is not what `docker login` writes.
    #[error("`{}` is no configuration of Docker", .0.display())]
    Malformed(PathBuf),
    /// The secret is with a program that we do not start.
    #[error("`{}` leaves the login of {registry} to `docker-credential-{helper}`; give user and password instead", path.display())]
    Helper {
        /// The file.
        path: PathBuf,
        /// The registry.
        registry: String,
        /// The program's last name.
        helper: String,
    },
}

impl Credentials {
    /// A user with a password or an access token.
    pub fn new(user: impl Into<String>, password: impl Into<String>) -> Self {
        Self {
            user: user.into(),
            password: password.into(),
        }
    }

    /// The value of an `Authorization` header.
    pub(super) fn basic(&self) -> String {
        format!(
            "Basic {}",
            STANDARD.encode(format!("{}:{}", self.user, self.password))
        )
    }

    /// What no message may hold.
    pub(super) fn secrets(&self) -> [String; 2] {
        [
            self.password.clone(),
            self.basic().split_off("Basic ".len()),
        ]
    }

    /// What `docker login` stored for `registry` (as in a reference: `docker.io`, `localhost:5000`) in the file at
    /// `path`, usually `~/.docker/config.json`; nothing where the file is not there or does not name the registry.
    pub fn from_docker_config(
        path: &Path,
        registry: &str,
    ) -> Result<Option<Self>, CredentialsError> {
        let bytes = match read_bounded(path, MAX_CONFIG) {
            Err(error) if error.is_not_found() => return Ok(None),
            read => read?,
        };
        let malformed = || CredentialsError::Malformed(path.to_owned());
        let config: DockerConfig = serde_json::from_slice(&bytes).map_err(|_| malformed())?;
        let login = config
            .auths
            .iter()
            .find(|(name, _)| is_of(name, registry))
            .map(|(_, login)| login);
        if let Some(text) = login
            .map(|login| login.auth.as_str())
            .filter(|text| !text.is_empty())
        {
            let decoded = STANDARD
                .decode(text)
                .ok()
                .and_then(|bytes| String::from_utf8(bytes).ok());
            let (user, password) = decoded
                .as_deref()
                .and_then(|both| both.split_once(':'))
                .ok_or_else(malformed)?;
            return Ok(Some(Self::new(user, password.trim_end_matches('\0'))));
        }
        let own = config
            .helpers
            .iter()
            .find(|(name, _)| is_of(name, registry))
            .map(|(_, helper)| helper);
        let store = login.and(config.store.as_ref());
        match own.or(store) {
            Some(helper) => Err(CredentialsError::Helper {
                path: path.to_owned(),
                registry: registry.to_owned(),
                helper: helper.clone(),
            }),
            None => Ok(None),
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Credentials(..)")
    }
}

#[derive(Deserialize)]
struct DockerConfig {
    #[serde(default)]
    auths: BTreeMap<String, Login>,
    #[serde(default, rename = "credHelpers")]
    helpers: BTreeMap<String, String>,
    #[serde(default, rename = "credsStore")]
    store: Option<String>,
}

#[derive(Deserialize)]
struct Login {
    #[serde(default)]
    auth: String,
}

/// Whether an entry of the file, maybe written as a URL, is about the registry.
fn is_of(entry: &str, registry: &str) -> bool {
    if registry == "docker.io" && entry == DOCKER_HUB {
        return true;
    }
    let bare = entry
        .strip_prefix("https://")
        .or_else(|| entry.strip_prefix("http://"))
        .unwrap_or(entry);
    bare.trim_end_matches('/') == registry
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, registry: &str) -> Result<Option<Credentials>, CredentialsError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        plimsoll_stdx::fs::write_atomic(&path, text.as_bytes()).unwrap();
        Credentials::from_docker_config(&path, registry)
    }

    #[test]
    fn what_docker_login_stored_is_found_by_registry() {
        let text = r#"{"auths":{"https://index.docker.io/v1/":{"auth":"dTpw"},"localhost:5000":{"auth":"YTpiOmM="}}}"#;
        assert_eq!(
            read(text, "docker.io").unwrap(),
            Some(Credentials::new("u", "p"))
        );
        assert_eq!(
            read(text, "localhost:5000").unwrap(),
            Some(Credentials::new("a", "b:c"))
        );
        assert_eq!(read(text, "ghcr.io").unwrap(), None);
        assert_eq!(
            Credentials::from_docker_config(Path::new("/nonexistent/c.json"), "x").unwrap(),
            None
        );
    }

    #[test]
    fn a_helper_is_named_and_a_broken_file_does_not_leak_its_content() {
        let helper = read(r#"{"credHelpers":{"ghcr.io":"pass"}}"#, "ghcr.io").unwrap_err();
        assert!(
            helper.to_string().contains("docker-credential-pass"),
            "{helper}"
        );
        let store = read(
            r#"{"auths":{"ghcr.io":{}},"credsStore":"desktop"}"#,
            "ghcr.io",
        )
        .unwrap_err();
        assert!(
            store.to_string().contains("docker-credential-desktop"),
            "{store}"
        );
        let broken = read(
            r#"{"auths":{"ghcr.io":{"auth":"secretsecret!"}}}"#,
            "ghcr.io",
        )
        .unwrap_err();
        assert!(
            !format!("{broken} {broken:?}").contains("secret"),
            "{broken}"
        );
    }

    #[test]
    fn the_secret_is_in_no_debug_text() {
        assert_eq!(
            format!("{:?}", Credentials::new("user", "hunter2")),
            "Credentials(..)"
        );
        assert_eq!(
            Credentials::new("Aladdin", "open sesame").basic(),
            "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="
        );
    }
}
