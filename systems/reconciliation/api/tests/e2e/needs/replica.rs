//! A replica of the service.

use std::path::Path;
use std::process::{Child, Command};

use super::{client, run, until};

pub(crate) struct Replica {
    pub(crate) child: Child,
    pub(crate) address: String,
    pub(crate) metrics: String,
}

impl Replica {
    /// Starts it on ports of the kernel's choice and waits until it is ready.
    pub(crate) fn start(mut serve: Command, log: &Path) -> Self {
        let out = std::fs::File::create(log).unwrap();
        let mut replica = Self {
            child: serve.env("PORT", "0").stdout(out).spawn().unwrap(),
            address: String::new(),
            metrics: String::new(),
        };
        until("the replica listens", || {
            let text = std::fs::read_to_string(log).unwrap();
            let Some(address) = member(&text, "address") else {
                return false;
            };
            replica.metrics = member(&text, "metrics").unwrap_or_default();
            replica.address = address;
            true
        });
        until("the replica is ready", || ready(&replica.address));
        replica
    }

    pub(crate) fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        run(Command::new("kill").arg(signal).arg(pid));
    }

    pub(crate) fn kill(&mut self) {
        self.signal("-9");
        self.child.wait().unwrap();
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A text of the first log line that has it, with its closing quote there.
fn member(text: &str, name: &str) -> Option<String> {
    let (_, rest) = text.split_once(&format!("\"{name}\":\""))?;
    Some(rest.split_once('"')?.0.to_owned())
}

pub(crate) fn ready(address: &str) -> bool {
    client::get(address, "/readyz").is_some_and(|answer| answer.status == 200)
}
