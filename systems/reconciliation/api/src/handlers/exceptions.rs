//! Exceptions: what is left for people, and the four eyes that close it.

use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::json;
use sqlx::PgConnection;
use systems_kit::auth::access::{Identity, Require};
use systems_kit::body::{Json, Path, Query};
use systems_kit::problem::{Code, Problem};
use uuid::Uuid;

use super::Answer;
use super::matches::{open_for_review, side_letter};
use super::transactions::contains;
use crate::app::App;
use crate::audit::{Event, append};
use crate::page::{PageQuery, json, list, one};
use crate::permissions::{Discuss, ExceptionsApprove, MatchesPropose, Read};

/// The document of an exception, with its comments when `$1` says so. What follows narrows its row and ends in
/// `OFFSET 0) i`.
const EXCEPTION: &str = "SELECT e.nr::text, json_build_object('id', e.id, 'run_id', e.run_id,
    'side', CASE i.side WHEN 'L' THEN 'left' ELSE 'right' END, 'status', e.status, 'reason_code', e.reason_code,
    'resolution', e.resolution, 'reason', e.reason, 'assignee', e.assignee, 'proposed_by', e.proposed_by,
    'approved_by', e.approved_by, 'due_at', iso(e.due_at), 'age_days', extract(day FROM now() - e.created_at)::int,
    'match_id', i.match_id, 'txn', i.doc,
    'comments', CASE WHEN $1::boolean THEN (SELECT coalesce(json_agg(json_build_object('at', iso(c.at), 'author', c.author,
      'text', c.body) ORDER BY c.id), '[]'::json) FROM exception_comment c WHERE c.exception_id = e.id) ELSE '[]'::json END)::text
    FROM exception_item e CROSS JOIN LATERAL (SELECT ri.side, ri.match_id, txn_doc(txn) AS doc
      FROM run_item ri JOIN txn ON txn.id = ri.txn_id WHERE ri.run_id = e.run_id AND ri.txn_id = e.txn_id";

#[derive(Deserialize)]
pub(crate) struct Filter {
    run_id: Option<Uuid>,
    status: Option<String>,
    reason_code: Option<String>,
    side: Option<String>,
    assignee: Option<String>,
    q: Option<String>,
    limit: Option<i64>,
    cursor: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Assign {
    assignee: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Comment {
    text: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Proposal {
    resolution: Resolution,
    reason: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Resolution {
    Explained,
    Adjusted,
    WrittenOff,
    CarriedForward,
}

impl Resolution {
    fn name(self) -> &'static str {
        match self {
            Self::Explained => "explained",
            Self::Adjusted => "adjusted",
            Self::WrittenOff => "written_off",
            Self::CarriedForward => "carried_forward",
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Why {
    reason: String,
}

pub(crate) async fn index(
    State(app): State<App>,
    _: Require<Read>,
    Query(filter): Query<Filter>,
) -> Answer {
    let page = PageQuery {
        limit: filter.limit,
        cursor: filter.cursor,
    };
    let limit = page.limit()?;
    let rows = sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "{EXCEPTION} AND ($5::text IS NULL OR ri.side = $5::text::bpchar)
             AND ($7::text IS NULL OR ext_id ILIKE $7 OR reference ILIKE $7 OR counterparty ILIKE $7) OFFSET 0) i
         WHERE ($2::uuid IS NULL OR e.run_id = $2) AND ($3::text IS NULL OR e.status = $3)
           AND ($4::text IS NULL OR e.reason_code = $4)
           AND ($6::text IS NULL OR e.assignee = $6)
           AND ($8::bigint IS NULL OR e.nr > $8)
         ORDER BY e.nr LIMIT $9"
    )))
    .persistent(false)
    .bind(false)
    .bind(filter.run_id)
    .bind(filter.status)
    .bind(filter.reason_code)
    .bind(side_letter(filter.side.as_deref())?)
    .bind(filter.assignee)
    .bind(filter.q.as_deref().map(contains))
    .bind(page.after::<i64>()?)
    .bind(limit + 1)
    .fetch_all(app.pool())
    .await?;
    Ok(list(rows, limit))
}

pub(crate) async fn show(State(app): State<App>, _: Require<Read>, Path(id): Path<Uuid>) -> Answer {
    one(document(&app, id).await?)
}

pub(crate) async fn assign(
    State(app): State<App>,
    Require { who, .. }: Require<MatchesPropose>,
    Path(id): Path<Uuid>,
    Json(body): Json<Assign>,
) -> Answer {
    let mut transaction = app.pool().begin().await?;
    let held = lock(&mut transaction, id, &["open", "assigned"]).await?;
    let done = sqlx::query(
        "UPDATE exception_item SET assignee = $2, status = CASE WHEN $2::text IS NULL THEN 'open' ELSE 'assigned' END
         WHERE id = $1 AND ($2::text IS NULL OR EXISTS (SELECT 1 FROM app_user u WHERE u.email = $2 AND NOT u.disabled))",
    )
    .bind(id)
    .bind(&body.assignee)
    .execute(&mut *transaction)
    .await?;
    if done.rows_affected() == 0 {
        return Err(Problem::fault(
            "/assignee",
            "unknown",
            "nobody has this address",
        ));
    }
    let after = json!({"assignee": body.assignee});
    finish(
        &app,
        transaction,
        &who,
        ("exception.assign", id),
        (held, after),
    )
    .await
}

pub(crate) async fn comment(
    State(app): State<App>,
    Require { who, .. }: Require<Discuss>,
    Path(id): Path<Uuid>,
    Json(body): Json<Comment>,
) -> Answer {
    check_text("/text", &body.text)?;
    let mut transaction = app.pool().begin().await?;
    let held = lock(
        &mut transaction,
        id,
        &["open", "assigned", "proposed", "closed"],
    )
    .await?;
    sqlx::query(
        "INSERT INTO exception_comment (id, exception_id, author, body) VALUES ($1, $2, $3, $4)",
    )
    .bind(Uuid::now_v7())
    .bind(id)
    .bind(&who.email)
    .bind(&body.text)
    .execute(&mut *transaction)
    .await?;
    let after = json!({"comment": body.text});
    finish(
        &app,
        transaction,
        &who,
        ("exception.comment", id),
        (held, after),
    )
    .await?;
    let document = document(&app, id).await?;
    let document = document.ok_or_else(|| Problem::new(Code::NotFound, "no such exception"))?;
    Ok(json(StatusCode::CREATED, document))
}

pub(crate) async fn propose(
    State(app): State<App>,
    Require { who, .. }: Require<MatchesPropose>,
    Path(id): Path<Uuid>,
    Json(body): Json<Proposal>,
) -> Answer {
    check_text("/reason", &body.reason)?;
    let mut transaction = app.pool().begin().await?;
    let held = lock(&mut transaction, id, &["open", "assigned"]).await?;
    sqlx::query(
        "UPDATE exception_item SET status = 'proposed', resolution = $2, reason = $3, proposed_by = $4, approved_by = NULL
         WHERE id = $1",
    )
    .bind(id)
    .bind(body.resolution.name())
    .bind(&body.reason)
    .bind(&who.email)
    .execute(&mut *transaction)
    .await?;
    let after = json!({"resolution": body.resolution.name(), "reason": body.reason});
    finish(
        &app,
        transaction,
        &who,
        ("exception.propose", id),
        (held, after),
    )
    .await
}

pub(crate) async fn approve(
    State(app): State<App>,
    Require { who, .. }: Require<ExceptionsApprove>,
    Path(id): Path<Uuid>,
) -> Answer {
    let mut transaction = app.pool().begin().await?;
    let held = lock(&mut transaction, id, &["proposed"]).await?;
    if held.proposed_by.as_deref() == Some(&who.email) {
        return Err(Problem::new(
            Code::FourEyes,
            "nobody approves their own proposal",
        ));
    }
    sqlx::query("UPDATE exception_item SET status = 'closed', approved_by = $2 WHERE id = $1")
        .bind(id)
        .bind(&who.email)
        .execute(&mut *transaction)
        .await?;
    let after = json!({"status": "closed"});
    finish(
        &app,
        transaction,
        &who,
        ("exception.approve", id),
        (held, after),
    )
    .await
}

pub(crate) async fn reject(
    State(app): State<App>,
    Require { who, .. }: Require<ExceptionsApprove>,
    Path(id): Path<Uuid>,
    Json(why): Json<Why>,
) -> Answer {
    check_text("/reason", &why.reason)?;
    let mut transaction = app.pool().begin().await?;
    let held = lock(&mut transaction, id, &["proposed"]).await?;
    sqlx::query(
        "UPDATE exception_item SET status = CASE WHEN assignee IS NULL THEN 'open' ELSE 'assigned' END, resolution = NULL,
           proposed_by = NULL, reason = $2 WHERE id = $1",
    )
    .bind(id)
    .bind(&why.reason)
    .execute(&mut *transaction)
    .await?;
    let after = json!({"reason": why.reason});
    finish(
        &app,
        transaction,
        &who,
        ("exception.reject", id),
        (held, after),
    )
    .await
}

struct Held {
    status: String,
    proposed_by: Option<String>,
}

async fn lock(connection: &mut PgConnection, id: Uuid, wanted: &[&str]) -> Result<Held, Problem> {
    let row: Option<(Uuid, String, Option<String>)> = sqlx::query_as(
        "SELECT run_id, status, proposed_by FROM exception_item WHERE id = $1 FOR UPDATE",
    )
    .bind(id)
    .fetch_optional(&mut *connection)
    .await?;
    let (run, status, proposed_by) =
        row.ok_or_else(|| Problem::new(Code::NotFound, "no such exception"))?;
    if !wanted.contains(&status.as_str()) {
        let detail = format!("the exception is {status}, not {}", wanted.join(" or "));
        return Err(Problem::new(Code::Conflict, detail));
    }
    open_for_review(connection, run).await?;
    Ok(Held {
        status,
        proposed_by,
    })
}

fn check_text(pointer: &str, text: &str) -> Result<(), Problem> {
    if (1..=4000).contains(&text.trim().chars().count()) && !text.contains('\0') {
        return Ok(());
    }
    Err(Problem::fault(
        pointer,
        "out_of_range",
        "1 to 4000 characters",
    ))
}

async fn finish(
    app: &App,
    mut transaction: sqlx::Transaction<'static, sqlx::Postgres>,
    who: &Identity,
    (action, id): (&str, Uuid),
    (held, after): (Held, serde_json::Value),
) -> Answer {
    let before = Some(json!({"status": held.status}));
    let event = Event {
        action,
        entity: "exception",
        id,
        before,
        after: Some(after),
    };
    append(&mut transaction, who, event).await?;
    transaction.commit().await?;
    super::dashboard::forget(app).await;
    one(document(app, id).await?)
}

async fn document(app: &App, id: Uuid) -> Result<Option<String>, sqlx::Error> {
    let row: Option<(String, String)> = sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "{EXCEPTION} OFFSET 0) i WHERE e.id = $2"
    )))
    .bind(true)
    .bind(id)
    .fetch_optional(app.pool())
    .await?;
    Ok(row.map(|(_, document)| document))
}
