//! From a received file to rows in the database: everything in one transaction, so that an answer means that all
//! of it is
//! durable and no answer means that nothing happened.

mod rejects;
mod rows;

use std::fs::File;
use std::time::Instant;

use recon_core::identity::{content_hash, identities};
use recon_core::ingest::{IngestError, Ingested, Limits};
use recon_core::mapping::{CompiledMapping, Mapping};
use serde_json::{Value, json};
use sqlx::PgConnection;
use sqlx::types::Json;
use systems_kit::auth::access::Identity;
use systems_kit::problem::{Code, Problem};
use uuid::Uuid;

use crate::app::App;
use crate::audit::{Event, append};

pub use rejects::reject_json;

/// A file on disk, ready to be read.
#[derive(Debug)]
pub struct Received {
    /// Positioned at its start; it has no name.
    pub file: File,
    /// As the client called it.
    pub filename: String,
    /// Its size.
    pub bytes: u64,
    /// Its digest.
    pub sha256: [u8; 32],
}

/// What became of an upload.
#[derive(Debug, Clone, Copy)]
pub struct Stored {
    /// The upload, new or that of before.
    pub id: Uuid,
    /// The same bytes were there already.
    pub replayed: bool,
}

/// How every source is read that does not say otherwise: the bank statement of the generator.
pub fn default_mapping() -> Mapping {
    recon_core::synth::left_mapping()
}

/// Reads the file and stores its rows. Cancelling it leaves nothing behind.
pub async fn store(
    app: &App,
    who: &Identity,
    source: Uuid,
    received: Received,
) -> Result<Stored, Problem> {
    if let Some(id) = earlier(app, source, &received.sha256).await? {
        return Ok(Stored { id, replayed: true });
    }
    let busy = |_| Problem::new(Code::Unavailable, "stopping").retry_after(1);
    let _place = app.ingests().acquire().await.map_err(busy)?;
    let started = Instant::now();
    let mapping = mapping_of(app, source).await?;
    let Received {
        file,
        filename,
        bytes,
        sha256,
    } = received;
    let rows = tokio::task::spawn_blocking(move || read(file, &mapping));
    let rows = rows.await.map_err(|error| Problem::internal(&error))??;
    let id = Uuid::now_v7();
    let mut transaction = app.pool().begin().await?;
    // Two uploads to one source wait for each other, so that each row is counted as new once.
    sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))")
        .bind(source.to_string())
        .execute(&mut *transaction)
        .await?;
    if let Some(id) = earlier_in(&mut transaction, source, &sha256).await? {
        return Ok(Stored { id, replayed: true });
    }
    let upload = Upload {
        id,
        source,
        filename,
        bytes,
        sha256,
        rows,
    };
    let counts = write(&mut transaction, &upload, who, started).await?;
    let event = Event {
        action: "upload.create",
        entity: "upload",
        id,
        before: None,
        after: Some(counts.to_json(&upload)),
    };
    append(&mut transaction, who, event).await?;
    transaction.commit().await?;
    counts.note(app);
    Ok(Stored {
        id,
        replayed: false,
    })
}

/// The rows of a file, with what identifies each.
struct Rows {
    ingested: Ingested,
    identities: Vec<recon_core::identity::RowIdentity>,
    contents: Vec<[u8; 16]>,
}

struct Upload {
    id: Uuid,
    source: Uuid,
    filename: String,
    bytes: u64,
    sha256: [u8; 32],
    rows: Rows,
}

struct Counts {
    accepted: i64,
    duplicate: i64,
    rejected: i64,
}

impl Counts {
    fn to_json(&self, upload: &Upload) -> Value {
        json!({"source_id": upload.source, "filename": upload.filename, "accepted": self.accepted,
            "duplicate": self.duplicate, "rejected": self.rejected})
    }

    fn note(&self, app: &App) {
        let rows = &app.figures().rows_ingested;
        for (outcome, count) in [
            ("accepted", self.accepted),
            ("duplicate", self.duplicate),
            ("rejected", self.rejected),
        ] {
            rows.with_label_values(&["csv", outcome])
                .inc_by(count.unsigned_abs());
        }
    }
}

fn read(file: File, mapping: &CompiledMapping) -> Result<Rows, Problem> {
    let ingested = recon_core::ingest::ingest(file, mapping, &Limits::default())
        .map_err(|error| ingest_problem(&error))?;
    let identities = identities(&ingested.store);
    let contents = (0..ingested.store.len()).map(|row| content_hash(&ingested.store, row));
    let contents = contents.collect();
    Ok(Rows {
        ingested,
        identities,
        contents,
    })
}

async fn write(
    connection: &mut PgConnection,
    upload: &Upload,
    who: &Identity,
    started: Instant,
) -> Result<Counts, Problem> {
    let known = rows::known(connection, upload.source, &upload.rows).await?;
    rows::copy_new(connection, upload, &known).await?;
    let ingested = &upload.rows.ingested;
    let conflicts: Vec<i64> = known.conflicts(&ingested.store).collect();
    let clashing = count(conflicts.len());
    let counts = Counts {
        accepted: count(ingested.store.len()) - count(known.len()),
        duplicate: count(ingested.duplicates.len()) + count(known.len()) - clashing,
        rejected: count(ingested.rejected.len()) + clashing,
    };
    sqlx::query(
        "INSERT INTO upload (id, source_id, filename, sha256, bytes, rows_in, accepted, duplicate, rejected, duration_ms, created_by)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    )
    .bind(upload.id)
    .bind(upload.source)
    .bind(&upload.filename)
    .bind(upload.sha256.as_slice())
    .bind(upload.bytes.cast_signed())
    .bind(ingested.rows_in.cast_signed())
    .bind(counts.accepted)
    .bind(counts.duplicate)
    .bind(counts.rejected)
    .bind(i64::try_from(started.elapsed().as_millis()).unwrap_or(i64::MAX))
    .bind(&who.email)
    .execute(&mut *connection)
    .await?;
    rejects::keep(connection, upload, conflicts).await?;
    sqlx::raw_sql("ANALYZE txn (source_id, ccy)")
        .execute(&mut *connection)
        .await?;
    Ok(counts)
}

/// What a file that cannot be read says to its sender.
pub fn ingest_problem(error: &IngestError) -> Problem {
    match error {
        IngestError::Read(error) => Problem::internal(error),
        IngestError::TooLarge(_) | IngestError::TooManyRows(_) => {
            Problem::new(Code::TooLarge, error.to_string())
        }
        IngestError::Mapping(_)
        | IngestError::Empty
        | IngestError::WideEncoding
        | IngestError::Header => Problem::fault("/file", "unreadable", error.to_string()),
    }
}

async fn mapping_of(app: &App, source: Uuid) -> Result<CompiledMapping, Problem> {
    let stored: Option<Json<Mapping>> =
        sqlx::query_scalar("SELECT mapping FROM source WHERE id = $1")
            .bind(source)
            .fetch_optional(app.pool())
            .await?;
    let mapping = stored.ok_or_else(|| Problem::new(Code::NotFound, "no such source"))?;
    mapping
        .0
        .compile()
        .map_err(|error| Problem::internal(&error))
}

const EARLIER: &str = "SELECT id FROM upload WHERE source_id = $1 AND sha256 = $2";

async fn earlier(app: &App, source: Uuid, sha256: &[u8]) -> Result<Option<Uuid>, sqlx::Error> {
    sqlx::query_scalar(EARLIER)
        .bind(source)
        .bind(sha256)
        .fetch_optional(app.pool())
        .await
}

async fn earlier_in(
    connection: &mut PgConnection,
    source: Uuid,
    sha256: &[u8],
) -> Result<Option<Uuid>, sqlx::Error> {
    sqlx::query_scalar(EARLIER)
        .bind(source)
        .bind(sha256)
        .fetch_optional(connection)
        .await
}

fn count(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}
