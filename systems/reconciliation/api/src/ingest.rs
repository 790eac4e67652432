//! From a received file to rows in the database: everything in one transaction, so that an answer means that all of it is
//! durable and no answer means that nothing happened.

use std::fs::File;
use std::time::Instant;

use recon_core::identity::{content_hash, identities};
use recon_core::ingest::{IngestError, Ingested, Limits, Reject};
use recon_core::mapping::{CompiledMapping, Mapping};
use serde_json::{Value, json};
use sqlx::PgConnection;
use sqlx::types::Json;
use systems_kit::auth::access::Identity;
use systems_kit::problem::{Code, Problem};
use uuid::Uuid;

use crate::app::App;
use crate::audit::{Event, append};
use crate::copy::Encoder;

/// Errors that are kept for reading; the counts are of all. Who has more needs another mapping, not a longer list.
const KEPT_ERRORS: usize = 10_000;

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
    stage(connection, &upload.rows).await?;
    let accepted = insert_new(connection, upload).await?;
    let conflicts = conflicts(connection, upload, accepted).await?;
    let ingested = &upload.rows.ingested;
    let staged = count(ingested.store.len());
    let clashing = count(conflicts.len());
    let counts = Counts {
        accepted,
        duplicate: count(ingested.duplicates.len()) + staged - accepted - clashing,
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
    errors(connection, upload, conflicts).await?;
    Ok(counts)
}

/// Copies all rows into a table of this session, because COPY itself cannot leave out what is there already.
async fn stage(connection: &mut PgConnection, rows: &Rows) -> Result<(), sqlx::Error> {
    sqlx::query(
        "CREATE TEMP TABLE IF NOT EXISTS txn_stage (nr bigint, identity uuid, occurrence bigint, content uuid, booking_date date,
           value_date date, amount_minor bigint, ccy text, ext_id text, reference text, counterparty text, description text,
           kind text) ON COMMIT DELETE ROWS",
    )
    .execute(&mut *connection)
    .await?;
    let mut copy = connection
        .copy_in_raw("COPY txn_stage FROM STDIN (FORMAT BINARY)")
        .await?;
    let mut encoder = Encoder::new();
    let store = &rows.ingested.store;
    for place in 0..store.len() {
        let txn = store.get(place);
        let identity = &rows.identities[place];
        encoder
            .row(13)
            .int8(txn.row_id.cast_signed())
            .uuid(Uuid::from_bytes(identity.hash))
            .int8(i64::from(identity.occurrence))
            .uuid(Uuid::from_bytes(rows.contents[place]))
            .date(txn.booking_date.days());
        match txn.value_date {
            Some(day) => encoder.date(day.days()),
            None => encoder.null(),
        };
        encoder
            .int8(txn.amount_minor)
            .text(txn.ccy.code())
            .text(txn.ext_id)
            .text(txn.reference)
            .text(txn.counterparty)
            .text(txn.description)
            .text(txn.kind);
        if let Some(chunk) = encoder.full() {
            copy.send(chunk).await?;
        }
    }
    copy.send(encoder.end()).await?;
    copy.finish().await.map(|_| ())
}

async fn insert_new(connection: &mut PgConnection, upload: &Upload) -> Result<i64, sqlx::Error> {
    let done = sqlx::query(
        "INSERT INTO txn (upload_id, source_id, identity, occurrence, content, booking_date, value_date, amount_minor, ccy,
           ext_id, reference, counterparty, description, kind)
         SELECT $1, $2, identity, occurrence::int, content, booking_date, value_date, amount_minor, ccy,
           ext_id, reference, counterparty, description, kind
         FROM txn_stage ORDER BY nr ON CONFLICT ON CONSTRAINT txn_once DO NOTHING",
    )
    .bind(upload.id)
    .bind(upload.source)
    .execute(&mut *connection)
    .await?;
    Ok(done.rows_affected().cast_signed())
}

/// Rows with the id of a row that an earlier file brought, but with other content: one of the two is wrong, and calling it a
/// duplicate would lose money.
async fn conflicts(
    connection: &mut PgConnection,
    upload: &Upload,
    accepted: i64,
) -> Result<Vec<i64>, sqlx::Error> {
    if accepted == count(upload.rows.ingested.store.len()) {
        return Ok(Vec::new());
    }
    sqlx::query_scalar(
        "SELECT s.nr FROM txn_stage s JOIN txn t ON t.source_id = $1 AND t.identity = s.identity AND t.occurrence = s.occurrence
         WHERE t.upload_id <> $2 AND t.content <> s.content ORDER BY s.nr",
    )
    .bind(upload.source)
    .bind(upload.id)
    .fetch_all(connection)
    .await
}

async fn errors(
    connection: &mut PgConnection,
    upload: &Upload,
    conflicts: Vec<i64>,
) -> Result<(), sqlx::Error> {
    let header = 1;
    let clash = |row: i64| ErrorRow {
        line: row + header,
        column: String::new(),
        code: "id_conflict",
        detail: "an earlier file has the same id with other content".to_owned(),
    };
    let rejected = upload
        .rows
        .ingested
        .rejected
        .iter()
        .map(ErrorRow::from_reject);
    let mut all: Vec<ErrorRow> = rejected.chain(conflicts.into_iter().map(clash)).collect();
    if all.is_empty() {
        return Ok(());
    }
    all.sort_by_key(|error| error.line);
    all.truncate(KEPT_ERRORS);
    let column = |read: fn(&ErrorRow) -> String| all.iter().map(read).collect::<Vec<String>>();
    sqlx::query(
        "INSERT INTO ingest_error (upload_id, nr, line, col, code, detail)
         SELECT $1, nr, line, col, code, detail
         FROM unnest($2::bigint[], $3::text[], $4::text[], $5::text[]) WITH ORDINALITY AS e(line, col, code, detail, nr)",
    )
    .bind(upload.id)
    .bind(all.iter().map(|error| error.line).collect::<Vec<i64>>())
    .bind(column(|error| error.column.clone()))
    .bind(column(|error| error.code.to_owned()))
    .bind(column(|error| error.detail.clone()))
    .execute(connection)
    .await
    .map(|_| ())
}

struct ErrorRow {
    line: i64,
    column: String,
    code: &'static str,
    detail: String,
}

impl ErrorRow {
    fn from_reject(reject: &Reject) -> Self {
        Self {
            line: i64::from(reject.line),
            column: column_name(reject),
            code: reject.code.name(),
            detail: reject.code.message().to_owned(),
        }
    }
}

/// A rejected row as the API shows it.
pub fn reject_json(reject: &Reject) -> Value {
    json!({"line": reject.line, "column": column_name(reject), "code": reject.code.name(), "detail": reject.code.message()})
}

/// Counted from 1; empty when the row as a whole is at fault.
fn column_name(reject: &Reject) -> String {
    if reject.column == 0 {
        String::new()
    } else {
        reject.column.to_string()
    }
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
