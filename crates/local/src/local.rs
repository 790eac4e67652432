//! The door to this crate: what a command can do with one environment on this machine.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use plimsoll_bundle::local::{LocalBundle, ServiceSpec};
use plimsoll_deploy::execute::Progress;
use plimsoll_deploy::{
    Executor, Finished, Observed, Plan, Release, ReleaseId, ReleaseParts, Settled, Target,
};

use crate::control::client::{Cancel, Client};
use crate::control::wire::{Answer, Verb};
use crate::desired::desired;
use crate::event::{Decision, Event, LogLine, Sink};
use crate::logs::LogFilter;
use crate::outcome::{Data, DeployRequest, Ending, Outcome};
use crate::release::{self, Kept};
use crate::secrets::{Key, SecretError, SecretPlan, SecretStore};
use crate::settings::Settings;
use crate::start::DaemonFile;
use crate::status::Status;
use crate::target::{LocalTarget, WayBack};
use crate::{EnvDir, LocalError, StateDir, images, seed, start};

/// A question that the daemon answers from memory.
const ANSWER: Duration = Duration::from_secs(10);
/// Ending everything waits for drain and grace budgets, which the app's file bounds by an hour.
const SHUTDOWN: Duration = Duration::from_mins(65);

/// One environment of one project on this machine.
#[derive(Debug)]
pub struct Local {
    app: String,
    environment: String,
    instance: String,
    state: StateDir,
    env: EnvDir,
    settings: Settings,
    cancel: Cancel,
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

    /// What a deploy would do. Starts the supervisor, because only it can look; changes nothing else.
    pub fn plan(&self, request: &DeployRequest, sink: &mut Sink<'_>) -> Result<Plan, LocalError> {
        let _lock = self.env.lock_for_change()?;
        let kept = self.release(request)?;
        release::keep(&self.env, &kept)?;
        let mut client = self.current(sink)?;
        let observed = self.observed(&mut client, sink)?;
        Ok(Plan::try_new(
            &observed,
            &desired(&kept, request, &observed)?,
        )?)
    }

    /// Brings a release into force: makes missing secrets, keeps the release, deals with what an earlier run left
    /// half done, plans, and does the plan. A step that fails makes everything go back.
    ///
    /// Killed at any moment, traffic goes on and the next call resumes or undoes. Cancelled, what was begun is taken
    /// back before this returns.
    pub fn deploy(
        &self,
        request: &DeployRequest,
        sink: &mut Sink<'_>,
    ) -> Result<Outcome, LocalError> {
        let began = Instant::now();
        let _lock = self.env.lock_for_change()?;
        let kept = self.release(request)?;
        release::keep(&self.env, &kept)?;
        let mut client = self.current(sink)?;
        let mut executor = Executor::open(&self.env.journal(), self.settings.crash)?;
        if let Some(undone) = self.settle(&mut executor, &kept.release.id, (&mut client, sink))? {
            return self.finish(&kept, undone, (client, began), sink);
        }
        let observed = self.observed(&mut client, sink)?;
        let plan = Plan::try_new(&observed, &desired(&kept, request, &observed)?)?;
        sink(Event::Planned { plan: plan.clone() });
        let waits = plan.steps.iter().all(plimsoll_deploy::Step::is_wait);
        let finished = self.carry_out(&mut client, sink, |target, progress| {
            executor.run(plan, target, progress)
        })?;
        let ending = match ending(finished) {
            Ending::InForce if waits => Ending::Unchanged,
            other => other,
        };
        self.finish(&kept, ending, (client, began), sink)
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
        let _lock = self.env.lock_for_change()?;
        let mut client = self.current(sink)?;
        let observed = self.observed(&mut client, sink)?;
        let group =
            observed
                .groups(service)
                .last()
                .cloned()
                .ok_or_else(|| LocalError::Unknown {
                    what: "running service",
                    name: service.to_owned(),
                })?;
        let (revision, release) = (group.revision, group.release);
        let verb = Verb::Scale {
            service: service.to_owned(),
            revision,
            release,
            to: replicas,
        };
        client.call(verb, Some(SHUTDOWN), sink)?;
        Ok(())
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
        let _lock = self.env.lock_for_change()?;
        // The wish to stop what came before must not stop the stopping.
        let deaf = Cancel::new();
        if self.env.state_file().exists() {
            let mut client = start::supervisor(&self.env, &self.daemon_file(), &deaf, sink)?;
            self.shut_down(&mut client, sink)?;
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
    fn prune(&self, sink: &mut Sink<'_>) {
        if let Err(error) = images::prune(&self.state, &self.env) {
            sink(Event::Warning {
                message: crate::error::chain(&error),
            });
        }
    }

    fn shut_down(&self, client: &mut Client, sink: &mut Sink<'_>) -> Result<(), LocalError> {
        let pid = client.welcome().pid;
        match client.call(Verb::Shutdown, Some(SHUTDOWN), sink) {
            Ok(_) | Err(LocalError::Lost(_)) => {}
            Err(error) => return Err(error),
        }
        start::ensure_gone(&self.env, pid)?;
        crate::sweep::sockets(&self.env)
    }

    fn is_down(&self) -> Result<bool, LocalError> {
        Ok(crate::daemon::intent::Intent::load(&self.env)?.is_idle())
    }

    /// A supervisor of whatever build lives, or a new one.
    fn supervisor(&self, sink: &mut Sink<'_>) -> Result<Client, LocalError> {
        start::supervisor(&self.env, &self.daemon_file(), &self.cancel, sink)
    }

    /// A supervisor of this very build.
    fn current(&self, sink: &mut Sink<'_>) -> Result<Client, LocalError> {
        if let Some(Err(error)) = &self.settings.runtime {
            return Err(error.clone().into());
        }
        start::supervisor_of_this_build(&self.env, &self.daemon_file(), &self.cancel, sink)
    }

    fn daemon_file(&self) -> DaemonFile {
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

    /// Makes what is missing and names the release.
    fn release(&self, request: &DeployRequest) -> Result<Kept, LocalError> {
        let store = self.secrets()?;
        let mut versions = BTreeMap::new();
        for (name, plan) in &request.secrets {
            match store.ensure(name, plan) {
                Ok(version) => {
                    versions.insert(name.clone(), version);
                }
                Err(SecretError::Missing { .. }) if is_optional(plan) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let bundle = request.bundle.clone();
        let parts = ReleaseParts {
            app: self.app.clone(),
            environment: self.environment.clone(),
            bundle: bundle.digest()?,
            artefacts: artefacts(&bundle),
            images: images::of(&bundle)
                .map(|(name, digest)| (name.clone(), digest.clone()))
                .collect(),
            secrets: versions,
            schema: None,
            tool: self.settings.tool_version.clone(),
        };
        Ok(Kept {
            release: Release::try_new(parts)?,
            bundle,
        })
    }

    /// The outcome. A deploy that was taken back to where nothing runs leaves no supervisor behind either.
    fn finish(
        &self,
        kept: &Kept,
        ending: Ending,
        (client, began): (Client, Instant),
        sink: &mut Sink<'_>,
    ) -> Result<Outcome, LocalError> {
        let mut client = if self.cancel.is_cancelled() {
            self.deaf()?
        } else {
            client
        };
        let status = status_of(&mut client)?;
        let stopped = matches!(ending, Ending::Undone { .. }) && self.is_down()?;
        if stopped {
            self.shut_down(&mut client, sink)?;
        }
        // After a change that was undone, somebody is about to try again.
        if !matches!(ending, Ending::Undone { .. }) {
            self.prune(sink);
        }
        Ok(Outcome {
            stopped,
            release: kept.release.id.clone(),
            ending,
            urls: status.urls,
            logins: seed::logins(&self.secrets()?, &kept.bundle)?,
            took: began.elapsed(),
        })
    }

    /// Goes on with, or takes back, what an earlier run left half done. Something is returned when the change that was
    /// gone on with failed in its turn: there is nothing more to do then.
    fn settle(
        &self,
        executor: &mut Executor,
        release: &ReleaseId,
        (client, sink): (&mut Client, &mut Sink<'_>),
    ) -> Result<Option<Ending>, LocalError> {
        let Some(open) = executor.unfinished() else {
            return Ok(None);
        };
        sink(Event::Unfinished {
            release: open.plan.to.to_string(),
            decision: if open.can_resume_to(release) {
                Decision::Resume
            } else {
                Decision::Undo
            },
            begun: open.begun,
        });
        let settled = self.carry_out(client, sink, |target, progress| {
            executor.settle(release, target, progress)
        })?;
        Ok(match settled {
            Some(Settled::Resumed(finished @ Finished::Undone { .. })) => Some(ending(finished)),
            Some(Settled::Resumed(Finished::Done) | Settled::Undone) | None => None,
        })
    }

    /// Runs `change` with a target and a progress sink that both report to `sink`.
    fn carry_out<T>(
        &self,
        client: &mut Client,
        sink: &mut Sink<'_>,
        change: impl FnOnce(
            &mut dyn Target,
            &mut plimsoll_deploy::execute::Sink<'_>,
        ) -> Result<T, plimsoll_deploy::ExecuteError>,
    ) -> Result<T, LocalError> {
        // Both borrow the one sink, never at the same time: the executor calls one after the other.
        let shared = std::cell::RefCell::new(sink);
        let mut on_event = |event| (*shared.borrow_mut())(event);
        let mut began = Instant::now();
        let mut progress = |progress: Progress<'_>| {
            let event = match progress {
                Progress::Started { index, of, step } => {
                    began = Instant::now();
                    Event::StepStarted {
                        index,
                        of,
                        step: step.clone(),
                        text: step.describe(),
                    }
                }
                Progress::Applied { index } => {
                    let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
                    Event::StepDone { index, took_ms }
                }
                Progress::Failed { index, error } => Event::StepFailed {
                    index,
                    message: error.message.clone(),
                },
                Progress::Undone { index } => Event::StepUndone { index },
            };
            (*shared.borrow_mut())(event);
        };
        let connect = || self.deaf();
        let mut target = LocalTarget {
            client,
            way_back: WayBack::new(&connect),
            deadline: self.settings.deadline,
            on_event: &mut on_event,
        };
        Ok(change(&mut target, &mut progress)?)
    }

    /// What there is now.
    fn observed(&self, client: &mut Client, sink: &mut Sink<'_>) -> Result<Observed, LocalError> {
        match client.call(Verb::Observe, Some(self.settings.deadline), sink)? {
            Answer::Observed { observed } => Ok(*observed),
            Answer::Nothing | Answer::Status { .. } => {
                Err(LocalError::Protocol("an answer to another question".into()))
            }
        }
    }

    /// A connection that the wish to stop does not reach.
    fn deaf(&self) -> Result<Client, LocalError> {
        Client::connect(&self.env, &self.settings.tool_version, &Cancel::new())
    }
}

fn ending(finished: Finished) -> Ending {
    match finished {
        Finished::Done => Ending::InForce,
        Finished::Undone { step, error } => Ending::Undone {
            step: step.describe(),
            message: error.message,
            hint: error.hint,
            fault: error.fault,
        },
    }
}

fn status_of(client: &mut Client) -> Result<Status, LocalError> {
    match client.call(Verb::Status, Some(ANSWER), &mut |_| {})? {
        Answer::Status { status } => Ok(*status),
        Answer::Nothing | Answer::Observed { .. } => {
            Err(LocalError::Protocol("an answer to another question".into()))
        }
    }
}

fn is_optional(plan: &SecretPlan) -> bool {
    match plan {
        SecretPlan::Generate { .. } => false,
        SecretPlan::Ask { optional, .. } => *optional,
    }
}

fn artefacts(bundle: &LocalBundle) -> BTreeMap<String, plimsoll_bundle::Digest> {
    let digest = |service: &ServiceSpec| match service {
        ServiceSpec::Program(program) => program.artefact.clone(),
        ServiceSpec::Static(files) => Some(files.artefact.clone()),
    };
    bundle
        .services
        .iter()
        .filter_map(|(name, service)| Some((name.clone(), digest(service)?)))
        .collect()
}
