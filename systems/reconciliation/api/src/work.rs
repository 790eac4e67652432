//! Background work: jobs that replicas share through one table.
//!
//! A job belongs to whoever holds its lease. While a transaction reads or writes for the job it holds the job's
//! row, which nobody
//! else can take then and which a dead replica lets go at once; in between, while the engine works, the lease is
//! renewed. When a
//! replica dies, the lease runs out and another replica starts the job anew. Nothing of a run is visible before
//! its last transaction, which also ends the job and
//! fails if the lease was lost: so a run that two replicas worked on is still written once.
//!
//! Reading order: `claim` → [`matching`] → [`load`] → [`results`] → [`exceptions`].

pub mod exceptions;
mod load;
mod matching;
mod results;

use std::time::Duration;

use serde_json::Value;
use sqlx::types::Json;
use systems_kit::serve::Stop;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use crate::app::App;

/// A dead replica's job waits this long, and [`LOOK`] on top. Three renewals fit in it, so a pause of two seconds
/// loses no lease;
/// one that does costs the work that was done, and nothing else.
const LEASE_SECONDS: f64 = 3.0;

/// The same where a replica has one connection only: a long upload holds it, and the renewal waits behind.
const LEASE_OF_ONE_CONNECTION_SECONDS: f64 = 30.0;

/// Between renewals, and so between looks at whether the run was cancelled.
const RENEWAL: Duration = Duration::from_millis(900);

/// Between looks at the table when nobody rings.
const LOOK: Duration = Duration::from_secs(1);

/// A job that has killed this many replicas will kill the next one too.
const MOST_ATTEMPTS: i32 = 5;

/// A job that is ours for now.
#[derive(Debug, Clone)]
struct Job {
    id: Uuid,
    run: Uuid,
    attempts: i32,
}

/// Takes jobs until the end begins. Ends within a second of it: a run in work is given back to the others.
pub async fn take_jobs(app: App, mut stop: Stop) {
    let owner = Uuid::now_v7();
    while !stop.is_set() {
        match claim(&app, owner).await {
            Ok(Some(job)) => matching::perform(&app, &job, owner, stop.clone()).await,
            Ok(None) => {
                tokio::select! {
                    () = stop.wait() => {}
                    _ = timeout(LOOK, app.work_waits().notified()) => {}
                }
            }
            Err(error) => {
                tracing::warn!(error = %systems_kit::problem::chain(&error), "no look at the jobs");
                tokio::select! {
                    () = stop.wait() => {}
                    () = sleep(LOOK) => {}
                }
            }
        }
    }
}

async fn claim(app: &App, owner: Uuid) -> Result<Option<Job>, sqlx::Error> {
    let row: Option<(Uuid, Json<Value>, i32)> = sqlx::query_as(
        "UPDATE job SET state = 'running', owner = $1, attempts = attempts + 1, lease_until = now() + make_interval(secs => $2)
         WHERE id = (SELECT id FROM job
           WHERE (state = 'ready' AND run_after <= now()) OR (state = 'running' AND lease_until < now())
           ORDER BY run_after FOR UPDATE SKIP LOCKED LIMIT 1)
         RETURNING id, payload, attempts",
    )
    .bind(owner)
    .bind(lease_seconds(app))
    .fetch_optional(app.pool())
    .await?;
    let Some((id, payload, attempts)) = row else {
        return Ok(None);
    };
    let run = payload.0["run_id"]
        .as_str()
        .and_then(|text| Uuid::try_parse(text).ok());
    Ok(run.map(|run| Job { id, run, attempts }))
}

/// Gives the job back, to be taken at once by another replica.
async fn give_back(app: &App, job: &Job, owner: Uuid) {
    let given = sqlx::query("UPDATE job SET state = 'ready', owner = NULL, attempts = attempts - 1 WHERE id = $1 AND owner = $2")
        .bind(job.id)
        .bind(owner)
        .execute(app.pool())
        .await;
    if let Err(error) = given {
        tracing::warn!(%error, "a job waits for the end of its lease");
    }
}

/// Whether the work should go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Renewed {
    /// Ours still.
    Yes,
    /// Cancelled by someone, or taken by another replica.
    No,
}

fn lease_seconds(app: &App) -> f64 {
    if app.settings().platform.pool_size > 1 {
        LEASE_SECONDS
    } else {
        LEASE_OF_ONE_CONNECTION_SECONDS
    }
}

async fn renew(
    app: &App,
    job: &Job,
    owner: Uuid,
    executor: impl sqlx::PgExecutor<'_>,
) -> Result<Renewed, sqlx::Error> {
    let status: Option<String> = sqlx::query_scalar(
        "UPDATE job SET lease_until = now() + make_interval(secs => $3)
         WHERE id = $1 AND owner = $2 AND state = 'running'
         RETURNING (SELECT status FROM run WHERE run.id = $4)",
    )
    .bind(job.id)
    .bind(owner)
    .bind(lease_seconds(app))
    .bind(job.run)
    .fetch_optional(executor)
    .await?;
    Ok(if status.as_deref() == Some("matching") {
        Renewed::Yes
    } else {
        Renewed::No
    })
}
