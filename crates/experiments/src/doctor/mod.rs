//! Attacks every control of this machine: first as a plain process, to see that the attack works, then as a replica, to
//! see that it does not. What is reported is what was observed.
//!
//! Replicas under attack are run by the runner that runs replicas, with the orders that the local target gives a static
//! program that may reach one address outside: an empty image, a user of their own, limits, one read-only folder with
//! the program, and one edge.
//!
//! Reading order: [`judge`] (what two observations say; pure), [`report`] (the document), `machine`, `stage` and
//! `services` (what attacks are after), `orders`, `outside`, `inside`.

mod inside;
pub mod judge;
mod machine;
mod orders;
mod outside;
pub mod report;
mod services;
mod stage;

use std::path::PathBuf;
use std::time::SystemTime;

use plimsoll_stdx::clock::unix_ms;
use plimsoll_stdx::fs::FsError;
use plimsoll_supervisor::order::Order;
use plimsoll_supervisor::runner::{Capabilities, Runner, RunnerError, Tool};
use plimsoll_supervisor::{IsolationClass, ProcessRunner};

pub use machine::{GroupTest, Machine};

use crate::attack::{
    ATTACKS, Answer, Attack, Control, NEIGHBOUR, ORDINARY, Outcome, SETUID_FILE, Targets,
};
use inside::{Inside, Neighbour};
use judge::{Judgement, Observed};
use report::{Report, Row};
use services::Services;
use stage::Stage;

/// Why nothing can be said. What was observed until then is lost: half a table would be read as a whole one.
#[derive(Debug, thiserror::Error)]
pub enum DoctorError {
    /// A file or folder.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// A replica could not be run.
    #[error("cannot run a replica to attack from")]
    Runner(#[from] RunnerError),
    /// The services that attacks are after.
    #[error("cannot listen on this machine")]
    Services(#[source] std::io::Error),
    /// An attack did not say what it came to. It counts as neither.
    #[error("the attack `{attack}` said nothing: {reason}")]
    Silent {
        /// Which.
        attack: String,
        /// How that came.
        reason: String,
    },
    /// A replica cannot do what replicas do, so that its failures prove nothing.
    #[error("a replica fails at ordinary work ({detail}): what it is refused says nothing")]
    Unable {
        /// What it said.
        detail: String,
    },
    /// Somebody said stop.
    #[error("interrupted")]
    Interrupted,
}

/// What an examination needs.
#[derive(Debug, Clone)]
pub struct Doctor {
    /// This binary: it attacks.
    pub tool: PathBuf,
    /// What contains, as it is deployed here.
    pub shims: Tool,
    /// Where the examination has its temporary folder; other users must be able to enter it and execute there.
    pub temp: PathBuf,
    /// The OCI runtime that contains replicas here; `None` where we do.
    pub runtime: Option<PathBuf>,
    /// Changes the orders of the replicas under attack, to see that the doctor notices. `None` is as deployed.
    pub weaken: Option<fn(&mut Order)>,
}

impl Doctor {
    /// As replicas are deployed here. `tool` is this binary, which contains too.
    pub fn new(tool: PathBuf) -> Self {
        Self {
            shims: Tool::at(tool.clone()),
            tool,
            temp: std::env::temp_dir(),
            runtime: None,
            weaken: None,
        }
    }

    /// Makes every attack. `before` hears of each one first and says whether to go on.
    ///
    /// Blocks for some seconds. Whatever it returns, no process, mount, kernel group or file of it is left; a doctor
    /// that is killed leaves a folder and one sleeping replica, which ends within ten minutes.
    pub fn examine(&self, mut before: impl FnMut(&Attack) -> bool) -> Result<Report, DoctorError> {
        let runner = ProcessRunner::of(self.shims.clone());
        let machine = runner.capabilities();
        let stage = Stage::make(&self.temp, &self.tool, machine.root)?;
        let services = Services::start(&stage.name()).map_err(DoctorError::Services)?;
        let mut deployed = orders::replica(&stage, machine);
        orders::hand_over(&mut deployed, self.runtime.as_deref());
        let promised_class = runner.class(&deployed);
        let mut order = deployed;
        orders::allow(&mut order, services.declared, machine);
        if let Some(weaken) = self.weaken {
            weaken(&mut order);
        }
        let inside = Inside {
            runner: &runner,
            stage: &stage,
            order: &order,
        };
        let mut aim = targets(&stage, &services, &order);
        let neighbour = inside.neighbour(NEIGHBOUR, &aim)?;
        aim.neighbour = neighbour.pid();
        let able = inside.attack(ORDINARY, &aim)?;
        if able.outcome != Outcome::Succeeded {
            return Err(DoctorError::Unable {
                detail: able.detail,
            });
        }
        let (class, controls) = neighbour.held_by();
        let bench = Bench {
            promise: Promise::new(promised_class, machine, &controls),
            neighbour: &neighbour,
            inside,
            aim,
        };
        let mut rows = Vec::new();
        for attack in ATTACKS {
            if !before(attack) {
                return Err(DoctorError::Interrupted);
            }
            rows.push(bench.row(attack)?);
        }
        let at_ms = unix_ms(SystemTime::now());
        let machine = Machine::look(&runner, &stage.program, &controls);
        let mut report = Report::new((at_ms, machine), (class, controls), rows);
        report.runtime = order.backend.runtime();
        Ok(report)
    }
}

/// What contained attacks are aimed at.
fn targets(stage: &Stage, services: &Services, order: &Order) -> Targets {
    let (release_agent, group_root) = machine::group_files();
    let setuid = orders::seen_app(order, stage)
        .join("setuid")
        .join(orders::PROGRAM);
    Targets {
        canary: stage.canary(),
        scratch: orders::seen_scratch(order, stage),
        setuid: stage.has_setuid.then_some(setuid),
        neighbour: 0,
        neighbour_secrets: orders::secrets_dir(order, NEIGHBOUR, stage),
        loopback: services.loopback,
        declared: services.declared,
        outward: services.outward,
        abstract_name: stage.name(),
        release_agent,
        group_root,
    }
}

/// What the class in force promises, and why it does not promise the rest.
struct Promise {
    contained: Result<(), String>,
    confined: Result<(), String>,
    limits: Result<(), String>,
}

impl Promise {
    fn new(class: IsolationClass, machine: &Capabilities, controls: &[String]) -> Self {
        let least = |wanted: IsolationClass| {
            let why = machine.contained.as_ref().err().map_or("", String::as_str);
            (class >= wanted)
                .then_some(())
                .ok_or_else(|| format!("replicas here are {class}: {why}"))
        };
        let contained = least(IsolationClass::Contained);
        let missing = controls
            .iter()
            .find(|control| control.contains("not limited"));
        Self {
            limits: contained.clone().and(missing.cloned().map_or(Ok(()), Err)),
            confined: least(IsolationClass::Confined),
            contained,
        }
    }

    fn of(&self, control: Control) -> Result<(), &str> {
        let promise = match control {
            Control::Limits => &self.limits,
            Control::NewPrivileges => &self.confined,
            Control::FileTree
            | Control::MachineFiles
            | Control::Processes
            | Control::Network
            | Control::Capabilities
            | Control::SystemCalls => &self.contained,
        };
        promise.as_ref().map(|&()| ()).map_err(String::as_str)
    }
}

/// Everything that is in place while attacks are made.
struct Bench<'a> {
    promise: Promise,
    neighbour: &'a Neighbour<'a>,
    inside: Inside<'a>,
    /// As contained attacks see it.
    aim: Targets,
}

impl Bench<'_> {
    fn row(&self, attack: &Attack) -> Result<Row, DoctorError> {
        let uncontained = self.outside(attack)?;
        let contained = self.inside.attack(attack.name, &self.aim)?;
        let within = attack
            .within
            .map(|name| self.inside.attack(name, &self.aim))
            .transpose()?;
        let (judgement, reason) = Judgement::of(&Observed {
            uncontained: &uncontained,
            contained: &contained,
            within: within.as_ref(),
            neighbour_unharmed: self.neighbour.is_unharmed()?,
            promised: self.promise.of(attack.control),
        });
        Ok(Row {
            control: attack.control,
            attack: attack.name.to_owned(),
            does: attack.does.to_owned(),
            uncontained: uncontained.into(),
            contained: contained.into(),
            within: within.map(Into::into),
            result: judgement,
            reason,
        })
    }

    fn outside(&self, attack: &Attack) -> Result<Answer, DoctorError> {
        let stage = self.inside.stage;
        let program = stage.app().join(orders::PROGRAM);
        let setuid = stage.app().join("setuid").join(orders::PROGRAM);
        let aim = Targets {
            scratch: stage.scratch(),
            setuid: self.aim.setuid.as_ref().map(|_| setuid),
            ..self.aim.clone()
        };
        // Only who is not root can be made root by a file.
        let user = (attack.name == SETUID_FILE && stage.has_setuid).then(orders::user);
        outside::attack(
            &program,
            attack.name,
            &aim,
            user.map(|user| (user.uid, user.gid)),
        )
    }
}
