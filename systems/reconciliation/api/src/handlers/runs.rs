//! Runs: starting, watching, stopping, certifying.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::json;
use sqlx::PgConnection;
use sqlx::types::Json as SqlJson;
use systems_kit::auth::access::{Identity, Require};
use systems_kit::body::{Json, Path, Query};
use systems_kit::problem::{Code, Problem};
use uuid::Uuid;

use super::Answer;
use super::transactions::day;
use crate::app::App;
use crate::audit::{Event, append};
use crate::page::{PageQuery, json, list};
use crate::permissions::{Read, RunsCertify, RunsReopen, RunsStart};
use crate::progress;

/// A run with `%PROGRESS%` where the last frame goes: it is in Redis, not here. It comes first, so
/// that no name of a source can pass for it.
pub(crate) const RUN: &str = "SELECT r.id::text, json_build_object('progress', '%PROGRESS%', 'id', r.id,
    'left', json_build_object('id', l.id, 'name', l.name), 'right', json_build_object('id', rt.id, 'name', rt.name),
    'rule_set', json_build_object('id', rs.id, 'name', rs.name, 'version', rs.version),
    'from', r.from_date, 'to', r.to_date, 'status', r.status, 'dry_run', r.dry_run, 'error', r.error,
    'created_at', iso(r.created_at), 'started_at', iso(r.started_at), 'finished_at', iso(r.finished_at),
    'created_by', r.created_by, 'certified_by', r.certified_by, 'certified_at', iso(r.certified_at),
    'stats', r.stats)::text
    FROM run r JOIN source l ON l.id = r.left_source JOIN source rt ON rt.id = r.right_source
    JOIN rule_set rs ON rs.id = r.rule_set_id";

const PROGRESS: &str = "\"%PROGRESS%\"";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewRun {
    left: Uuid,
    right: Uuid,
    rule_set: Option<Uuid>,
    from: Option<String>,
    to: Option<String>,
    #[serde(default)]
    dry_run: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reopen {
    reason: String,
}

pub(crate) async fn index(
    State(app): State<App>,
    _: Require<Read>,
    Query(page): Query<PageQuery>,
) -> Answer {
    let limit = page.limit()?;
    let rows: Vec<(String, String)> = sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "{RUN} WHERE ($1::uuid IS NULL OR r.id < $1) ORDER BY r.id DESC LIMIT $2"
    )))
    .bind(page.after::<Uuid>()?)
    .bind(limit + 1)
    .fetch_all(app.pool())
    .await?;
    let rows = rows
        .into_iter()
        .map(|(id, run)| (id, without_progress(&run)))
        .collect();
    Ok(list(rows, limit))
}

/// A run of a list: its progress is not asked for.
pub(crate) fn without_progress(run: &str) -> String {
    run.replacen(PROGRESS, "null", 1)
}

pub(crate) async fn show(State(app): State<App>, _: Require<Read>, Path(id): Path<Uuid>) -> Answer {
    respond(&app, id, StatusCode::OK).await
}

pub(crate) async fn create(
    State(app): State<App>,
    Require { who, .. }: Require<RunsStart>,
    headers: HeaderMap,
    Json(new): Json<NewRun>,
) -> Answer {
    if new.left == new.right {
        return Err(Problem::fault(
            "/right",
            "same_source",
            "the sides are the same source",
        ));
    }
    let from = day("from", new.from.clone())?;
    let to = day("to", new.to.clone())?;
    let idempotency_key = idempotency_key(&headers)?;
    let mut transaction = app.pool().begin().await?;
    if let Some(key) = &idempotency_key
        && let Some(id) = replayed(&mut transaction, &who, key).await?
    {
        drop(transaction);
        return respond(&app, id, StatusCode::ACCEPTED).await;
    }
    check_inputs(&mut transaction, &new).await?;
    let id = Uuid::now_v7();
    sqlx::query(
        "INSERT INTO run (id, left_source, right_source, rule_set_id, from_date, to_date, status, dry_run, idempotency_key, created_by)
         SELECT $1, $2, $3, rs.id, $5::date, $6::date, 'created', $7, $8, $9 FROM rule_set rs
         WHERE CASE WHEN $4::uuid IS NULL THEN rs.is_default ELSE rs.id = $4 END",
    )
    .bind(id)
    .bind(new.left)
    .bind(new.right)
    .bind(new.rule_set)
    .bind(from)
    .bind(to)
    .bind(new.dry_run)
    .bind(idempotency_key)
    .bind(&who.email)
    .execute(&mut *transaction)
    .await?;
    sqlx::query("INSERT INTO job (id, kind, payload) VALUES ($1, 'run', $2)")
        .bind(Uuid::now_v7())
        .bind(SqlJson(json!({"run_id": id})))
        .execute(&mut *transaction)
        .await?;
    let after = Some(json!({"left": new.left, "right": new.right, "dry_run": new.dry_run}));
    let event = Event {
        action: "run.start",
        entity: "run",
        id,
        before: None,
        after,
    };
    append(&mut transaction, &who, event).await?;
    transaction.commit().await?;
    app.work_waits().notify_one();
    respond(&app, id, StatusCode::ACCEPTED).await
}

async fn check_inputs(connection: &mut PgConnection, new: &NewRun) -> Result<(), Problem> {
    let (left, right, rules): (bool, bool, bool) = sqlx::query_as(
        "SELECT EXISTS (SELECT 1 FROM source WHERE id = $1), EXISTS (SELECT 1 FROM source WHERE id = $2),
           EXISTS (SELECT 1 FROM rule_set WHERE CASE WHEN $3::uuid IS NULL THEN is_default ELSE id = $3 END)",
    )
    .bind(new.left)
    .bind(new.right)
    .bind(new.rule_set)
    .fetch_one(connection)
    .await?;
    for (known, pointer) in [(left, "/left"), (right, "/right"), (rules, "/rule_set")] {
        if !known {
            return Err(Problem::fault(pointer, "unknown", "there is no such thing"));
        }
    }
    Ok(())
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get("idempotency-key") else {
        return Ok(None);
    };
    let key = value
        .to_str()
        .ok()
        .filter(|key| (1..=200).contains(&key.len()));
    key.map(|key| Some(key.to_owned())).ok_or_else(|| {
        Problem::new(
            Code::InvalidBody,
            "Idempotency-Key has 1 to 200 printable characters",
        )
    })
}

async fn replayed(
    connection: &mut PgConnection,
    who: &Identity,
    key: &str,
) -> Result<Option<Uuid>, sqlx::Error> {
    sqlx::query_scalar("SELECT id FROM run WHERE created_by = $1 AND idempotency_key = $2")
        .bind(&who.email)
        .bind(key)
        .fetch_optional(connection)
        .await
}

pub(crate) async fn cancel(
    State(app): State<App>,
    Require { who, .. }: Require<RunsStart>,
    Path(id): Path<Uuid>,
) -> Answer {
    let change = Change {
        sql: "UPDATE run SET status = 'cancelled', finished_at = now() WHERE id = $1 AND status IN ('created', 'matching')",
        action: "run.cancel",
        refused: "the run is over",
        reason: None,
    };
    change_status(&app, &who, id, change).await?;
    let mut frame = progress::Frame::start();
    frame.kind = "error";
    frame.detail = Some("the run was cancelled".to_owned());
    // The run is cancelled whether or not anyone can be told.
    let _told = progress::publish(app.cache(), id, &frame).await;
    respond(&app, id, StatusCode::OK).await
}

pub(crate) async fn certify(
    State(app): State<App>,
    Require { who, .. }: Require<RunsCertify>,
    Path(id): Path<Uuid>,
) -> Answer {
    let change = Change {
        sql: "UPDATE run SET status = 'certified', certified_by = $2, certified_at = now()
              WHERE id = $1 AND status = 'review' AND NOT dry_run
                AND NOT EXISTS (SELECT 1 FROM match m WHERE m.run_id = $1 AND m.status = 'suggested')
                AND NOT EXISTS (SELECT 1 FROM exception_item e WHERE e.run_id = $1 AND e.status <> 'closed')",
        action: "run.certify",
        refused: "only a run in review without open exceptions and suggested matches can be certified",
        reason: None,
    };
    change_status(&app, &who, id, change).await?;
    respond(&app, id, StatusCode::OK).await
}

pub(crate) async fn reopen(
    State(app): State<App>,
    Require { who, .. }: Require<RunsReopen>,
    Path(id): Path<Uuid>,
    Json(body): Json<Reopen>,
) -> Answer {
    let change = Change {
        sql: "UPDATE run SET status = 'review', certified_by = NULL, certified_at = NULL WHERE id = $1 AND status = 'certified'",
        action: "run.reopen",
        refused: "only a certified run can be opened again",
        reason: Some(body.reason),
    };
    change_status(&app, &who, id, change).await?;
    respond(&app, id, StatusCode::OK).await
}

struct Change {
    /// Takes the run as `$1` and may take who asks as `$2`.
    sql: &'static str,
    action: &'static str,
    refused: &'static str,
    reason: Option<String>,
}

async fn change_status(app: &App, who: &Identity, id: Uuid, change: Change) -> Result<(), Problem> {
    let mut transaction = app.pool().begin().await?;
    let before: Option<String> =
        sqlx::query_scalar("SELECT status FROM run WHERE id = $1 FOR UPDATE")
            .bind(id)
            .fetch_optional(&mut *transaction)
            .await?;
    let before = before.ok_or_else(|| Problem::new(Code::NotFound, "no such run"))?;
    let mut query = sqlx::query(change.sql).bind(id);
    if change.sql.contains("$2") {
        query = query.bind(&who.email);
    }
    if query.execute(&mut *transaction).await?.rows_affected() == 0 {
        return Err(Problem::new(Code::Conflict, change.refused));
    }
    let event = Event {
        action: change.action,
        entity: "run",
        id,
        before: Some(json!({"status": before})),
        after: change.reason.map(|reason| json!({"reason": reason})),
    };
    append(&mut transaction, who, event).await?;
    transaction.commit().await?;
    Ok(())
}

async fn respond(app: &App, id: Uuid, status: StatusCode) -> Answer {
    let row: Option<(String, String)> =
        sqlx::query_as(sqlx::AssertSqlSafe(format!("{RUN} WHERE r.id = $1")))
            .bind(id)
            .fetch_optional(app.pool())
            .await?;
    let (_, run) = row.ok_or_else(|| Problem::new(Code::NotFound, "no such run"))?;
    // A run is a run without its progress too, so an absent Redis is no error here.
    let frame = progress::last(app.cache(), id).await.ok().flatten();
    Ok(json(
        status,
        run.replacen(PROGRESS, frame.as_deref().unwrap_or("null"), 1),
    ))
}
