//! The door to this crate: what a command can do with one environment on this machine.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use plimsoll_bundle::endpoints::Cohort;
use plimsoll_deploy::{Group, Observed, ReleaseId, SchemaRange};

use crate::control::client::{Cancel, Client};
use crate::control::wire::{Answer, Verb};
use crate::event::{Event, LogLine, Sink};
use crate::logs::LogFilter;
use crate::outcome::{Data, DeployRequest, KeptRelease};
use crate::secrets::{Key, SecretPlan, SecretStore};
use crate::settings::Settings;
use crate::start::DaemonFile;
use crate::status::Status;
use crate::{EnvDir, LocalError, StateDir, images, releases, start};

/// A question that the daemon answers from memory.
const ANSWER: Duration = Duration::from_secs(10);
/// Ending everything waits for drain and grace budgets, which the app's file bounds by an hour.
const SHUTDOWN: Duration = Duration::from_mins(65);

/// One environment of one project on this machine.
#[derive(Debug)]
pub struct Local {
    pub(crate) app: String,
    pub(crate) environment: String,
    pub(crate) instance: String,
    pub(crate) state: StateDir,
    pub(crate) env: EnvDir,
    pub(crate) settings: Settings,
    pub(crate) cancel: Cancel,
}

impl Local {
    /// Opens the environment `environment` of `app` in the project at `project`. Starts nothing.
    pub fn open(
        project: &Path,
        app: &str,
        environment: &str,
        settings: Settings,
    ) -> Result<Self, LocalError> {
        let state = StateDir::open(project)?;
        let env = state.environment(environment)?;
        Ok(Self {
            app: app.to_owned(),
            environment: environment.to_owned(),
            instance: state.instance(app),
            state,
            env,
            settings,
            cancel: Cancel::new(),
        })
    }

    /// The state directory; its [`StateDir::artefacts`] is where artefacts are expected.
    pub fn state(&self) -> &StateDir {
        &self.state
    }

    /// Stops the call that is under way when it is cancelled: the call then fails with [`LocalError::Interrupted`].
    pub fn canceller(&self) -> Cancel {
        self.cancel.clone()
    }

    /// The secrets of this environment.
    pub fn secrets(&self) -> Result<SecretStore, LocalError> {
        let scope = format!("{}/{}", self.instance, self.environment);
        Ok(SecretStore::open(
            &self.env.secrets(),
            &scope,
            Key::open(&self.settings.key_file)?,
        )?)
    }

    /// Secrets of `request` that somebody has to say first ([`SecretStore::set`]), with the question to ask.
    pub fn questions(&self, request: &DeployRequest) -> Result<Vec<(String, String)>, LocalError> {
        let store = self.secrets()?;
        let mut questions = Vec::new();
        for (name, plan) in &request.secrets {
            if let SecretPlan::Ask {
                question,
                optional: false,
            } = plan
                && store.newest(name)?.is_none()
            {
                questions.push((name.clone(), question.clone()));
            }
        }
        Ok(questions)
    }

    /// Every process of ours. Works without a supervisor too, and then says what it finds.
    pub fn status(&self) -> Result<Status, LocalError> {
        let asked = Client::connect(&self.env, &self.settings.tool_version, &self.cancel)
            .and_then(|mut client| status_of(&mut client));
        match asked {
            // Nobody listens there, or somebody who is dying.
            Err(LocalError::Connect(_) | LocalError::Lost(_)) => {
                crate::unattended::status(&self.env, &self.app, &self.environment, &self.instance)
            }
            answered => answered,
        }
    }

    /// Lines of output, those of the past first, then, with `follow`, those to come until the caller cancels. Without
    /// a living supervisor the files are read; following then ends when nothing of ours runs any more.
    pub fn logs(
        &self,
        filter: LogFilter,
        follow: bool,
        on_line: &mut dyn FnMut(LogLine),
    ) -> Result<(), LocalError> {
        let connected = Client::connect(&self.env, &self.settings.tool_version, &self.cancel);
        let mut client = match connected {
            Ok(client) => client,
            Err(LocalError::Connect(_) | LocalError::Lost(_)) => {
                return crate::output::read(&self.env, &filter, (follow, &self.cancel), on_line);
            }
            Err(error) => return Err(error),
        };
        let mut pass_on = |event| {
            if let Event::Output(line) = event {
                on_line(line);
            }
        };
        client.call(Verb::Logs { filter, follow }, None, &mut pass_on)?;
        Ok(())
    }

    /// Another number of replicas of the release in force. Makes no release; the next deploy keeps the number while
    /// it lies between the file's bounds.
    pub fn scale(
        &self,
        service: &str,
        replicas: u32,
        sink: &mut Sink<'_>,
    ) -> Result<(), LocalError> {
        let lease = self.env.lock_for_change()?;
        let mut client = self.current(lease.token(), sink)?;
        let observed = self.observed(&mut client, sink)?;
        let unknown = || LocalError::Unknown {
            what: "running service",
            name: service.to_owned(),
        };
        let group = serving(&observed, service).ok_or_else(unknown)?;
        let verb = Verb::Scale {
            service: service.to_owned(),
            revision: group.revision.clone(),
            release: group.release.clone(),
            cohort: group.cohort,
            to: replicas,
        };
        client.call(verb, Some(SHUTDOWN), sink)?;
        Ok(())
    }

    /// The releases that are kept, the newest first: each can be gone back to ([`Local::roll_back`]).
    pub fn releases(&self) -> Result<Vec<KeptRelease>, LocalError> {
        releases::kept(&self.env)
    }

    /// A release that is kept, and the migrations that it can run on, by service.
    pub fn portrait(
        &self,
        id: &ReleaseId,
    ) -> Result<(KeptRelease, BTreeMap<String, SchemaRange>), LocalError> {
        // Says what is wrong with a release that is not there or was edited.
        crate::release::load(&self.env, id)?;
        let mut kept = releases::kept(&self.env)?.into_iter();
        let unknown = || LocalError::Unknown {
            what: "release",
            name: id.to_string(),
        };
        let found = kept.find(|kept| kept.release.id == *id);
        Ok((
            found.ok_or_else(unknown)?,
            crate::schema::load(&self.env, id)?,
        ))
    }

    /// Passes on events until the caller cancels. A supervisor that dies meanwhile is started again and adopts what
    /// runs.
    pub fn attach(&self, sink: &mut Sink<'_>) -> Result<(), LocalError> {
        loop {
            let mut client = self.supervisor(sink)?;
            match client.call(Verb::Follow, None, sink) {
                Ok(_) | Err(LocalError::Lost(_)) => sink(Event::Detached),
                Err(LocalError::Interrupted) => return Ok(()),
                Err(error) => return Err(error),
            }
            if !self.env.state_file().exists() || self.is_down()? {
                return Ok(());
            }
        }
    }

    /// Ends everything in order: traffic drains, then replicas, gateway, resources, supervisor. Leaves no process and
    /// no socket. Not being up is no error.
    ///
    /// Without a living supervisor one is started first: it adopts what runs, so that it ends in order too.
    pub fn down(&self, data: Data, sink: &mut Sink<'_>) -> Result<(), LocalError> {
        let lease = self.env.lock_for_change()?;
        // The wish to stop what came before must not stop the stopping.
        let deaf = Cancel::new();
        if self.env.state_file().exists() {
            let daemon = self.daemon_file();
            let client = start::supervisor(&self.env, &daemon, &deaf, sink)?;
            self.shut_down(&mut client.holding(lease.token()), sink)?;
        }
        match data {
            Data::Keep => Ok(()),
            Data::Delete => {
                crate::unattended::delete_data(&self.env)?;
                self.prune(sink);
                Ok(())
            }
        }
    }

    /// Removes unpacked images that nothing needs. What was done is done; the next change tries again.
    pub(crate) fn prune(&self, sink: &mut Sink<'_>) {
        if let Err(error) = images::prune(&self.state, &self.env) {
            sink(Event::Warning {
                message: crate::error::chain(&error),
            });
        }
    }

    pub(crate) fn shut_down(
        &self,
        client: &mut Client,
        sink: &mut Sink<'_>,
    ) -> Result<(), LocalError> {
        let pid = client.welcome().pid;
        match client.call(Verb::Shutdown, Some(SHUTDOWN), sink) {
            Ok(_) | Err(LocalError::Lost(_)) => {}
            Err(error) => return Err(error),
        }
        start::ensure_gone(&self.env, pid)?;
        crate::sweep::sockets(&self.env)
    }

    pub(crate) fn is_down(&self) -> Result<bool, LocalError> {
        Ok(crate::daemon::intent::Intent::load(&self.env)?.is_idle())
    }

    /// A supervisor of whatever build lives, or a new one.
    fn supervisor(&self, sink: &mut Sink<'_>) -> Result<Client, LocalError> {
        start::supervisor(&self.env, &self.daemon_file(), &self.cancel, sink)
    }

    pub(crate) fn daemon_file(&self) -> DaemonFile {
        DaemonFile {
            app: self.app.clone(),
            environment: self.environment.clone(),
            instance: self.instance.clone(),
            executable: self.settings.tool.clone(),
            tool_version: self.settings.tool_version.clone(),
            key_file: self.settings.key_file.clone(),
            runtime_dir: self.settings.runtime_dir.clone(),
            // One that cannot be used starts nothing; what runs can be ended all the same.
            runtime: self.settings.runtime.clone().and_then(Result::ok),
        }
    }
}

/// The replicas of a service that have its requests: those of the release in force, whatever is kept beside them.
fn serving<'a>(observed: &'a Observed, service: &str) -> Option<&'a Group> {
    let cooled = observed.cooled();
    let revision = &cooled.groups(service).last()?.revision;
    let mut groups = observed.groups(service).iter();
    groups.rfind(|group| group.revision == *revision && group.cohort != Cohort::Fresh)
}

pub(crate) fn status_of(client: &mut Client) -> Result<Status, LocalError> {
    match client.call(Verb::Status, Some(ANSWER), &mut |_| {})? {
        Answer::Status { status } => Ok(*status),
        Answer::Nothing | Answer::Observed { .. } | Answer::Samples { .. } => {
            Err(LocalError::Protocol("an answer to another question".into()))
        }
    }
}
