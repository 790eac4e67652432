//! Attacks as replicas, by the runner that runs replicas.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use plimsoll_stdx::random;
use plimsoll_supervisor::order::Order;
use plimsoll_supervisor::record::{ExitReason, ExitRecord, Spec};
use plimsoll_supervisor::runner::{Runner, RunnerError, Running};
use plimsoll_supervisor::secrets::Secrets;
use plimsoll_supervisor::{GroupUsage, Hierarchies, IsolationClass, ProcessRunner, logs};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::outside::{parse, silent};
use super::stage::Stage;
use super::{DoctorError, orders};
use crate::attack::{Answer, CANARY, CANARY_NAME, CPU, NEIGHBOUR, Outcome, Targets, VERB};

/// An attack takes milliseconds, and with little CPU on a busy machine seconds.
const WITHIN: Duration = Duration::from_secs(30);
/// Losing that race three times in a row takes a machine on which nothing can be measured.
const STARTS: u32 = 3;
/// How often the counters of a group are read while an attack on a limit runs.
const LOOK: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 10_000_000,
};

/// Runs replicas of one order.
#[derive(Debug)]
pub(super) struct Inside<'a> {
    pub(super) runner: &'a ProcessRunner,
    pub(super) stage: &'a Stage,
    pub(super) order: &'a Order,
}

/// A replica that ends when this is dropped.
#[derive(Debug)]
pub(super) struct Neighbour<'a> {
    runner: &'a ProcessRunner,
    pub(super) running: Running,
}

impl<'a> Inside<'a> {
    /// A replica to be attacked.
    pub(super) fn neighbour(
        &self,
        name: &str,
        targets: &Targets,
    ) -> Result<Neighbour<'a>, DoctorError> {
        Ok(Neighbour {
            runner: self.runner,
            running: self.start(NEIGHBOUR, name, targets)?,
        })
    }

    /// Makes one attack and returns what it said, or how it ended if the kernel let it say nothing.
    pub(super) fn attack(&self, name: &str, targets: &Targets) -> Result<Answer, DoctorError> {
        let attack = Neighbour {
            runner: self.runner,
            running: self.start("attack", name, targets)?,
        };
        let held_back = self.watch(&attack.running, name)?;
        let exit = self.runner.bury(&attack.running)?;
        let lines = logs::tail(&attack.running.dir, 16)?;
        let said: String = lines.into_iter().map(|line| line.text + "\n").collect();
        let answer = parse(name, &said).or_else(|error| killed(name, exit).ok_or(error))?;
        Ok(match held_back {
            Some(usage) if name == CPU => refused_by_counters(name, &usage),
            Some(_) | None => answer,
        })
    }

    /// Starts a replica. Again, when its shim has ended before the runner took hold of it: an attack may be over sooner
    /// than that, and is made as often as one likes.
    fn start(&self, id: &str, name: &str, targets: &Targets) -> Result<Running, DoctorError> {
        let mut tries = STARTS;
        loop {
            tries -= 1;
            match self.start_once(id, name, targets) {
                Err(DoctorError::Runner(RunnerError::NotStarted(_))) if tries > 0 => {}
                ended => return ended,
            }
        }
    }

    fn start_once(&self, id: &str, name: &str, targets: &Targets) -> Result<Running, DoctorError> {
        let mut order = self.order.clone();
        id.clone_into(&mut order.id);
        orders::complete(&mut order, self.stage);
        if name == CPU {
            order.limits.cpu_millis = order.limits.cpu_millis.min(orders::LITTLE_CPU_MILLIS);
        }
        let program = orders::seen_app(&order, self.stage).join(orders::PROGRAM);
        let words =
            serde_json::to_string(targets).map_err(|_| silent(name, "it cannot be told"))?;
        order.command = vec![
            program.to_string_lossy().into_owned(),
            VERB.to_owned(),
            name.to_owned(),
            words,
        ];
        let generation = random::number() >> 16;
        let spec = Spec {
            order,
            generation,
            ports: BTreeMap::new(),
            token: format!("{:032x}", u128::from_ne_bytes(random::bytes())),
            group: None,
            hierarchies: Hierarchies::default(),
        };
        let replicas = self.stage.env().join("replicas");
        plimsoll_stdx::fs::create_dir_private(&replicas)?;
        let secrets = Secrets {
            files: BTreeMap::from([(CANARY_NAME.to_owned(), CANARY.to_owned())]),
            env: BTreeMap::new(),
        };
        let dir = replicas.join(spec.instance());
        let prepared = self.runner.prepare(spec, &dir)?;
        Ok(self.runner.start(prepared, &secrets)?)
    }

    /// Waits for the end, and returns the last counters that show it held back.
    fn watch(&self, running: &Running, name: &str) -> Result<Option<GroupUsage>, DoctorError> {
        let deadline = Instant::now() + WITHIN;
        let mut held_back = None;
        loop {
            let mut waited = [PollFd::new(&running.handle, PollFlags::IN)];
            // A signal is as good as a look.
            let ended = poll(&mut waited, Some(&LOOK)).unwrap_or(0) > 0;
            if ended {
                return Ok(held_back);
            }
            if Instant::now() > deadline {
                return Err(silent(name, "it did not end inside"));
            }
            if name == CPU {
                let usage = self
                    .runner
                    .stats(&[running])?
                    .into_iter()
                    .find_map(|stats| stats.group);
                held_back = usage
                    .filter(|usage| usage.throttled_periods > 0)
                    .or(held_back);
            }
        }
    }
}

impl Neighbour<'_> {
    /// The number that this machine knows it by.
    pub(super) fn pid(&self) -> u32 {
        self.running
            .record
            .program
            .as_ref()
            .map_or(0, |program| program.process.pid)
    }

    /// The class that its record shows, and each control in words.
    pub(super) fn held_by(&self) -> (IsolationClass, Vec<String>) {
        match &self.running.record.program {
            Some(program) => (program.class, program.controls.clone()),
            None => (IsolationClass::ByConvention, Vec::new()),
        }
    }

    /// Whether it runs, and the kernel has killed nothing in its group.
    pub(super) fn is_unharmed(&self) -> Result<bool, RunnerError> {
        let program = self.running.record.program.as_ref();
        let alive = program.is_some_and(|program| program.process.is_alive());
        let stats = self.runner.stats(&[&self.running])?;
        let kills = stats
            .iter()
            .filter_map(|stats| stats.group)
            .map(|group| group.oom_kills);
        Ok(alive && kills.sum::<u64>() == 0)
    }
}

impl Drop for Neighbour<'_> {
    fn drop(&mut self) {
        if self.running.record.shim.is_alive() {
            // Kills the shim and everything below it, groups included; what is left then nobody could end.
            let _ = self.runner.destroy(&self.running);
            let _ = self.runner.bury(&self.running);
        }
    }
}

/// Only want of memory silences an attack and says so.
fn killed(name: &str, exit: Option<ExitRecord>) -> Option<Answer> {
    let reason = exit?.reason;
    let starved = matches!(
        reason,
        ExitReason::Signal {
            out_of_memory: Some(true),
            ..
        }
    );
    starved.then(|| refused(name, reason.to_string()))
}

fn refused_by_counters(name: &str, usage: &GroupUsage) -> Answer {
    let (held, all) = (usage.throttled_periods, usage.periods);
    refused(name, format!("held back in {held} of {all} periods"))
}

fn refused(name: &str, detail: String) -> Answer {
    Answer {
        attack: name.to_owned(),
        outcome: Outcome::Refused,
        detail,
    }
}
