//! A judgement on this machine: looks once a second at what the gateway counted and at how the canaries live.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use plimsoll_deploy::judge::{Decision, Judge, PATIENCE, Verdict};
use plimsoll_deploy::{Fault, StepError};

use crate::LocalError;
use crate::control::wire::{Answer, CanaryLife, Samples, Verb};
use crate::event::Event;
use crate::target::{LocalTarget, confused};

/// Between two looks: the slices of time that the judge compares.
const EVERY: Duration = Duration::from_secs(1);
/// Between two looks at the caller's wish to stop, and at whoever looks on.
const GLANCE: Duration = Duration::from_millis(100);

/// What a judgement is about.
#[derive(Debug, Clone)]
pub(crate) struct Trial {
    /// The canaries' release.
    pub(crate) release: String,
    /// Their share in permille.
    pub(crate) share: u32,
    /// For how long at least, in milliseconds.
    pub(crate) hold_ms: u64,
}

/// Returns when the canaries may have more; an error says with numbers why they may not.
pub(crate) fn judge(target: &mut LocalTarget<'_>, trial: &Trial) -> Result<(), StepError> {
    let began = Instant::now();
    let mut judge = Judge::new(target.rules, trial.share, trial.hold_ms);
    let mut lives = Lives::default();
    loop {
        let samples = look(target)?;
        lives.ensure_all_live(&samples.canaries, trial)?;
        let elapsed_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        judge.see(elapsed_ms, &samples.samples);
        let (verdict, ended) = match judge.decide() {
            Decision::Hold(verdict) => (verdict, None),
            Decision::Pass(verdict) => (verdict, Some(Ok(()))),
            Decision::Undo(verdict) => {
                let error = undo(&verdict, trial);
                (verdict, Some(Err(error)))
            }
        };
        (target.on_event)(Event::Judged {
            release: trial.release.clone(),
            share: trial.share,
            elapsed_ms,
            hold_ms: trial.hold_ms,
            text: verdict.describe(),
            verdict,
        });
        if let Some(ended) = ended {
            return ended;
        }
        pause(target)?;
    }
}

fn look(target: &mut LocalTarget<'_>) -> Result<Samples, StepError> {
    let deadline = target.left()?;
    match target
        .client
        .call(Verb::Samples, Some(deadline), target.on_event)?
    {
        Answer::Samples { samples } => Ok(*samples),
        Answer::Nothing | Answer::Status { .. } | Answer::Observed { .. } => Err(confused()),
    }
}

/// Until the next look, unless the caller wants to stop or somebody who looks on has seen enough.
fn pause(target: &LocalTarget<'_>) -> Result<(), StepError> {
    let until = Instant::now() + EVERY;
    while Instant::now() < until {
        if target.client.is_cancelled() {
            return Err(LocalError::Interrupted.into());
        }
        if let Some(message) = target.watch.as_ref().and_then(|watch| watch.verdict()) {
            return Err(of_app(message, None));
        }
        std::thread::sleep(GLANCE);
    }
    Ok(())
}

fn undo(verdict: &Verdict, trial: &Trial) -> StepError {
    let (release, what) = (&trial.release, verdict.describe());
    match verdict {
        Verdict::NotEnough { .. } => {
            let seconds = trial.hold_ms.saturating_mul(PATIENCE).div_ceil(1000);
            let message = format!("after {seconds} s nothing can be said of {release}: {what}");
            let hint =
                "send it more requests, hold it longer, or ask for less: rollout.judge.samples";
            of_app(message, Some(hint.into()))
        }
        Verdict::Good { .. } | Verdict::Bad { .. } => of_app(format!("{release} is {what}"), None),
    }
}

fn of_app(message: String, hint: Option<String>) -> StepError {
    StepError {
        message,
        hint,
        fault: Fault::App,
    }
}

/// How often each canary had been started at the first look, and when it was started as of the last one.
#[derive(Debug, Default)]
struct Lives(BTreeMap<String, (u64, Option<u64>)>);

impl Lives {
    /// Fails when one has ended since the first look, however soon it was started again.
    fn ensure_all_live(&mut self, canaries: &[CanaryLife], trial: &Trial) -> Result<(), StepError> {
        for canary in canaries {
            let known = self.0.get(&canary.id).copied();
            let (restarts, since_ms) = known.unwrap_or((canary.restarts, canary.since_ms));
            if !canary.runs || canary.restarts > restarts {
                let ended = canary.restarts.saturating_sub(restarts).max(1);
                let (id, release, how) = (&canary.id, &trial.release, how(canary, since_ms));
                let message = format!(
                    "{id} of {release} {how} ({ended} of its starts ended while it was judged)"
                );
                return Err(of_app(message, canary.words.clone()));
            }
            self.0
                .insert(canary.id.clone(), (restarts, canary.since_ms));
        }
        Ok(())
    }
}

#[expect(clippy::cast_precision_loss, reason = "for people, in three digits")]
fn how(canary: &CanaryLife, since_ms: Option<u64>) -> String {
    let Some(exit) = &canary.exit else {
        return "does not run".into();
    };
    let lived = since_ms.map(|since| exit.at_ms.saturating_sub(since));
    let after = lived.map_or_else(String::new, |ms| format!(" after {:.1} s", ms as f64 / 1e3));
    let memory = exit.max_rss_bytes >> 20;
    let cpu = exit.cpu_ms as f64 / 1e3;
    format!(
        "{}{after}, with {memory} MiB at most and {cpu:.1} s of CPU",
        exit.reason
    )
}
