//! Finding the servers that this machine's packages bring.

use std::path::{Path, PathBuf};

use plimsoll_deploy::Fault;

use crate::LocalError;
use crate::error::Refusal;

/// Where Debian and its children keep PostgreSQL, off the PATH: one folder per major version.
const POSTGRES_ROOTS: [&str; 3] = ["/usr/lib/postgresql", "/usr/pgsql", "/opt/postgresql"];
/// Where programs are looked for; the daemon's own PATH is that of whoever started it.
const BINS: [&str; 5] = [
    "/usr/bin",
    "/usr/sbin",
    "/usr/local/bin",
    "/usr/local/sbin",
    "/bin",
];

/// A PostgreSQL of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Postgres {
    /// The folder of `initdb` and `postgres`.
    pub(crate) bin: PathBuf,
    /// Its major version.
    pub(crate) major: String,
}

/// PostgreSQL of the major version `wanted`; empty takes the newest.
pub(crate) fn postgres(wanted: &str) -> Result<Postgres, LocalError> {
    choose(installed(&POSTGRES_ROOTS), wanted).map_err(LocalError::Refused)
}

/// The Redis server.
pub(crate) fn redis() -> Result<PathBuf, LocalError> {
    let candidates = BINS.iter().map(|dir| Path::new(dir).join("redis-server"));
    candidates
        .into_iter()
        .find(|path| path.is_file())
        .ok_or_else(|| {
            LocalError::Refused(missing(
                "Redis is not installed on this machine",
                "redis-server",
            ))
        })
}

fn installed(roots: &[&str]) -> Vec<Postgres> {
    let mut found = Vec::new();
    for root in roots {
        let Ok(entries) = std::fs::read_dir(root) else {
            continue;
        };
        for entry in entries.filter_map(Result::ok) {
            let bin = entry.path().join("bin");
            if let Ok(major) = entry.file_name().into_string()
                && bin.join("initdb").is_file()
                && bin.join("postgres").is_file()
            {
                found.push(Postgres { bin, major });
            }
        }
    }
    found.sort_by_key(|postgres| postgres.major.parse::<u32>().unwrap_or(0));
    found
}

fn choose(mut found: Vec<Postgres>, wanted: &str) -> Result<Postgres, Refusal> {
    let versions: Vec<String> = found
        .iter()
        .map(|postgres| postgres.major.clone())
        .collect();
    if wanted.is_empty() {
        return found
            .pop()
            .ok_or_else(|| missing("PostgreSQL is not installed on this machine", "postgresql"));
    }
    let package = format!("postgresql-{wanted}");
    found
        .into_iter()
        .find(|postgres| postgres.major == wanted)
        .ok_or_else(|| {
            if versions.is_empty() {
                return missing("PostgreSQL is not installed on this machine", &package);
            }
            let there = versions.join(", ");
            missing(
                &format!("the file asks for PostgreSQL {wanted}, and this machine has {there}"),
                &package,
            )
        })
}

fn missing(message: &str, package: &str) -> Refusal {
    Refusal {
        message: message.to_owned(),
        hint: Some(format!(
            "install the package `{package}`: apt-get install {package}"
        )),
        fault: Fault::Usage,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(versions: &[&str]) -> Vec<Postgres> {
        let make = |major: &&str| Postgres {
            bin: PathBuf::from("/x"),
            major: (*major).to_owned(),
        };
        versions.iter().map(make).collect()
    }

    #[test]
    fn the_wanted_major_version_is_taken_and_no_other() {
        assert_eq!(choose(some(&["13", "15"]), "13").unwrap().major, "13");
        assert_eq!(choose(some(&["13", "15"]), "").unwrap().major, "15");
        let refusal = choose(some(&["13", "15"]), "16").unwrap_err();
        assert_eq!(
            refusal.message,
            "the file asks for PostgreSQL 16, and this machine has 13, 15"
        );
        assert_eq!(refusal.fault, Fault::Usage);
    }

    #[test]
    fn a_missing_server_names_its_package() {
        let refusal = choose(Vec::new(), "15").unwrap_err();
        assert!(refusal.hint.unwrap().contains("`postgresql-15`"));
        assert!(
            choose(Vec::new(), "")
                .unwrap_err()
                .hint
                .unwrap()
                .contains("`postgresql`")
        );
    }
}
