//! Sources: where files come from and how they are read.

use axum::extract::{Multipart, State};
use axum::http::StatusCode;
use recon_core::ingest::{Ingested, Limits};
use recon_core::mapping::Mapping;
use serde::Deserialize;
use serde_json::{Value, json};
use sqlx::types::Json as SqlJson;
use systems_kit::auth::access::Require;
use systems_kit::body::{Json, Path, Query};
use systems_kit::problem::{Code, Problem};
use uuid::Uuid;

use super::Answer;
use super::uploads::multipart_problem;
use crate::app::App;
use crate::audit::{Event, append};
use crate::ingest::{ingest_problem, reject_json};
use crate::page::{PageQuery, json, list};
use crate::permissions::{Preview, Read, SourcesWrite};

const SOURCE: &str = "SELECT s.id::text, json_build_object('id', s.id, 'name', s.name, 'format', s.format, 'account', s.account,
    'ccy', s.ccy, 'mapping', s.mapping, 'version', s.version, 'created_at', iso(s.created_at),
    'transactions', (SELECT coalesce(sum(u.accepted), 0)::bigint FROM upload u WHERE u.source_id = s.id))::text FROM source s";

/// Rows that a preview shows.
const PREVIEW_ROWS: usize = 50;

/// Bytes that a preview reads: fifty rows of twenty kilobytes.
const PREVIEW_BYTES: usize = 1024 * 1024;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewSource {
    name: String,
    #[serde(default)]
    account: String,
    ccy: Option<String>,
    mapping: Option<Mapping>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SourceChange {
    name: Option<String>,
    account: Option<String>,
    ccy: Option<String>,
    mapping: Option<Mapping>,
    version: i32,
}

pub(crate) async fn index(
    State(app): State<App>,
    _: Require<Read>,
    Query(page): Query<PageQuery>,
) -> Answer {
    let limit = page.limit()?;
    let rows = sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "{SOURCE} WHERE ($1::uuid IS NULL OR s.id > $1) ORDER BY s.id LIMIT $2"
    )))
    .bind(page.after::<Uuid>()?)
    .bind(limit + 1)
    .fetch_all(app.pool())
    .await?;
    Ok(list(rows, limit))
}

pub(crate) async fn create(
    State(app): State<App>,
    Require { who, .. }: Require<SourcesWrite>,
    Json(new): Json<NewSource>,
) -> Answer {
    check_name(&new.name)?;
    check_ccy(new.ccy.as_deref())?;
    let mapping = new.mapping.unwrap_or_else(crate::ingest::default_mapping);
    check_mapping(&mapping)?;
    let id = Uuid::now_v7();
    let mut transaction = app.pool().begin().await?;
    sqlx::query("INSERT INTO source (id, name, account, ccy, mapping) VALUES ($1, $2, $3, $4, $5)")
        .bind(id)
        .bind(new.name.trim())
        .bind(&new.account)
        .bind(&new.ccy)
        .bind(SqlJson(&mapping))
        .execute(&mut *transaction)
        .await?;
    let after = Some(json!({"name": new.name.trim(), "mapping": mapping}));
    let event = Event {
        action: "source.create",
        entity: "source",
        id,
        before: None,
        after,
    };
    append(&mut transaction, &who, event).await?;
    transaction.commit().await?;
    respond(&app, id, StatusCode::CREATED).await
}

pub(crate) async fn update(
    State(app): State<App>,
    Require { who, .. }: Require<SourcesWrite>,
    Path(id): Path<Uuid>,
    Json(change): Json<SourceChange>,
) -> Answer {
    if let Some(name) = &change.name {
        check_name(name)?;
    }
    check_ccy(change.ccy.as_deref())?;
    if let Some(mapping) = &change.mapping {
        check_mapping(mapping)?;
    }
    let mut transaction = app.pool().begin().await?;
    let before: Option<(String, i32, SqlJson<Value>)> =
        sqlx::query_as("SELECT name, version, mapping FROM source WHERE id = $1 FOR UPDATE")
            .bind(id)
            .fetch_optional(&mut *transaction)
            .await?;
    let (name, version, mapping) =
        before.ok_or_else(|| Problem::new(Code::NotFound, "no such source"))?;
    if version != change.version {
        let detail = format!("it is at version {version} now; read it again");
        return Err(Problem::new(Code::Conflict, detail));
    }
    sqlx::query(
        "UPDATE source SET name = coalesce($2, name), account = coalesce($3, account), ccy = coalesce($4, ccy),
           mapping = coalesce($5, mapping), version = version + 1 WHERE id = $1",
    )
    .bind(id)
    .bind(change.name.as_deref().map(str::trim))
    .bind(&change.account)
    .bind(&change.ccy)
    .bind(change.mapping.as_ref().map(SqlJson))
    .execute(&mut *transaction)
    .await?;
    let event = Event {
        action: "source.update",
        entity: "source",
        id,
        before: Some(json!({"name": name, "mapping": mapping.0})),
        after: Some(json!({"name": change.name, "mapping": change.mapping})),
    };
    append(&mut transaction, &who, event).await?;
    transaction.commit().await?;
    respond(&app, id, StatusCode::OK).await
}

pub(crate) async fn preview(
    State(app): State<App>,
    _: Require<Preview>,
    Path(id): Path<Uuid>,
    mut parts: Multipart,
) -> Answer {
    let stored: Option<SqlJson<Mapping>> =
        sqlx::query_scalar("SELECT mapping FROM source WHERE id = $1")
            .bind(id)
            .fetch_optional(app.pool())
            .await?;
    let mut mapping = stored
        .ok_or_else(|| Problem::new(Code::NotFound, "no such source"))?
        .0;
    let mut head = None;
    while let Some(mut part) = parts
        .next_field()
        .await
        .map_err(|e| multipart_problem(&e))?
    {
        match part.name() {
            Some("mapping") => {
                let text = part.bytes().await.map_err(|e| multipart_problem(&e))?;
                mapping = systems_kit::body::from_slice(&text)?;
            }
            Some("file") => {
                let mut bytes = Vec::new();
                while let Some(chunk) = part.chunk().await.map_err(|e| multipart_problem(&e))? {
                    let room = PREVIEW_BYTES - bytes.len();
                    bytes.extend_from_slice(&chunk[..chunk.len().min(room)]);
                }
                head = Some(bytes);
            }
            _ => {
                return Err(Problem::fault(
                    "/",
                    "unknown_part",
                    "parts are file and mapping",
                ));
            }
        }
    }
    let head = head.ok_or_else(|| Problem::fault("/file", "missing", "the file is missing"))?;
    let head = first_lines(&head);
    let compiled = check_mapping(&mapping)?;
    let ingested = recon_core::ingest::ingest(head, &compiled, &Limits::default())
        .map_err(|error| ingest_problem(&error))?;
    Ok(json(StatusCode::OK, preview_json(&ingested).to_string()))
}

/// The first rows: whole lines only, so that the cut is no error of the file. A quoted line break at the cut may
/// still cost
/// the last row.
fn first_lines(bytes: &[u8]) -> &[u8] {
    let mut ends = bytes
        .iter()
        .enumerate()
        .filter(|(_, byte)| **byte == b'\n')
        .map(|(at, _)| at);
    if let Some(end) = ends.nth(PREVIEW_ROWS) {
        return &bytes[..=end];
    }
    if bytes.len() < PREVIEW_BYTES {
        return bytes;
    }
    let last = bytes.iter().rposition(|byte| *byte == b'\n');
    last.map_or(bytes, |end| &bytes[..=end])
}

fn preview_json(ingested: &Ingested) -> Value {
    let store = &ingested.store;
    let mut rows: Vec<(u64, Value)> = (0..store.len())
        .map(|place| {
            let txn = store.get(place);
            let row = json!({
                "ext_id": Some(txn.ext_id).filter(|id| !id.is_empty()),
                "booking_date": txn.booking_date.to_string(),
                "value_date": txn.value_date.map(|day| day.to_string()),
                "amount_minor": txn.amount_minor.to_string(),
                "ccy": txn.ccy.code(),
                "reference": txn.reference,
                "counterparty": txn.counterparty,
                "description": txn.description,
                "kind": txn.kind,
            });
            (
                txn.row_id,
                json!({"line": txn.row_id + 1, "row": row, "errors": []}),
            )
        })
        .collect();
    rows.extend(ingested.rejected.iter().map(|reject| {
        let document = json!({"line": reject.line, "row": null, "errors": [reject_json(reject)]});
        (u64::from(reject.row), document)
    }));
    rows.extend(ingested.duplicates.iter().map(|duplicate| {
        let detail = format!("repeats row {}", duplicate.first_row);
        let error =
            json!({"line": duplicate.line, "column": "", "code": "duplicate", "detail": detail});
        let document = json!({"line": duplicate.line, "row": null, "errors": [error]});
        (u64::from(duplicate.row), document)
    }));
    rows.sort_by_key(|(row, _)| *row);
    let rows: Vec<Value> = rows
        .into_iter()
        .take(PREVIEW_ROWS)
        .map(|(_, row)| row)
        .collect();
    json!({"rows": rows})
}

async fn respond(app: &App, id: Uuid, status: StatusCode) -> Answer {
    let (_, document): (String, String) =
        sqlx::query_as(sqlx::AssertSqlSafe(format!("{SOURCE} WHERE s.id = $1")))
            .bind(id)
            .fetch_one(app.pool())
            .await?;
    Ok(json(status, document))
}

fn check_name(name: &str) -> Result<(), Problem> {
    if (1..=100).contains(&name.trim().chars().count()) {
        return Ok(());
    }
    Err(Problem::fault(
        "/name",
        "out_of_range",
        "a name has 1 to 100 characters",
    ))
}

fn check_ccy(ccy: Option<&str>) -> Result<(), Problem> {
    let Some(ccy) = ccy else { return Ok(()) };
    if recon_core::currency::Ccy::from_code(ccy.as_bytes()).is_some() {
        return Ok(());
    }
    Err(Problem::fault("/ccy", "unknown", "not a code of ISO 4217"))
}

fn check_mapping(mapping: &Mapping) -> Result<recon_core::mapping::CompiledMapping, Problem> {
    mapping
        .compile()
        .map_err(|error| Problem::fault("/mapping", "invalid", error.to_string()))
}
