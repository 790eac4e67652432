//! PostgreSQL and Redis from this machine's own packages, as supervised processes that listen on Unix sockets only.

pub(crate) mod ping;
pub(crate) mod postgres;
mod postgres_conf;
pub(crate) mod redis;
pub(crate) mod rehearsal;
pub(crate) mod tools;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use plimsoll_bundle::local::{Check, HealthSpec, Probe, ResourceSpec};
use plimsoll_stdx::fs::{at, create_dir_private};

use crate::LocalError;
use crate::secrets::{Alphabet, SecretPlan};

/// Passwords that nobody types: 256 bits.
pub(crate) const PASSWORD: SecretPlan = SecretPlan::Generate {
    length: 32,
    alphabet: Alphabet::Base64,
};

/// Whether the resource is a process that this machine runs.
pub(crate) fn runs_here(resource: &ResourceSpec) -> bool {
    match resource {
        ResourceSpec::Postgres(_) | ResourceSpec::Redis(_) => true,
        ResourceSpec::Sqlite { .. } | ResourceSpec::External { .. } => false,
    }
}

/// Whether services see a folder of it.
pub(crate) fn has_folder(resource: &ResourceSpec) -> bool {
    match resource {
        ResourceSpec::Postgres(_) | ResourceSpec::Redis(_) | ResourceSpec::Sqlite { .. } => true,
        ResourceSpec::External { .. } => false,
    }
}

/// The order of a resource.
pub(crate) fn order_id(name: &str) -> String {
    format!("resource-{name}")
}

/// The name under which the password of a resource is kept. Names of the app's own secrets have no dot.
pub(crate) fn password_name(resource: &str) -> String {
    format!("resource.{resource}")
}

/// A folder with this mode, and its missing parents with 0700.
pub(crate) fn ensure_dir(dir: &Path, mode: u32) -> Result<(), LocalError> {
    if !dir.is_dir() {
        create_dir_private(dir)?;
    }
    let permissions = std::fs::Permissions::from_mode(mode);
    Ok(std::fs::set_permissions(dir, permissions).map_err(at("set the permissions of", dir))?)
}

/// How a resource is asked whether it is well: the probe knows its protocol.
///
/// Startup has a long budget, because recovery after a crash replays what was written since the last checkpoint (at
/// most `max_wal_size`). Liveness is patient: a busy server is no dead one, and a restart would make it worse.
pub(crate) fn health() -> HealthSpec {
    let probe = |every_ms, timeout_ms, failures| Probe {
        check: Check::Alive,
        every_ms,
        timeout_ms,
        failures,
    };
    HealthSpec {
        startup: probe(100, 2000, 1),
        readiness: probe(2000, 1000, 2),
        liveness: probe(10_000, 5000, 6),
        start_within_ms: 300_000,
    }
}
