//! The app under test, driven by the binary as a person would.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::Value;

/// The longest that anything here may take to become true, on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// A running app.
pub(crate) struct App {
    up: Value,
}

/// One line of `plimsoll status`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) of: Option<String>,
    pub(crate) pid: Option<u32>,
    pub(crate) state: String,
}

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap()
}

pub(crate) fn plimsoll(args: &[&str]) -> Output {
    Command::new(root().join("scripts/plimsoll"))
        .args(["--project", "systems/reconciliation"])
        .args(args)
        .current_dir(root())
        .output()
        .unwrap()
}

/// The document on standard output. `expected` are the exit codes that are no failure of the test.
fn document(output: &Output, expected: &[i32]) -> Value {
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output
            .status
            .code()
            .is_some_and(|code| expected.contains(&code)),
        "{}\n{text}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_str(text.trim()).unwrap_or_else(|error| panic!("{error}: {text}"))
}

impl App {
    /// Ready, whatever ran before.
    pub(crate) fn up() -> Self {
        Self {
            up: document(&plimsoll(&["up", "--detach"]), &[0]),
        }
    }

    /// Where plain HTTP is, as an address.
    pub(crate) fn address(&self) -> SocketAddr {
        let urls = self.up["urls"].as_array().unwrap();
        let plain = urls.iter().filter_map(Value::as_str).find_map(|url| {
            url.strip_prefix("http://127.0.0.1:")
                .map(|port| port.trim_end_matches('/').to_owned())
        });
        format!("127.0.0.1:{}", plain.expect("a plain URL by address"))
            .parse()
            .unwrap()
    }

    /// Email and password of the development login of `role`.
    pub(crate) fn login(&self, role: &str) -> (String, String) {
        let logins = self.up["logins"].as_array().unwrap();
        let login = logins.iter().find(|login| login["role"] == role);
        let login = login.unwrap_or_else(|| panic!("no login for {role}: {}", self.up));
        let text = |key: &str| login[key].as_str().unwrap().to_owned();
        (text("email"), text("password"))
    }

    pub(crate) fn release(&self) -> String {
        self.up["release"].as_str().unwrap().to_owned()
    }

    #[expect(clippy::unused_self, reason = "only an app that is up has processes")]
    pub(crate) fn processes(&self) -> Vec<Process> {
        // 1 says that not everything is ready, which is what a test waits through.
        let status = document(&plimsoll(&["status", "--format", "json"]), &[0, 1]);
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let processes = status["processes"].as_array().unwrap().iter();
        processes
            .map(|found| Process {
                kind: text(&found["kind"]).unwrap(),
                name: text(&found["name"]).unwrap(),
                of: text(&found["of"]),
                pid: found["pid"]
                    .as_u64()
                    .and_then(|pid| u32::try_from(pid).ok()),
                state: text(&found["state"]).unwrap(),
            })
            .collect()
    }

    /// The replicas of `service` by name.
    pub(crate) fn replicas(&self, service: &str) -> Vec<Process> {
        let is_replica =
            |found: &Process| found.kind == "replica" && found.of.as_deref() == Some(service);
        self.processes().into_iter().filter(is_replica).collect()
    }

    pub(crate) fn one(&self, kind: &str) -> Process {
        let found = self
            .processes()
            .into_iter()
            .find(|found| found.kind == kind);
        found.unwrap_or_else(|| panic!("no {kind} runs"))
    }

    pub(crate) fn resource(&self, name: &str) -> Process {
        let is_it = |found: &Process| found.kind == "resource" && found.of.as_deref() == Some(name);
        self.processes()
            .into_iter()
            .find(is_it)
            .unwrap_or_else(|| panic!("no resource {name}"))
    }
}

/// Kills without a chance to say farewell. One that died with another meanwhile is as dead.
pub(crate) fn sigkill(pid: u32) {
    let done = Command::new("kill")
        .args(["-KILL", &pid.to_string()])
        .status()
        .unwrap();
    assert!(done.success() || !lives(pid), "cannot kill {pid}");
}

pub(crate) fn lives(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| {
        !stat
            .rsplit(')')
            .next()
            .unwrap_or_default()
            .starts_with(" Z")
    })
}

/// Looks again and again until `look` gives something; how long that took.
pub(crate) fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> (T, Duration) {
    let started = Instant::now();
    loop {
        if let Some(found) = look() {
            return (found, started.elapsed());
        }
        assert!(
            started.elapsed() < PATIENCE,
            "waited {PATIENCE:?} for {what}"
        );
        std::thread::park_timeout(LOOK_AGAIN);
    }
}
