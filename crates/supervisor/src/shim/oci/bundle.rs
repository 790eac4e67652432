//! The folder of one start by a runtime: what it is told, what it keeps, and what it says.

use std::path::{Path, PathBuf};

use plimsoll_stdx::fs::read_bounded;
use serde::Deserialize;

/// Below a start's directory.
const FOLDER: &str = "oci";
/// The number of a process and a line feed.
const PID_MAX: u64 = 64;
/// A runtime that fails says so in one or two lines; what is longer is not read.
const LOG_MAX: u64 = 256 << 10;

/// What the runtime is told of one start.
#[derive(Debug, Clone)]
pub(in crate::shim) struct Bundle {
    /// Its program.
    pub(super) runtime: PathBuf,
    /// What the container is called: the instance.
    pub(super) id: String,
    /// Private to this start, and gone after it.
    pub(super) dir: PathBuf,
    /// The path of the kernel group below each hierarchy.
    pub(super) group: String,
}

/// One line of a runtime's log.
#[derive(Debug, Deserialize)]
struct Line {
    #[serde(default)]
    level: String,
    #[serde(default)]
    msg: String,
}

impl Bundle {
    /// The bundle of the start whose directory is `dir`.
    pub(in crate::shim) fn new(runtime: &Path, dir: &Path, id: String, group: String) -> Self {
        Self {
            runtime: runtime.to_owned(),
            id,
            dir: dir.join(FOLDER),
            group,
        }
    }

    /// What the runtime is told; it looks for this name.
    pub(super) fn config(&self) -> PathBuf {
        self.dir.join("config.json")
    }

    /// Where it keeps what it knows.
    pub(super) fn state(&self) -> PathBuf {
        self.dir.join("state")
    }

    pub(super) fn log(&self) -> PathBuf {
        self.dir.join("log")
    }

    pub(super) fn pid_file(&self) -> PathBuf {
        self.dir.join("pid")
    }

    /// The number of the process that it has started, as this process counts.
    pub(super) fn pid(&self) -> Option<u32> {
        let bytes = read_bounded(&self.pid_file(), PID_MAX).ok()?;
        std::str::from_utf8(&bytes).ok()?.trim().parse().ok()
    }

    /// What the runtime complained of last.
    pub(super) fn complaint(&self) -> Option<String> {
        let bytes = read_bounded(&self.log(), LOG_MAX).ok()?;
        complaint(&String::from_utf8_lossy(&bytes))
    }
}

/// Removes what is left of a start by a runtime; of any other there is nothing.
pub(crate) fn forget(dir: &Path) {
    // What cannot be removed goes with the directory of the start.
    let _ = std::fs::remove_dir_all(dir.join(FOLDER));
}

/// The last error of a log in JSON lines; the last line of any kind where none is called an error.
fn complaint(log: &str) -> Option<String> {
    let lines: Vec<Line> = log
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .filter(|line: &Line| !line.msg.is_empty())
        .collect();
    let is_error = |line: &&Line| matches!(line.level.as_str(), "error" | "fatal");
    let last = lines.iter().rfind(is_error).or_else(|| lines.last())?;
    Some(last.msg.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_error_of_a_log_is_what_is_passed_on() {
        let log = r#"{"level":"warning","msg":"slow","time":"t"}
{"level":"error","msg":"cannot set a limit","time":"t"}
not json
{"level":"warning","msg":"after all","time":"t"}"#;
        assert_eq!(complaint(log).unwrap(), "cannot set a limit");
        let crun = "{\"msg\":\"open `x`: No such file\\n\", \"level\":\"error\"}";
        assert_eq!(complaint(crun).unwrap(), "open `x`: No such file");
        assert_eq!(complaint(r#"{"msg":"hm"}"#).unwrap(), "hm");
        for nothing in ["", "{}", "panic: x", r#"{"level":"error","msg":""}"#] {
            assert_eq!(complaint(nothing), None, "{nothing}");
        }
    }
}
