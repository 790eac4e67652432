//! Exports: streamed from the database, closed by the number of rows and a digest of all that came before.

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header;
use axum::response::Response;
use futures_util::{StreamExt as _, TryStreamExt as _};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use systems_kit::auth::access::Require;
use systems_kit::body::{Path, Query};
use systems_kit::problem::Problem;
use tokio::sync::mpsc;
use uuid::Uuid;

use super::Answer;
use super::matches::known_run;
use crate::app::App;
use crate::permissions::Export;

/// Chunks waiting for a slow client; with 32 KiB each this is 256 KiB.
const CHUNKS: usize = 8;

/// Bytes of a chunk.
const CHUNK: usize = 32 * 1024;

#[derive(Deserialize)]
pub(crate) struct Wanted {
    kind: Kind,
    #[serde(default)]
    fmt: Format,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Matched,
    Unmatched,
    Exceptions,
    Summary,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Format {
    #[default]
    Csv,
    Json,
}

/// The columns of an export and the query that gives them as one array of texts per row, taking the run as `$1`.
struct Table {
    name: &'static str,
    columns: &'static [&'static str],
    sql: &'static str,
}

impl Kind {
    fn table(self) -> Table {
        match self {
            Self::Matched => Table {
                name: "matched",
                columns: &[
                    "match_id", "kind", "status", "pass", "variance_minor", "side", "txn_id", "ext_id", "booking_date",
                    "amount_minor", "ccy", "reference", "counterparty",
                ],
                sql: "SELECT ARRAY[m.id::text, m.kind, m.status, m.pass, m.variance_minor::text,
                        CASE i.side WHEN 'L' THEN 'left' ELSE 'right' END, t.id::text, t.ext_id, t.booking_date::text,
                        t.amount_minor::text, t.ccy::text, t.reference, t.counterparty]
                      FROM match m JOIN run_item i ON i.run_id = m.run_id AND i.match_id = m.id
                      JOIN txn t ON t.id = i.txn_id
                      WHERE m.run_id = $1 AND m.status <> 'rejected' ORDER BY m.id, i.side, t.id",
            },
            Self::Unmatched => Table {
                name: "unmatched",
                columns: &[
                    "side", "state", "txn_id", "ext_id", "booking_date", "amount_minor", "ccy", "reference", "counterparty",
                ],
                sql: "SELECT ARRAY[CASE i.side WHEN 'L' THEN 'left' ELSE 'right' END, i.state, t.id::text, t.ext_id,
                        t.booking_date::text, t.amount_minor::text, t.ccy::text, t.reference, t.counterparty]
                      FROM run_item i JOIN txn t ON t.id = i.txn_id
                      WHERE i.run_id = $1 AND i.state IN ('unmatched', 'duplicate') ORDER BY i.side, t.id",
            },
            Self::Exceptions => Table {
                name: "exceptions",
                columns: &[
                    "exception_id", "status", "reason_code", "resolution", "reason", "assignee", "proposed_by", "approved_by",
                    "due_at", "side", "txn_id", "ext_id", "amount_minor", "ccy", "reference", "counterparty",
                ],
                sql: "SELECT ARRAY[e.id::text, e.status, e.reason_code, e.resolution, e.reason, e.assignee, e.proposed_by,
                        e.approved_by, iso(e.due_at), CASE i.side WHEN 'L' THEN 'left' ELSE 'right' END, t.id::text, t.ext_id,
                        t.amount_minor::text, t.ccy::text, t.reference, t.counterparty]
                      FROM exception_item e JOIN run_item i ON i.run_id = e.run_id AND i.txn_id = e.txn_id
                      JOIN txn t ON t.id = e.txn_id WHERE e.run_id = $1 ORDER BY e.nr",
            },
            Self::Summary => Table {
                name: "summary",
                columns: &["side", "ccy", "state", "rows", "sum_minor"],
                sql: "SELECT ARRAY[CASE i.side WHEN 'L' THEN 'left' ELSE 'right' END, t.ccy::text, i.state,
                        count(*)::text, sum(t.amount_minor)::text]
                      FROM run_item i JOIN txn t ON t.id = i.txn_id
                      WHERE i.run_id = $1 GROUP BY i.side, t.ccy, i.state ORDER BY i.side, t.ccy, i.state",
            },
        }
    }
}

pub(crate) async fn export(
    State(app): State<App>,
    _: Require<Export>,
    Path(run): Path<Uuid>,
    Query(wanted): Query<Wanted>,
) -> Answer {
    known_run(&app, run).await?;
    let table = wanted.kind.table();
    let (name, kind) = match wanted.fmt {
        Format::Csv => ("csv", "text/csv; charset=utf-8"),
        Format::Json => ("json", "application/json"),
    };
    let file = format!("attachment; filename=\"{}-{run}.{name}\"", table.name);
    let (sender, receiver) = mpsc::channel::<Result<Bytes, std::io::Error>>(CHUNKS);
    tokio::spawn(async move {
        let mut output = Output {
            buffer: Vec::new(),
            digest: Sha256::new(),
            sender,
        };
        if let Err(cause) = write(&app, run, &table, wanted.fmt, &mut output).await {
            tracing::warn!(cause, "an export broke off");
            // The client sees a broken body and no trailer, never a short file that looks whole.
            let _gone = output
                .sender
                .send(Err(std::io::Error::other("export broke off")))
                .await;
        }
    });
    let chunks = futures_util::stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|chunk| (chunk, receiver))
    });
    Response::builder()
        .header(header::CONTENT_TYPE, kind)
        .header(header::CONTENT_DISPOSITION, file)
        .header(header::CACHE_CONTROL, "no-store")
        .body(Body::from_stream(chunks.boxed()))
        .map_err(|error| Problem::internal(&error))
}

struct Output {
    buffer: Vec<u8>,
    digest: Sha256,
    sender: mpsc::Sender<Result<Bytes, std::io::Error>>,
}

impl Output {
    async fn push(&mut self, text: &[u8]) -> Result<(), String> {
        self.buffer.extend_from_slice(text);
        if self.buffer.len() >= CHUNK {
            self.flush().await
        } else {
            Ok(())
        }
    }

    async fn push_digested(&mut self, text: &[u8]) -> Result<(), String> {
        self.digest.update(text);
        self.push(text).await
    }

    async fn flush(&mut self) -> Result<(), String> {
        let chunk = Bytes::from(std::mem::take(&mut self.buffer));
        self.sender
            .send(Ok(chunk))
            .await
            .map_err(|_| "the client has gone".to_owned())
    }

    fn digest(&mut self) -> String {
        let digest = std::mem::take(&mut self.digest).finalize();
        digest
            .iter()
            .fold(String::with_capacity(64), |mut hex, byte| {
                // Writing to a string cannot fail.
                let _ok = std::fmt::Write::write_fmt(&mut hex, format_args!("{byte:02x}"));
                hex
            })
    }
}

async fn write(
    app: &App,
    run: Uuid,
    table: &Table,
    format: Format,
    output: &mut Output,
) -> Result<(), String> {
    if format == Format::Json {
        let head = format!(
            "{{\"kind\":\"{}\",\"run_id\":\"{run}\",\"items\":",
            table.name
        );
        output.push(head.as_bytes()).await?;
        output.push_digested(b"[").await?;
    } else {
        output
            .push_digested(format!("{}\r\n", table.columns.join(",")).as_bytes())
            .await?;
    }
    let mut rows = sqlx::query_scalar::<_, Vec<Option<String>>>(table.sql)
        .bind(run)
        .fetch(app.pool());
    let mut count = 0_u64;
    while let Some(row) = rows
        .try_next()
        .await
        .map_err(|e| systems_kit::problem::chain(&e))?
    {
        let line = match format {
            Format::Csv => csv_line(&row),
            Format::Json => json_item(table.columns, row, count == 0),
        };
        output.push_digested(line.as_bytes()).await?;
        count += 1;
    }
    if format == Format::Json {
        output.push_digested(b"]").await?;
        let digest = output.digest();
        output
            .push(format!(",\"rows\":{count},\"sha256\":\"{digest}\"}}\n").as_bytes())
            .await?;
    } else {
        let digest = output.digest();
        output
            .push(format!("#rows={count},sha256={digest}\r\n").as_bytes())
            .await?;
    }
    output.flush().await
}

fn json_item(columns: &[&str], row: Vec<Option<String>>, first: bool) -> String {
    let members = columns.iter().map(|column| (*column).to_owned());
    let object: serde_json::Map<String, serde_json::Value> = members
        .zip(row.into_iter().map(serde_json::Value::from))
        .collect();
    let comma = if first { "" } else { "," };
    format!("{comma}{}", serde_json::Value::Object(object))
}

fn csv_line(row: &[Option<String>]) -> String {
    let cells: Vec<String> = row
        .iter()
        .map(|cell| csv_cell(cell.as_deref().unwrap_or_default()))
        .collect();
    format!("{}\r\n", cells.join(","))
}

/// A cell that a spreadsheet would run gets an apostrophe before it; a negative number is no formula.
fn csv_cell(text: &str) -> String {
    let runs = text.starts_with(['=', '+', '-', '@', '\t', '\r']) && text.parse::<i64>().is_err();
    let text = if runs {
        format!("'{text}")
    } else {
        text.to_owned()
    };
    if text.contains(['"', ',', '\n', '\r']) {
        return format!("\"{}\"", text.replace('"', "\"\""));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_that_a_spreadsheet_would_run_are_made_text() {
        assert_eq!(csv_cell("=1+1"), "'=1+1");
        assert_eq!(csv_cell("@SUM(A1)"), "'@SUM(A1)");
        assert_eq!(csv_cell("-cmd|' /C calc'!A0"), "'-cmd|' /C calc'!A0");
        assert_eq!(csv_cell("-12345"), "-12345");
        assert_eq!(csv_cell("a,\"b\""), "\"a,\"\"b\"\"\"");
        assert_eq!(csv_cell("+1,2"), "\"'+1,2\"");
    }
}
