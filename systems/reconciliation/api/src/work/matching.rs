//! One run: load, match, write, and tell how far it is.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use recon_core::engine::{self, RunError, RunOptions};
use recon_core::outcome::Outcome;
use recon_core::rules::RuleSet;
use recon_core::txn::TxnStore;
use sqlx::types::Json;
use systems_kit::serve::Stop;
use tokio::sync::{mpsc, watch};
use tokio::time::{MissedTickBehavior, interval};
use uuid::Uuid;

use super::{Job, MOST_ATTEMPTS, RENEWAL, Renewed, give_back, load, renew, results};
use crate::app::App;
use crate::progress::{self, Frame};

/// Five frames a second.
const FRAME: Duration = Duration::from_millis(200);

/// A rule set has at most 64 passes.
const PASSES: usize = 64;

/// What a run is about.
#[derive(Debug, Clone)]
pub(super) struct Order {
    pub(super) left: Uuid,
    pub(super) right: Uuid,
    pub(super) from: Option<String>,
    pub(super) to: Option<String>,
    pub(super) dry_run: bool,
    pub(super) rules: RuleSet,
}

/// What the engine made of it.
#[derive(Debug)]
pub(super) struct Worked {
    pub(super) order: Order,
    pub(super) left: TxnStore,
    pub(super) right: TxnStore,
    pub(super) outcome: Outcome,
    pub(super) started: Instant,
}

/// How an attempt ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// Written.
    Done(Frame),
    /// Cancelled, or another replica's by now.
    NotOurs,
    /// This replica stops; another one should go on.
    Stopping,
}

/// Why an attempt failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum WorkError {
    /// The database was away, most likely.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
    /// The database sent what we cannot read.
    #[error(transparent)]
    Copy(#[from] crate::copy::MalformedCopyError),
    /// The rows do not fit the engine, or it failed.
    #[error("{0}")]
    Engine(String),
}

impl WorkError {
    /// Whether another attempt may succeed.
    fn may_pass(&self) -> bool {
        match self {
            Self::Database(error) => systems_kit::db::blame(error) == systems_kit::db::Blame::Away,
            Self::Copy(_) | Self::Engine(_) => false,
        }
    }
}

/// Does the job, whatever happens; what cannot be done is written on the run.
pub(super) async fn perform(app: &App, job: &Job, owner: Uuid, stop: Stop) {
    if job.attempts > MOST_ATTEMPTS {
        return fail(app, job, "given up after 5 attempts").await;
    }
    match attempt(app, job, owner, stop).await {
        Ok(Ended::Done(frame)) => {
            tell(app, job.run, &frame).await;
            crate::handlers::dashboard::forget(app).await;
        }
        Ok(Ended::NotOurs) => tracing::info!(run = %job.run, "the run is not ours any more"),
        Ok(Ended::Stopping) => give_back(app, job, owner).await,
        Err(error) => {
            let cause = systems_kit::problem::chain(&error);
            tracing::error!(run = %job.run, cause, attempt = job.attempts, "a run failed");
            if error.may_pass() {
                // The lease runs out; whoever is there then goes on.
                tokio::time::sleep(Duration::from_millis(500)).await;
                give_back(app, job, owner).await;
            } else {
                fail(app, job, &cause).await;
            }
        }
    }
}

async fn attempt(app: &App, job: &Job, owner: Uuid, stop: Stop) -> Result<Ended, WorkError> {
    let started = Instant::now();
    let Some(order) = begin(app, job).await? else {
        return Ok(Ended::NotOurs);
    };
    tell(app, job.run, &Frame::start()).await;
    let timer = app
        .figures()
        .run_seconds
        .with_label_values(&["load"])
        .start_timer();
    let Some(stores) = load::stores(app, job, owner, &order).await? else {
        return Ok(Ended::NotOurs);
    };
    timer.observe_duration();
    let timer = app
        .figures()
        .run_seconds
        .with_label_values(&["match"])
        .start_timer();
    let cancel = Arc::new(AtomicBool::new(false));
    let (frames, told) = frames();
    let engine = spawn(order, stores, (started, frames), Arc::clone(&cancel));
    let watched = watch_over(app, job, owner, (told, stop, Arc::clone(&cancel)));
    let (worked, kept) = tokio::join!(engine, watched);
    timer.observe_duration();
    match (worked, kept) {
        (_, Kept::Stopping) => Ok(Ended::Stopping),
        (_, Kept::Lost) | (Ok(Err(RunError::Cancelled)), Kept::Yes) => Ok(Ended::NotOurs),
        (Ok(Ok(worked)), Kept::Yes) => {
            let timer = app
                .figures()
                .run_seconds
                .with_label_values(&["write"])
                .start_timer();
            let ended = results::write(app, job, owner, worked).await;
            timer.observe_duration();
            ended
        }
        (Ok(Err(error)), Kept::Yes) => {
            if matches!(error, RunError::Conservation(_)) {
                app.figures().conservation_violations.inc();
            }
            Err(WorkError::Engine(error.to_string()))
        }
        (Err(error), Kept::Yes) => Err(WorkError::Engine(error.to_string())),
    }
}

/// Marks the run as being matched; `None` when it is over or cancelled, and then the job is done too.
async fn begin(app: &App, job: &Job) -> Result<Option<Order>, WorkError> {
    type Row = (
        Uuid,
        Uuid,
        Option<String>,
        Option<String>,
        bool,
        Json<RuleSet>,
    );
    let row: Option<Row> = sqlx::query_as(
        "UPDATE run r SET status = 'matching', started_at = coalesce(started_at, now())
         FROM rule_set s WHERE r.id = $1 AND r.status IN ('created', 'matching') AND s.id = r.rule_set_id
         RETURNING r.left_source, r.right_source, r.from_date::text, r.to_date::text, r.dry_run, s.rules",
    )
    .bind(job.run)
    .fetch_optional(app.pool())
    .await?;
    let Some((left, right, from, to, dry_run, rules)) = row else {
        sqlx::query("UPDATE job SET state = 'done' WHERE id = $1")
            .bind(job.id)
            .execute(app.pool())
            .await?;
        return Ok(None);
    };
    Ok(Some(Order {
        left,
        right,
        from,
        to,
        dry_run,
        rules: rules.0,
    }))
}

/// The latest frame, which may overwrite one that nobody saw, and the ends of passes, which may not.
struct FramesIn {
    latest: watch::Sender<Option<Frame>>,
    passes: mpsc::Sender<Frame>,
}

struct FramesOut {
    latest: watch::Receiver<Option<Frame>>,
    passes: mpsc::Receiver<Frame>,
}

fn frames() -> (FramesIn, FramesOut) {
    let (latest_in, latest_out) = watch::channel(None);
    let (passes_in, passes_out) = mpsc::channel(PASSES);
    let out = FramesOut {
        latest: latest_out,
        passes: passes_out,
    };
    (
        FramesIn {
            latest: latest_in,
            passes: passes_in,
        },
        out,
    )
}

/// Runs the engine on a thread of its own.
fn spawn(
    order: Order,
    (left, right): (TxnStore, TxnStore),
    (started, frames): (Instant, FramesIn),
    cancel: Arc<AtomicBool>,
) -> tokio::task::JoinHandle<Result<Worked, RunError>> {
    tokio::task::spawn_blocking(move || {
        // Random, so that nobody can craft a file whose keys collide; no result depends on it.
        let hash_seed = Uuid::new_v4().as_u64_pair().0;
        let mut last: Option<Frame> = None;
        let matching = Instant::now();
        let mut report = |now: engine::Progress<'_>| {
            let elapsed = u64::try_from(matching.elapsed().as_millis()).unwrap_or(u64::MAX);
            let frame = Frame::of("progress", &now, elapsed);
            if let Some(mut ended) = last.take().filter(|last| last.pass != frame.pass) {
                ended.kind = "pass_done";
                // Full only with more passes than a rule set may have.
                let _full = frames.passes.try_send(ended);
            }
            last = Some(frame.clone());
            frames.latest.send_replace(Some(frame));
            if cancel.load(Ordering::Relaxed) {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        };
        let options = RunOptions { hash_seed };
        let outcome = engine::run(&order.rules, &left, &right, options, &mut report)?;
        Ok(Worked {
            order,
            left,
            right,
            outcome,
            started,
        })
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kept {
    Yes,
    Lost,
    Stopping,
}

/// Publishes frames, renews the lease and listens for the end, until the engine is done.
async fn watch_over(
    app: &App,
    job: &Job,
    owner: Uuid,
    (mut told, stop, cancel): (FramesOut, Stop, Arc<AtomicBool>),
) -> Kept {
    let mut tick = interval(FRAME);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut renewed = Instant::now();
    let mut kept = Kept::Yes;
    loop {
        tick.tick().await;
        while let Ok(frame) = told.passes.try_recv() {
            tell(app, job.run, &frame).await;
        }
        let over = told.latest.has_changed().is_err();
        let frame = told.latest.borrow_and_update().clone().filter(|_| !over);
        if let Some(frame) = frame {
            tell(app, job.run, &frame).await;
        }
        if over {
            return kept;
        }
        if stop.is_set() {
            kept = Kept::Stopping;
            cancel.store(true, Ordering::Relaxed);
        } else if renewed.elapsed() >= RENEWAL {
            renewed = Instant::now();
            // When the database is away, the last transaction decides.
            if let Ok(Renewed::No) = renew(app, job, owner, app.pool()).await {
                kept = Kept::Lost;
                cancel.store(true, Ordering::Relaxed);
            }
        }
    }
}

async fn tell(app: &App, run: Uuid, frame: &Frame) {
    if let Err(error) = progress::publish(app.cache(), run, frame).await {
        tracing::warn!(%error, %run, "progress was not told");
    }
}

async fn fail(app: &App, job: &Job, cause: &str) {
    let failed = sqlx::query(
        "WITH ended AS (UPDATE job SET state = 'failed' WHERE id = $1)
         UPDATE run SET status = 'failed', error = $3, finished_at = now() WHERE id = $2 AND status IN ('created', 'matching')",
    )
    .bind(job.id)
    .bind(job.run)
    .bind(cause)
    .execute(app.pool())
    .await;
    if let Err(error) = failed {
        tracing::error!(%error, run = %job.run, "a failed run cannot be marked");
    }
    let mut frame = Frame::start();
    frame.kind = "error";
    frame.detail = Some(cause.to_owned());
    tell(app, job.run, &frame).await;
}
