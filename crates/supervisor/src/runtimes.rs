//! The OCI runtimes of this machine: who else may contain a program.

use std::env::split_paths;
use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Those that we know: what each is called, and the package that Debian has it in.
const KNOWN: &[(&str, Option<&str>)] = &[
    ("runc", Some("runc")),
    ("crun", Some("crun")),
    ("youki", None),
];
/// What any user may execute.
const EXECUTABLE: u32 = 0o111;

/// Why no runtime can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuntimeError {
    /// None of those that we know, and no absolute path.
    #[error(
        "`{0}` is no runtime that we know: it is `runc`, `crun`, `youki` or an absolute path to one"
    )]
    Unknown(String),
    /// It is not installed.
    #[error("`{name}` is not installed on this machine: {advice}")]
    Missing {
        /// What was looked for.
        name: String,
        /// How it is had.
        advice: String,
    },
    /// Somebody else than root asks.
    #[error("an OCI runtime contains programs for root only")]
    NotRoot,
    /// This machine contains nothing.
    #[error("an OCI runtime cannot contain anything on this machine: {0}")]
    Impossible(String),
    /// Something else is in its place.
    #[error("{} cannot be executed", .0.display())]
    NoProgram(PathBuf),
}

/// Finds the runtime called `name` among the folders of `path` (as in `PATH`), or takes `name` as the path that it is.
pub fn find(name: &str, path: &OsStr) -> Result<PathBuf, RuntimeError> {
    if Path::new(name).is_absolute() {
        let runtime = PathBuf::from(name);
        ensure(&runtime)?;
        return Ok(runtime);
    }
    if !KNOWN.iter().any(|(known, _)| *known == name) {
        return Err(RuntimeError::Unknown(name.to_owned()));
    }
    // Of a folder that is not absolute nobody knows later which one was meant.
    let mut places = split_paths(path)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(name));
    places
        .find(|place| ensure(place).is_ok())
        .ok_or_else(|| missing(name))
}

/// Whether there is a program at this path.
pub fn ensure(runtime: &Path) -> Result<(), RuntimeError> {
    match std::fs::metadata(runtime) {
        Ok(file) if file.is_file() && file.permissions().mode() & EXECUTABLE != 0 => Ok(()),
        Ok(_) => Err(RuntimeError::NoProgram(runtime.to_owned())),
        Err(_) => {
            let name = runtime.file_name().unwrap_or(runtime.as_os_str());
            Err(RuntimeError::Missing {
                name: runtime.display().to_string(),
                advice: advice(&name.to_string_lossy()),
            })
        }
    }
}

fn missing(name: &str) -> RuntimeError {
    RuntimeError::Missing {
        name: name.to_owned(),
        advice: advice(name),
    }
}

fn advice(name: &str) -> String {
    let package = KNOWN
        .iter()
        .find(|(known, _)| *known == name)
        .and_then(|(_, package)| *package);
    match package {
        Some(package) => format!("install it (`apt-get install {package}`), or choose none"),
        None => "install it, or choose none".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(folder: &Path, name: &str, mode: u32) -> PathBuf {
        let path = folder.join(name);
        plimsoll_stdx::fs::write_atomic_mode(&path, b"#!/bin/sh\n", mode).unwrap();
        path
    }

    #[test]
    fn a_runtime_is_found_by_name_or_by_path_and_a_missing_one_says_how_it_is_had() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        put(one.path(), "crun", 0o644);
        let crun = put(two.path(), "crun", 0o755);
        let path = std::env::join_paths([Path::new("here"), one.path(), two.path()]).unwrap();
        assert_eq!(find("crun", &path).unwrap(), crun);
        assert_eq!(find(crun.to_str().unwrap(), OsStr::new("")).unwrap(), crun);
        let missing = find("runc", &path).unwrap_err().to_string();
        assert!(missing.contains("apt-get install runc"), "{missing}");
        let missing = find("/nowhere/crun", &path).unwrap_err().to_string();
        assert!(missing.contains("apt-get install crun"), "{missing}");
        let unknown = RuntimeError::Unknown("docker".into());
        assert_eq!(find("docker", &path).unwrap_err(), unknown);
        let text = one.path().join("crun");
        assert_eq!(
            find(text.to_str().unwrap(), &path).unwrap_err(),
            RuntimeError::NoProgram(text)
        );
    }
}
