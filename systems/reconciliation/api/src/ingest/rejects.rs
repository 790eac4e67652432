//! The rows of a file that were refused, and why.

use recon_core::ingest::Reject;
use serde_json::{Value, json};
use sqlx::PgConnection;

use super::Upload;

/// Errors that are kept for reading; the counts are of all. Who has more needs another mapping, not a longer list.
const KEPT_ERRORS: usize = 10_000;

/// Writes the refused rows of a file and those that clash with an earlier one.
pub(super) async fn keep(
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
