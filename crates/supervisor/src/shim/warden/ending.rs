//! The end of a program: what it left behind is killed, its last output taken, and the last word written.

use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use plimsoll_stdx::clock::unix_ms;
use plimsoll_stdx::process::{self, ProcessId};
use rustix::process::Signal;

use super::super::keep::Draft;
use super::super::relay::Relay;
use super::super::sys::reap;
use super::super::{door, group};
use super::{Warden, WardenError};
use crate::order::Root;
use crate::record::{EXIT_FILE, EXIT_FORMAT, ExitReason, ExitRecord, socket_name};

/// How long descendants may take to die of SIGKILL, and their output to arrive.
const TIDY_WITHIN: Duration = Duration::from_secs(5);

impl Warden {
    /// Kills what the program left behind, and takes the last of its output.
    pub(super) fn tidy(&mut self) {
        let deadline = Instant::now() + TIDY_WITHIN;
        let own = std::process::id();
        let mut killed: Vec<ProcessId> = Vec::new();
        loop {
            let left = self.left_behind(own);
            if left.is_empty() || Instant::now() > deadline {
                break;
            }
            for process in left {
                let _ = process.signal(Signal::KILL);
                if !killed.contains(&process) {
                    killed.push(process);
                }
            }
            self.take_output();
            std::thread::sleep(Duration::from_millis(1));
            while let Some(reaped) = reap() {
                self.used = (
                    self.used.0.max(reaped.max_rss_bytes),
                    self.used.1 + reaped.cpu_ms,
                );
            }
        }
        self.killed_descendants += u32::try_from(killed.len()).unwrap_or(u32::MAX);
        // With every writer dead the pipes end.
        while self
            .child
            .as_ref()
            .is_some_and(|child| !child.sources.is_empty())
            && Instant::now() < deadline
        {
            self.take_output();
        }
    }

    /// Who outlived the program. Of a contained one nobody can: the kernel let its init go last, and to look through
    /// every process of this machine costs more than all else that a shim does.
    fn left_behind(&self, own: u32) -> Vec<ProcessId> {
        if self.containment.is_some() && self.record.program.is_some() {
            return Vec::new();
        }
        let mut left = process::descendants(own).unwrap_or_default();
        left.retain(|process| !self.is_leaving(process.pid));
        left
    }

    pub(super) fn finish(mut self) -> Result<(), WardenError> {
        // Those on their way out had their time.
        self.leaving.clear();
        // Here still after a start that failed.
        self.relay.take().into_iter().for_each(Relay::end);
        self.tidy();
        self.remove_secrets();
        match &self.containment {
            Some(containment) => containment.remove(),
            None => group::remove(&self.spec.token),
        }
        let exit = ExitRecord {
            instance: self.spec.instance(),
            reason: self.end.take().unwrap_or(ExitReason::Unknown),
            at_ms: unix_ms(SystemTime::now()),
            max_rss_bytes: self.used.0,
            cpu_ms: self.used.1,
            killed_descendants: self.killed_descendants,
            lost_lines: self.output.lost,
        };
        let saved = Draft::begin(&self.dir.join(EXIT_FILE), EXIT_FORMAT, &exit);
        door::close(&self.spec);
        // A socket that is left is replaced by the next start.
        let _ = std::fs::remove_file(self.dir.join(socket_name(self.spec.order.kind)));
        saved.map(drop)
    }

    /// On the host's tree the secrets lie in a folder of the process alone; elsewhere they went with its root.
    fn remove_secrets(&self) {
        if self.spec.order.root == Root::Host && !self.secrets.files.is_empty() {
            let dir = Path::new(&self.spec.order.secrets_dir);
            for name in self.secrets.files.keys() {
                let _ = std::fs::remove_file(dir.join(name));
            }
            let _ = std::fs::remove_dir(dir);
        }
    }
}
