//! One file per command: a function from what was asked to how it ended.

pub(crate) mod audit;
pub(crate) mod build;
pub(crate) mod cleanup;
pub(crate) mod deploy;
pub(crate) mod doctor;
pub(crate) mod down;
pub(crate) mod image;
pub(crate) mod init;
pub(crate) mod logs;
pub(crate) mod releases;
pub(crate) mod rollback;
pub(crate) mod scale;
pub(crate) mod schema;
pub(crate) mod secret;
pub(crate) mod status;
pub(crate) mod up;

use std::path::Path;

use plimsoll_deploy::Fault;
use plimsoll_local::{Local, LocalError};

use crate::exit::{ExitStatus, Failure, Result};
use crate::printer::Printer;
use crate::project::{self, Project, Warnings};
use crate::settings::Environment;

/// What every command is given.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) printer: Printer,
    pub(crate) environment: Environment,
    pub(crate) project: std::path::PathBuf,
}

impl Context {
    /// The app's file for `environment`; of its warnings only the number is said.
    pub(crate) fn load(&self, environment: &str) -> Result<Project> {
        project::load(
            &self.project,
            environment,
            (Warnings::Counted, self.printer),
        )
    }

    /// The environment `name` of `app` on this machine.
    pub(crate) fn local(&self, dir: &Path, app: &str, name: &str) -> Result<Local> {
        let tool = std::env::current_exe().map_err(Failure::internal)?;
        Local::open(dir, app, name, self.environment.local(tool)).map_err(failure)
    }
}

/// The exit code and the advice of a failure of the local target.
pub(crate) fn failure(error: LocalError) -> Failure {
    let status = match error.fault() {
        Fault::App => ExitStatus::AppFault,
        Fault::Usage => ExitStatus::Usage,
        Fault::Ours => ExitStatus::Internal,
    };
    Failure {
        status,
        advice: error.hint(),
        error: error.into(),
    }
}
