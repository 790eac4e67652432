//! Bringing a release into force: a deploy, and the way back to one that is kept.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use plimsoll_bundle::local::{LocalBundle, ServiceSpec};
use plimsoll_deploy::execute::Progress;
use plimsoll_deploy::judge::Rules;
use plimsoll_deploy::{
    Executor, Finished, Observed, Plan, Release, ReleaseId, ReleaseParts, Settled, Step, Strategy,
    Target, Watch,
};

use crate::control::client::{Cancel, Client};
use crate::control::wire::{Answer, Verb};
use crate::desired::desired;
use crate::event::{Decision, Event, Sink};
use crate::lease::Lease;
use crate::local::{Local, status_of};
use crate::outcome::{DeployRequest, Ending, Outcome};
use crate::release::{self, Kept};
use crate::secrets::{SecretError, SecretPlan};
use crate::target::{Budget, LocalTarget, WayBack};
use crate::{LocalError, images, releases, schema_gate, seed, start};

/// On what terms a release is brought into force.
struct Terms {
    strategy: Strategy,
    seed: bool,
    undo: bool,
    rules: Rules,
    within: Option<Duration>,
    watch: Option<Arc<dyn Watch>>,
}

/// The right to change the environment, and the daemon that carries it out.
struct Held {
    lease: Lease,
    client: Client,
    began: Instant,
}

impl Terms {
    fn of(request: &DeployRequest) -> Self {
        let judgements = request.strategy.judgements();
        Self {
            strategy: request.strategy.clone(),
            seed: request.seed,
            undo: request.undo,
            rules: Rules {
                judgements: u32::try_from(judgements).unwrap_or(u32::MAX),
                ..request.judge
            },
            within: request.within,
            watch: request.watch.clone(),
        }
    }

    /// All at once, and nothing kept: what is gone back to was in force before, and what is left was found wanting.
    fn of_the_way_back() -> Self {
        Self {
            strategy: Strategy::BlueGreen {
                keep_warm_ms: 0,
                judge_ms: 0,
            },
            seed: false,
            undo: true,
            rules: Rules::default(),
            within: None,
            watch: None,
        }
    }
}

impl Local {
    /// What a deploy would do. Starts the supervisor, because only it can look; changes nothing else.
    pub fn plan(&self, request: &DeployRequest, sink: &mut Sink<'_>) -> Result<Plan, LocalError> {
        let lease = self.env.lock_for_change()?;
        let kept = self.release(request)?;
        release::keep(&self.env, &kept)?;
        let mut held = self.hold(lease, sink)?;
        let observed = self.observed(&mut held.client, sink)?;
        let terms = (&request.strategy, request.seed);
        Ok(Plan::try_new(
            &observed,
            &desired(&kept, terms, &observed)?,
        )?)
    }

    /// Brings a release into force: makes missing secrets, keeps the release, deals with what an earlier run left
    /// half done, plans, and does the plan. A step that fails makes everything go back; so does a canary that is
    /// worse, a change that takes longer than its time, and somebody who looks on and has seen enough. A request that
    /// is not to be undone makes go back only what has to do with requests ([`Plan::harmless`]).
    ///
    /// Killed at any moment, traffic goes on and the next call resumes or undoes. Cancelled, what was begun is taken
    /// back before this returns. Stopped for so long that somebody else took over, nothing more of it is carried out.
    pub fn deploy(
        &self,
        request: &DeployRequest,
        sink: &mut Sink<'_>,
    ) -> Result<Outcome, LocalError> {
        let lease = self.env.lock_for_change()?;
        let kept = self.release(request)?;
        release::keep(&self.env, &kept)?;
        let held = self.hold(lease, sink)?;
        self.enact(&kept, &Terms::of(request), held, sink)
    }

    /// Brings a release that is kept into force again, with the images, the configuration and the versions of secrets
    /// that it had: the one named, or the one that was in force before; or the one in force, where a change that failed
    /// was left standing beside it. All services at once; where its replicas are still warm nothing is started. Makes
    /// no release, and migrates nothing that it has migrated before. Refused when the schema has moved beyond it.
    /// Nobody who looks on takes it back: what fails meanwhile may be what is being left.
    pub fn roll_back(
        &self,
        id: Option<ReleaseId>,
        sink: &mut Sink<'_>,
    ) -> Result<Outcome, LocalError> {
        let lease = self.env.lock_for_change()?;
        let id = id.map_or_else(|| releases::back(&self.env), Ok)?;
        let kept = release::load(&self.env, &id)?;
        schema_gate::ensure_open(&self.env, &id)?;
        let held = self.hold(lease, sink)?;
        self.enact(&kept, &Terms::of_the_way_back(), held, sink)
    }

    /// A daemon of this build that takes orders from the holder of `lease` alone, when all that was asked before is
    /// over.
    fn hold(&self, lease: Lease, sink: &mut Sink<'_>) -> Result<Held, LocalError> {
        let began = Instant::now();
        let client = self.current(lease.token(), sink)?;
        Ok(Held {
            lease,
            client,
            began,
        })
    }

    /// Settles what an earlier run left, plans, and does the plan.
    fn enact(
        &self,
        kept: &Kept,
        terms: &Terms,
        mut held: Held,
        sink: &mut Sink<'_>,
    ) -> Result<Outcome, LocalError> {
        let mut executor = Executor::open(&self.env.journal(), self.settings.crash)?
            .watched_by(terms.watch.clone())
            .undoing(terms.undo);
        // After `down` nothing stands any more.
        if let Some(left) = executor.standing()
            && !self.is_down()?
        {
            sink(Event::Standing {
                release: left.to.to_string(),
                because: left.because,
            });
        }
        let id = &kept.release.id;
        if let Some(undone) = self.settle(&mut executor, id, (&mut held, terms, sink))? {
            return self.finish(kept, undone, held, sink);
        }
        let observed = self.observed(&mut held.client, sink)?;
        let want = desired(kept, (&terms.strategy, terms.seed), &observed)?;
        let plan = Plan::try_new(&observed, &want)?;
        sink(Event::Planned { plan: plan.clone() });
        let waits = plan.steps.iter().all(Step::is_wait);
        let finished = self.carry_out((&mut held, terms), sink, |target, progress| {
            executor.run(plan, target, progress)
        })?;
        let ending = match self.ending(finished)? {
            Ending::InForce if waits => Ending::Unchanged,
            other => other,
        };
        self.finish(kept, ending, held, sink)
    }

    /// A supervisor of this very build, for the holder of the lease `token`.
    pub(crate) fn current(&self, token: u64, sink: &mut Sink<'_>) -> Result<Client, LocalError> {
        if let Some(Err(error)) = &self.settings.runtime {
            return Err(error.clone().into());
        }
        let daemon = self.daemon_file();
        let who = (&self.cancel, token);
        let mut client = start::supervisor_of_this_build(&self.env, &daemon, who, sink)?;
        client.call(Verb::Fence, Some(self.settings.deadline), sink)?;
        Ok(client)
    }

    /// A connection that the wish to stop does not reach.
    fn deaf(&self, token: u64) -> Result<Client, LocalError> {
        let deaf = Cancel::new();
        let client = Client::connect(&self.env, &self.settings.tool_version, &deaf)?;
        Ok(client.holding(token))
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
        held: Held,
        sink: &mut Sink<'_>,
    ) -> Result<Outcome, LocalError> {
        let mut client = if self.cancel.is_cancelled() {
            self.deaf(held.lease.token())?
        } else {
            held.client
        };
        let status = status_of(&mut client)?;
        let stopped = matches!(ending, Ending::Undone { .. }) && self.is_down()?;
        if stopped {
            self.shut_down(&mut client, sink)?;
        }
        // After a change that failed, somebody is about to try again.
        if ending.is_in_force() {
            self.prune(sink);
        }
        Ok(Outcome {
            stopped,
            release: kept.release.id.clone(),
            ending,
            urls: status.urls,
            logins: seed::logins(&self.secrets()?, &kept.bundle)?,
            took: held.began.elapsed(),
        })
    }

    /// Goes on with, or takes back, what an earlier run left half done. Something is returned when the change that was
    /// gone on with failed in its turn: there is nothing more to do then.
    fn settle(
        &self,
        executor: &mut Executor,
        release: &ReleaseId,
        (held, terms, sink): (&mut Held, &Terms, &mut Sink<'_>),
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
        let settled = self.carry_out((held, terms), sink, |target, progress| {
            executor.settle(release, target, progress)
        })?;
        Ok(match settled {
            Some(Settled::Resumed(
                finished @ (Finished::Undone { .. } | Finished::Stopped { .. }),
            )) => Some(self.ending(finished)?),
            Some(Settled::Resumed(Finished::Done) | Settled::Undone | Settled::Stopped) | None => {
                None
            }
        })
    }

    /// Runs `change` with a target and a progress sink that both report to `sink`.
    fn carry_out<T>(
        &self,
        (held, terms): (&mut Held, &Terms),
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
        let token = held.lease.token();
        let connect = || self.deaf(token);
        let mut target = LocalTarget {
            client: &mut held.client,
            way_back: WayBack::new(&connect),
            deadline: self.settings.deadline,
            budget: terms.within.map(|within| Budget {
                within,
                until: held.began + within,
            }),
            rules: terms.rules,
            watch: terms.watch.clone(),
            on_event: &mut on_event,
        };
        Ok(change(&mut target, &mut progress)?)
    }

    /// What there is now.
    pub(crate) fn observed(
        &self,
        client: &mut Client,
        sink: &mut Sink<'_>,
    ) -> Result<Observed, LocalError> {
        match client.call(Verb::Observe, Some(self.settings.deadline), sink)? {
            Answer::Observed { observed } => Ok(*observed),
            Answer::Nothing | Answer::Status { .. } | Answer::Samples { .. } => {
                Err(LocalError::Protocol("an answer to another question".into()))
            }
        }
    }

    fn ending(&self, finished: Finished) -> Result<Ending, LocalError> {
        Ok(match finished {
            Finished::Done => Ending::InForce,
            Finished::Undone { step, error } => Ending::Undone {
                step: step.describe(),
                message: error.message,
                hint: error.hint,
                fault: error.fault,
            },
            Finished::Stopped { step, error, kept } => Ending::Stopped {
                step: step.describe(),
                message: error.message,
                hint: error.hint,
                fault: error.fault,
                standing: kept.iter().map(Step::describe).collect(),
                in_force: crate::in_force(&self.env)?,
            },
        })
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
