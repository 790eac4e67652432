//! Matches: reading them, and what people decide about them.

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
use super::transactions::contains;
use crate::app::App;
use crate::audit::{Event, append};
use crate::page::{PageQuery, json, list};
use crate::permissions::{MatchesConfirm, MatchesPropose, Read};

/// More rows than this in one match by hand are a mistake of the hand.
const MOST_ROWS: usize = 200;

const MATCH: &str = "SELECT m.id::text, json_build_object('id', m.id, 'run_id', m.run_id, 'kind', m.kind, 'status', m.status,
    'score', m.score, 'pass', m.pass, 'ccy', m.ccy, 'left_sum', m.left_sum::text, 'right_sum', m.right_sum::text,
    'variance_minor', m.variance_minor::text, 'ambiguous', m.ambiguous, 'reason', m.reason, 'created_by', m.created_by,
    'confirmed_by', m.confirmed_by,
    'left', (SELECT json_agg(txn_doc(t) ORDER BY t.id) FROM txn t WHERE t.id = ANY (m.left_ids)),
    'right', (SELECT json_agg(txn_doc(t) ORDER BY t.id) FROM txn t WHERE t.id = ANY (m.right_ids)))::text,
    m.evidence::text FROM match m";

/// Key, document without its evidence, and the evidence that was stored.
type Row = (String, String, Option<String>);

fn with_evidence(document: &str, evidence: &str) -> String {
    let open = document.strip_suffix('}').unwrap_or(document);
    format!("{open},\"evidence\":{evidence}}}")
}

#[derive(Deserialize)]
pub(crate) struct Filter {
    status: Option<String>,
    pass: Option<String>,
    q: Option<String>,
    limit: Option<i64>,
    cursor: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct ItemFilter {
    side: Option<String>,
    state: Option<String>,
    ccy: Option<String>,
    q: Option<String>,
    limit: Option<i64>,
    cursor: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manual {
    run_id: Uuid,
    left_ids: Vec<String>,
    right_ids: Vec<String>,
    reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Why {
    reason: String,
}

pub(crate) async fn index(
    State(app): State<App>,
    _: Require<Read>,
    Path(run): Path<Uuid>,
    Query(filter): Query<Filter>,
) -> Answer {
    known_run(&app, run).await?;
    let page = PageQuery {
        limit: filter.limit,
        cursor: filter.cursor,
    };
    let limit = page.limit()?;
    let rows: Vec<Row> = sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "{MATCH} WHERE m.run_id = $1 AND ($2::text IS NULL OR m.status = $2) AND ($3::text IS NULL OR m.pass = $3)
           AND ($4::text IS NULL OR EXISTS (SELECT 1 FROM txn t WHERE (t.id = ANY (m.left_ids) OR t.id = ANY (m.right_ids))
             AND (t.ext_id ILIKE $4 OR t.reference ILIKE $4 OR t.counterparty ILIKE $4)))
           AND ($5::uuid IS NULL OR m.id > $5)
         ORDER BY m.id LIMIT $6"
    )))
    .persistent(false)
    .bind(run)
    .bind(filter.status)
    .bind(filter.pass)
    .bind(filter.q.as_deref().map(contains))
    .bind(page.after::<Uuid>()?)
    .bind(limit + 1)
    .fetch_all(app.pool())
    .await?;
    // What is computed is computed for one match at a time, when someone looks at it.
    let rows = rows.into_iter().map(|(id, document, stored)| {
        let evidence = stored.as_deref().unwrap_or("[]");
        (id, with_evidence(&document, evidence))
    });
    Ok(list(rows.collect(), limit))
}

pub(crate) async fn items(
    State(app): State<App>,
    _: Require<Read>,
    Path(run): Path<Uuid>,
    Query(filter): Query<ItemFilter>,
) -> Answer {
    known_run(&app, run).await?;
    let page = PageQuery {
        limit: filter.limit,
        cursor: filter.cursor,
    };
    let limit = page.limit()?;
    let rows = sqlx::query_as(
        "SELECT i.txn_id::text, left(t.doc, -1) || ',' || substr(json_build_object(
           'side', CASE i.side WHEN 'L' THEN 'left' ELSE 'right' END, 'state', i.state, 'match_id', i.match_id,
           'exception_id', (SELECT e.id FROM exception_item e WHERE e.run_id = i.run_id AND e.txn_id = i.txn_id))::text, 2)
         FROM run_item i CROSS JOIN LATERAL (SELECT txn_doc(txn)::text AS doc FROM txn WHERE id = i.txn_id
           AND ($4::text IS NULL OR ccy = $4::text::bpchar)
           AND ($5::text IS NULL OR ext_id ILIKE $5 OR reference ILIKE $5 OR counterparty ILIKE $5) OFFSET 0) t
         WHERE i.run_id = $1 AND ($2::text IS NULL OR i.side = $2::text::bpchar) AND ($3::text IS NULL OR i.state = $3)
           AND ($6::bigint IS NULL OR i.txn_id > $6)
         ORDER BY i.txn_id LIMIT $7",
    )
    .persistent(false)
    .bind(run)
    .bind(side_letter(filter.side.as_deref())?)
    .bind(filter.state)
    .bind(filter.ccy)
    .bind(filter.q.as_deref().map(contains))
    .bind(page.after::<i64>()?)
    .bind(limit + 1)
    .fetch_all(app.pool())
    .await?;
    Ok(list(rows, limit))
}

/// `left` and `right` as the tables have them.
pub(crate) fn side_letter(side: Option<&str>) -> Result<Option<&'static str>, Problem> {
    match side {
        None | Some("") => Ok(None),
        Some("left") => Ok(Some("L")),
        Some("right") => Ok(Some("R")),
        Some(_) => Err(Problem::new(Code::InvalidQuery, "side is left or right")),
    }
}

/// An unknown run is a 404, not an empty list.
pub(crate) async fn known_run(app: &App, run: Uuid) -> Result<(), Problem> {
    let known: Option<i32> = sqlx::query_scalar("SELECT 1 FROM run WHERE id = $1")
        .bind(run)
        .fetch_optional(app.pool())
        .await?;
    known
        .map(|_| ())
        .ok_or_else(|| Problem::new(Code::NotFound, "no such run"))
}

pub(crate) async fn show(State(app): State<App>, _: Require<Read>, Path(id): Path<Uuid>) -> Answer {
    respond(&app, id, StatusCode::OK).await
}

pub(crate) async fn create(
    State(app): State<App>,
    Require { who, .. }: Require<MatchesPropose>,
    Json(manual): Json<Manual>,
) -> Answer {
    let left = ids("/left_ids", &manual.left_ids)?;
    let right = ids("/right_ids", &manual.right_ids)?;
    check_reason(&manual.reason)?;
    let mut transaction = app.pool().begin().await?;
    open_for_review(&mut transaction, manual.run_id).await?;
    let left_side = open_side(&mut transaction, manual.run_id, "L", &left).await?;
    let right_side = open_side(&mut transaction, manual.run_id, "R", &right).await?;
    if left_side.ccy != right_side.ccy {
        return Err(Problem::new(
            Code::Unbalanced,
            "the sides have different currencies",
        ));
    }
    if left_side.sum != right_side.sum {
        let detail = format!("left is {}, right is {}", left_side.sum, right_side.sum);
        return Err(Problem::new(Code::Unbalanced, detail));
    }
    let id = Uuid::now_v7();
    sqlx::query(
        "INSERT INTO match (id, run_id, kind, status, pass, ccy, left_ids, right_ids, left_sum, right_sum, variance_minor,
           ambiguous, reason, created_by, confirmed_by)
         VALUES ($1, $2, 'manual', 'confirmed', 'manual', $3, $4, $5, $6, $6, 0, false, $7, $8, $8)",
    )
    .bind(id)
    .bind(manual.run_id)
    .bind(&left_side.ccy)
    .bind(&left)
    .bind(&right)
    .bind(left_side.sum)
    .bind(&manual.reason)
    .bind(&who.email)
    .execute(&mut *transaction)
    .await?;
    claim(&mut transaction, manual.run_id, id, &[left, right].concat()).await?;
    let after = json!({"left_ids": manual.left_ids, "right_ids": manual.right_ids, "reason": manual.reason});
    finish(&app, transaction, &who, ("match.create", id), Some(after)).await?;
    respond(&app, id, StatusCode::CREATED).await
}

struct OpenSide {
    ccy: String,
    sum: i64,
}

/// The rows of one side, locked; all must be open.
async fn open_side(
    connection: &mut PgConnection,
    run: Uuid,
    side: &str,
    ids: &[i64],
) -> Result<OpenSide, Problem> {
    let rows: Vec<(String, i64)> = sqlx::query_as(
        "SELECT t.ccy::text, t.amount_minor FROM run_item i JOIN txn t ON t.id = i.txn_id
         WHERE i.run_id = $1 AND i.side = $2 AND i.txn_id = ANY ($3) AND i.state = 'unmatched' FOR UPDATE OF i",
    )
    .bind(run)
    .bind(side)
    .bind(ids)
    .fetch_all(connection)
    .await?;
    if rows.len() != ids.len() {
        let detail = "a row is not on this side of the run, or it is taken already";
        return Err(Problem::new(Code::Conflict, detail));
    }
    let ccy = rows[0].0.clone();
    if rows.iter().any(|(other, _)| *other != ccy) {
        return Err(Problem::new(
            Code::Unbalanced,
            "the rows have different currencies",
        ));
    }
    let sum = rows
        .iter()
        .try_fold(0_i64, |sum, (_, amount)| sum.checked_add(*amount));
    let sum = sum.ok_or_else(|| Problem::new(Code::Unbalanced, "the sum is too large"))?;
    Ok(OpenSide { ccy, sum })
}

fn ids(pointer: &str, texts: &[String]) -> Result<Vec<i64>, Problem> {
    if texts.is_empty() || texts.len() > MOST_ROWS {
        return Err(Problem::fault(
            pointer,
            "out_of_range",
            "a side has 1 to 200 rows",
        ));
    }
    let parsed: Result<Vec<i64>, _> = texts.iter().map(|text| text.parse::<i64>()).collect();
    let mut ids = parsed.map_err(|_| Problem::fault(pointer, "invalid", "not ids of rows"))?;
    ids.sort_unstable();
    ids.dedup();
    if ids.len() == texts.len() {
        return Ok(ids);
    }
    Err(Problem::fault(pointer, "repeated", "a row is named twice"))
}

pub(crate) async fn confirm(
    State(app): State<App>,
    Require { who, .. }: Require<MatchesConfirm>,
    Path(id): Path<Uuid>,
) -> Answer {
    let mut transaction = app.pool().begin().await?;
    let held = lock(&mut transaction, id, "suggested").await?;
    if held.created_by.as_deref() == Some(&who.email) {
        return Err(Problem::new(
            Code::FourEyes,
            "nobody confirms their own proposal",
        ));
    }
    sqlx::query("UPDATE match SET status = 'confirmed', confirmed_by = $2 WHERE id = $1")
        .bind(id)
        .bind(&who.email)
        .execute(&mut *transaction)
        .await?;
    claim(&mut transaction, held.run_id, id, &held.rows).await?;
    finish(&app, transaction, &who, ("match.confirm", id), None).await?;
    respond(&app, id, StatusCode::OK).await
}

pub(crate) async fn reject(
    State(app): State<App>,
    Require { who, .. }: Require<MatchesConfirm>,
    Path(id): Path<Uuid>,
    Json(why): Json<Why>,
) -> Answer {
    release(&app, &who, id, why, ("suggested", "match.reject")).await
}

pub(crate) async fn unmatch(
    State(app): State<App>,
    Require { who, .. }: Require<MatchesPropose>,
    Path(id): Path<Uuid>,
    Json(why): Json<Why>,
) -> Answer {
    release(&app, &who, id, why, ("confirmed", "match.unmatch")).await
}

/// Lets the rows of a match go: they are unmatched and wait as exceptions.
async fn release(
    app: &App,
    who: &Identity,
    id: Uuid,
    why: Why,
    (status, action): (&str, &str),
) -> Answer {
    check_reason(&why.reason)?;
    let mut transaction = app.pool().begin().await?;
    let held = lock(&mut transaction, id, status).await?;
    sqlx::query("UPDATE match SET status = 'rejected', reason = $2 WHERE id = $1")
        .bind(id)
        .bind(&why.reason)
        .execute(&mut *transaction)
        .await?;
    sqlx::query("UPDATE run_item SET state = 'unmatched', match_id = NULL WHERE run_id = $1 AND match_id = $2")
        .bind(held.run_id)
        .bind(id)
        .execute(&mut *transaction)
        .await?;
    crate::work::exceptions::open(&mut transaction, held.run_id, Some(&held.rows)).await?;
    finish(
        app,
        transaction,
        who,
        (action, id),
        Some(json!({"reason": why.reason})),
    )
    .await?;
    respond(app, id, StatusCode::OK).await
}

struct Held {
    run_id: Uuid,
    created_by: Option<String>,
    rows: Vec<i64>,
}

/// Locks a match that has the wanted status, in a run that people may still change.
async fn lock(connection: &mut PgConnection, id: Uuid, wanted: &str) -> Result<Held, Problem> {
    type Row = (Uuid, String, Option<String>, Vec<i64>);
    let row: Option<Row> = sqlx::query_as(
        "SELECT run_id, status, created_by, left_ids || right_ids FROM match WHERE id = $1 FOR UPDATE",
    )
    .bind(id)
    .fetch_optional(&mut *connection)
    .await?;
    let (run_id, status, created_by, rows) =
        row.ok_or_else(|| Problem::new(Code::NotFound, "no such match"))?;
    if status != wanted {
        return Err(Problem::new(
            Code::Conflict,
            format!("the match is {status}, not {wanted}"),
        ));
    }
    open_for_review(connection, run_id).await?;
    Ok(Held {
        run_id,
        created_by,
        rows,
    })
}

/// A certified run is closed: it must be opened again first.
pub(crate) async fn open_for_review(
    connection: &mut PgConnection,
    run: Uuid,
) -> Result<(), Problem> {
    let status: Option<String> =
        sqlx::query_scalar("SELECT status FROM run WHERE id = $1 FOR SHARE")
            .bind(run)
            .fetch_optional(connection)
            .await?;
    match status.as_deref() {
        Some("review") => Ok(()),
        Some(status) => Err(Problem::new(Code::Conflict, format!("the run is {status}"))),
        None => Err(Problem::new(Code::NotFound, "no such run")),
    }
}

/// Puts rows into a confirmed match; their exceptions are settled by it.
async fn claim(
    connection: &mut PgConnection,
    run: Uuid,
    id: Uuid,
    rows: &[i64],
) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE run_item SET state = 'matched', match_id = $2 WHERE run_id = $1 AND txn_id = ANY ($3)")
        .bind(run)
        .bind(id)
        .bind(rows)
        .execute(&mut *connection)
        .await?;
    sqlx::query(
        "UPDATE exception_item SET status = 'closed', resolution = 'matched_manual'
         WHERE run_id = $1 AND txn_id = ANY ($2) AND status <> 'closed'",
    )
    .bind(run)
    .bind(rows)
    .execute(connection)
    .await
    .map(|_| ())
}

fn check_reason(reason: &str) -> Result<(), Problem> {
    if (1..=1000).contains(&reason.trim().chars().count()) {
        return Ok(());
    }
    Err(Problem::fault(
        "/reason",
        "out_of_range",
        "a reason has 1 to 1000 characters",
    ))
}

async fn finish(
    app: &App,
    mut transaction: sqlx::Transaction<'static, sqlx::Postgres>,
    who: &Identity,
    (action, id): (&str, Uuid),
    after: Option<serde_json::Value>,
) -> Result<(), Problem> {
    let event = Event {
        action,
        entity: "match",
        id,
        before: None,
        after,
    };
    append(&mut transaction, who, event).await?;
    super::standing::renew(&mut transaction, id).await?;
    transaction.commit().await?;
    super::dashboard::forget(app).await;
    Ok(())
}

async fn respond(app: &App, id: Uuid, status: StatusCode) -> Answer {
    let row: Option<Row> = sqlx::query_as(sqlx::AssertSqlSafe(format!("{MATCH} WHERE m.id = $1")))
        .bind(id)
        .fetch_optional(app.pool())
        .await?;
    let (_, document, stored) = row.ok_or_else(|| Problem::new(Code::NotFound, "no such match"))?;
    let evidence = match stored {
        Some(stored) => stored,
        None => super::why::evidence_of(app, id).await?,
    };
    Ok(json(status, with_evidence(&document, &evidence)))
}
