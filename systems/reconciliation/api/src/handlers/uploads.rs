//! Uploads: a file to disk, then all of its rows into the database or none.

use std::io::{Seek as _, Write as _};

use axum::extract::multipart::{Field, MultipartError};
use axum::extract::{Multipart, State};
use axum::http::StatusCode;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use systems_kit::auth::access::Require;
use systems_kit::body::{Path, Query};
use systems_kit::problem::{Code, Problem};
use uuid::Uuid;

use super::Answer;
use crate::app::App;
use crate::ingest::{self, Received};
use crate::page::{PageQuery, json, list, one};
use crate::permissions::{Read, UploadsWrite};

/// The product's limit for a file. The route's body limit leaves room for the parts around it.
const LARGEST_FILE: u64 = 50_000_000;

const UPLOAD: &str = "SELECT u.id::text, json_build_object('id', u.id, 'source_id', u.source_id, 'source_name', s.name,
    'filename', u.filename, 'sha256', encode(u.sha256, 'hex'), 'bytes', u.bytes, 'status', u.status, 'replayed', $1::boolean,
    'rows_in', u.rows_in, 'accepted', u.accepted, 'duplicate', u.duplicate, 'rejected', u.rejected,
    'created_at', iso(u.created_at), 'created_by', u.created_by, 'duration_ms', u.duration_ms)::text
    FROM upload u JOIN source s ON s.id = u.source_id";

#[derive(Deserialize)]
pub(crate) struct Filter {
    source_id: Option<Uuid>,
    limit: Option<i64>,
    cursor: Option<String>,
}

pub(crate) async fn create(
    State(app): State<App>,
    Require { who, .. }: Require<UploadsWrite>,
    mut parts: Multipart,
) -> Answer {
    let busy = || Problem::new(Code::Unavailable, "too many uploads at once").retry_after(2);
    let _place = app.uploads().try_acquire().map_err(|_| busy())?;
    let mut source = None;
    while let Some(part) = parts
        .next_field()
        .await
        .map_err(|e| multipart_problem(&e))?
    {
        match part.name() {
            Some("source_id") => {
                let text = part.text().await.map_err(|e| multipart_problem(&e))?;
                let id = Uuid::try_parse(text.trim());
                source = Some(id.map_err(|_| {
                    Problem::fault("/source_id", "invalid", "not the id of a source")
                })?);
            }
            Some("file") => {
                let source = source.ok_or_else(|| {
                    Problem::fault("/source_id", "missing", "source_id must come before file")
                })?;
                let received = receive(&app, part).await?;
                let done = ingest::store(&app, &who, source, received).await?;
                let status = if done.replayed {
                    StatusCode::OK
                } else {
                    StatusCode::CREATED
                };
                return respond(&app, done.id, done.replayed, status).await;
            }
            _ => {
                return Err(Problem::fault(
                    "/",
                    "unknown_part",
                    "parts are source_id and file",
                ));
            }
        }
    }
    Err(Problem::fault("/file", "missing", "the file is missing"))
}

/// Streams the file to a nameless file on disk: nothing is left behind when we are killed, and no connection to
/// the database
/// is held while a slow client sends.
async fn receive(app: &App, mut part: Field<'_>) -> Result<Received, Problem> {
    let filename: String = part
        .file_name()
        .unwrap_or("upload.csv")
        .chars()
        .filter(|c| *c != '\0')
        .take(255)
        .collect();
    let dir = app.settings().upload_dir.clone();
    let disk_problem = |error: std::io::Error| Problem::internal(&error);
    let mut file = tempfile::tempfile_in(dir).map_err(disk_problem)?;
    let (mut digest, mut bytes) = (Sha256::new(), 0_u64);
    while let Some(chunk) = part.chunk().await.map_err(|e| multipart_problem(&e))? {
        bytes += chunk.len() as u64;
        if bytes > LARGEST_FILE {
            return Err(Problem::new(
                Code::TooLarge,
                "a file has at most 50,000,000 bytes",
            ));
        }
        digest.update(&chunk);
        // Into the page cache: chunks are small and this is not a sync.
        file.write_all(&chunk).map_err(disk_problem)?;
    }
    file.rewind().map_err(disk_problem)?;
    app.figures().ingest_bytes.inc_by(bytes);
    Ok(Received {
        file,
        filename,
        bytes,
        sha256: digest.finalize().into(),
    })
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
        "{UPLOAD} WHERE ($2::uuid IS NULL OR u.source_id = $2) AND ($3::uuid IS NULL OR u.id < $3) ORDER BY u.id DESC LIMIT $4"
    )))
    .bind(false)
    .bind(filter.source_id)
    .bind(page.after::<Uuid>()?)
    .bind(limit + 1)
    .fetch_all(app.pool())
    .await?;
    Ok(list(rows, limit))
}

pub(crate) async fn show(State(app): State<App>, _: Require<Read>, Path(id): Path<Uuid>) -> Answer {
    one(document(&app, id, false).await?)
}

pub(crate) async fn errors(
    State(app): State<App>,
    _: Require<Read>,
    Path(id): Path<Uuid>,
    Query(page): Query<PageQuery>,
) -> Answer {
    let limit = page.limit()?;
    let known: Option<i32> = sqlx::query_scalar("SELECT 1 FROM upload WHERE id = $1")
        .bind(id)
        .fetch_optional(app.pool())
        .await?;
    if known.is_none() {
        return Err(Problem::new(Code::NotFound, "no such upload"));
    }
    let rows = sqlx::query_as(
        "SELECT nr::text, json_build_object('line', line, 'column', col, 'code', code, 'detail', detail)::text
         FROM ingest_error WHERE upload_id = $1 AND ($2::int IS NULL OR nr > $2) ORDER BY nr LIMIT $3",
    )
    .bind(id)
    .bind(page.after::<i32>()?)
    .bind(limit + 1)
    .fetch_all(app.pool())
    .await?;
    Ok(list(rows, limit))
}

async fn respond(app: &App, id: Uuid, replayed: bool, status: StatusCode) -> Answer {
    let document = document(app, id, replayed).await?;
    document
        .map(|document| json(status, document))
        .ok_or_else(|| Problem::new(Code::NotFound, "no such upload"))
}

async fn document(app: &App, id: Uuid, replayed: bool) -> Result<Option<String>, sqlx::Error> {
    let row: Option<(String, String)> =
        sqlx::query_as(sqlx::AssertSqlSafe(format!("{UPLOAD} WHERE u.id = $2")))
            .bind(replayed)
            .bind(id)
            .fetch_optional(app.pool())
            .await?;
    Ok(row.map(|(_, document)| document))
}

/// What a broken or oversized form says to its sender.
pub(crate) fn multipart_problem(error: &MultipartError) -> Problem {
    let code = match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Code::TooLarge,
        _ => Code::InvalidBody,
    };
    Problem::new(code, error.body_text())
}
