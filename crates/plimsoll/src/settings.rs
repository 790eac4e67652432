//! What the environment of the process says, read once and here alone.

use std::path::{Path, PathBuf};
use std::time::Duration;

use plimsoll_local::{Cancel, Settings};
use plimsoll_supervisor::runtimes::{self, RuntimeError};

use crate::registry::Access;

/// Longer than any roll-out that a person would wait for in front of a terminal; the file's own bound is shorter.
const DEPLOY_DEADLINE: Duration = Duration::from_hours(1);

/// `runc`, `crun`, `youki`, or the path of one.
const RUNTIME: &str = "PLIMSOLL_RUNTIME";

/// The variables that Plimsoll looks at.
#[derive(Debug, Clone)]
pub(crate) struct Environment {
    home: Option<PathBuf>,
    config_home: Option<PathBuf>,
    runtime_dir: Option<PathBuf>,
    docker_config: Option<PathBuf>,
    /// `SSL_CERT_FILE`: authorities that registries may be certified by, beside the usual ones.
    authorities: Option<PathBuf>,
    /// `HTTPS_PROXY`, in either case.
    proxy: Option<String>,
    /// `PLIMSOLL_RUNTIME`: the OCI runtime that contains replicas and jobs in our place.
    runtime: Option<Result<PathBuf, RuntimeError>>,
    /// `NO_COLOR` is set to something.
    pub(crate) no_color: bool,
    /// `PLIMSOLL_CRASH_AT`, in debug builds.
    crash_at: Option<String>,
}

impl Environment {
    /// Reads the variables.
    pub(crate) fn read() -> Self {
        let path = |name| {
            std::env::var_os(name)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from)
        };
        Self {
            home: path("HOME"),
            config_home: path("XDG_CONFIG_HOME"),
            runtime_dir: path("XDG_RUNTIME_DIR"),
            docker_config: path("DOCKER_CONFIG"),
            authorities: path("SSL_CERT_FILE"),
            proxy: ["HTTPS_PROXY", "https_proxy"]
                .iter()
                .find_map(|name| std::env::var(name).ok())
                .filter(|value| !value.is_empty()),
            runtime: runtime(),
            no_color: std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()),
            crash_at: std::env::var("PLIMSOLL_CRASH_AT")
                .ok()
                .filter(|_| cfg!(debug_assertions)),
        }
    }

    /// Settings of the local target. `tool` is this executable.
    pub(crate) fn local(&self, tool: PathBuf) -> Settings {
        Settings {
            tool,
            tool_version: env!("CARGO_PKG_VERSION").to_owned(),
            key_file: self.key_file(),
            runtime_dir: self.runtime_dir(),
            runtime: self.runtime.clone(),
            deadline: DEPLOY_DEADLINE,
            crash: self.crash_at.as_deref().and_then(|text| text.parse().ok()),
        }
    }

    /// The OCI runtime that contains replicas, where one was chosen.
    pub(crate) fn runtime(&self) -> Result<Option<PathBuf>, RuntimeError> {
        self.runtime.clone().transpose()
    }

    /// How registries are reached, as far as the environment says.
    pub(crate) fn registries(&self, cancel: Cancel) -> Access {
        let home = || Some(self.home.as_ref()?.join(".docker"));
        let folder = self.docker_config.clone().or_else(home);
        Access {
            logins: folder.map(|folder| folder.join("config.json")),
            authorities: self.authorities.clone(),
            proxy: self.proxy.clone(),
            cancel,
        }
    }

    /// Outside every project, so that a copy of a project opens nothing.
    fn key_file(&self) -> PathBuf {
        if rustix::process::getuid().is_root() {
            return PathBuf::from("/etc/plimsoll/key");
        }
        let config = self
            .config_home
            .clone()
            .or_else(|| Some(self.home.as_ref()?.join(".config")));
        config
            .unwrap_or_else(|| PathBuf::from("/nonexistent"))
            .join("plimsoll/key")
    }

    /// Short, because the address of a Unix socket holds 107 bytes.
    fn runtime_dir(&self) -> PathBuf {
        match &self.runtime_dir {
            Some(dir) if dir.is_dir() => dir.join("plimsoll"),
            _ => Path::new("/tmp").join(format!("plimsoll-{}", rustix::process::getuid().as_raw())),
        }
    }
}

/// The runtime that the environment names, where it names one.
fn runtime() -> Option<Result<PathBuf, RuntimeError>> {
    let name = std::env::var_os(RUNTIME).filter(|name| !name.is_empty())?;
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = runtimes::find(&name.to_string_lossy(), &path);
    Some(found.and_then(|runtime| {
        if rustix::process::geteuid().is_root() {
            Ok(runtime)
        } else {
            Err(RuntimeError::NotRoot)
        }
    }))
}
