//! What a run found, written in one transaction: matches, a state for each row, exceptions, the report, the audit
//! event, and
//! the end of the job, which fails if the lease was lost.

use std::collections::BTreeMap;

use recon_core::engine::evidence;
use recon_core::outcome::{MatchStatus, Outcome, RowState, Side};
use recon_core::rules::PassKind;
use recon_core::txn::TxnStore;
use serde_json::{Value, json};
use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use super::Job;
use super::exceptions;
use super::matching::{Ended, WorkError, Worked};
use crate::app::App;
use crate::audit::{Event, append_system};
use crate::copy::Encoder;
use crate::progress::Frame;

/// So that the first page of the run's rows is planned for what is there, and not for what the tables were before.
const ANALYZE: &str =
    "ANALYZE run_item (run_id, txn_id, side, state), match (run_id, status, pass),
  exception_item (run_id, txn_id, status, reason_code)";

/// Writes everything, or nothing when the run is not ours any more.
pub(super) async fn write(
    app: &App,
    job: &Job,
    owner: Uuid,
    worked: Worked,
) -> Result<Ended, WorkError> {
    let mut transaction = app.pool().begin().await?;
    // Locked to the end: nobody else can take the job while we write, however long it takes.
    let ours: Option<Uuid> = sqlx::query_scalar(
        "SELECT j.id FROM job j JOIN run r ON r.id = $3
         WHERE j.id = $1 AND j.owner = $2 AND j.state = 'running' AND r.status = 'matching' FOR UPDATE",
    )
    .bind(job.id)
    .bind(owner)
    .bind(job.run)
    .fetch_optional(&mut *transaction)
    .await?;
    if ours.is_none() {
        return Ok(Ended::NotOurs);
    }
    if !worked.order.dry_run {
        let ids: Vec<Uuid> = worked.outcome.matches().map(|_| Uuid::now_v7()).collect();
        matches(&mut transaction, job.run, &worked, &ids).await?;
        items(&mut transaction, job.run, &worked, &ids).await?;
        exceptions::open(&mut transaction, job.run, None).await?;
        sqlx::raw_sql(ANALYZE).execute(&mut *transaction).await?;
    }
    let stats = stats(&mut transaction, job.run, &worked).await?;
    end(&mut transaction, job, &stats).await?;
    transaction.commit().await?;
    note(app, &worked, &stats);
    Ok(Ended::Done(last_frame(&worked, &stats)))
}

async fn matches(
    connection: &mut PgConnection,
    run: Uuid,
    worked: &Worked,
    ids: &[Uuid],
) -> Result<(), WorkError> {
    let columns = "id, run_id, kind, status, pass, ccy, left_ids, right_ids, left_sum, right_sum, variance_minor, ambiguous, evidence";
    let statement = format!("COPY match ({columns}) FROM STDIN (FORMAT BINARY)");
    let mut copy = connection.copy_in_raw(&statement).await?;
    let mut encoder = Encoder::new();
    for (found, id) in worked.outcome.matches().zip(ids) {
        let pass = &worked.order.rules.passes[found.pass];
        let (left, right) = (
            side(&worked.left, found.left)?,
            side(&worked.right, found.right)?,
        );
        let status = status(found.status);
        encoder
            .row(13)
            .uuid(*id)
            .uuid(run)
            .text(kind(pass.kind))
            .text(status)
            .text(&pass.name);
        encoder.text(worked.left.ccy(found.left[0] as usize).code());
        encoder
            .int8_array(&left.ids)
            .int8_array(&right.ids)
            .int8(left.sum)
            .int8(right.sum);
        let variance = left.sum.checked_sub(right.sum).ok_or_else(too_large)?;
        encoder.int8(variance).boolean(found.ambiguous);
        // Why a confirmed match holds can be told from its rows and its pass at any time; what waits for a person
        // is shown at once.
        if found.status == MatchStatus::Suggested {
            let (l, r) = (found.left[0] as usize, found.right[0] as usize);
            let why = evidence(pass, (&worked.left, l), (&worked.right, r));
            encoder.jsonb(&json!(why).to_string());
        } else {
            encoder.null();
        }
        if let Some(chunk) = encoder.full() {
            copy.send(chunk).await?;
        }
    }
    copy.send(encoder.end()).await?;
    copy.finish().await?;
    Ok(())
}

struct SideOfMatch {
    ids: Vec<i64>,
    sum: i64,
}

fn side(store: &TxnStore, rows: &[u32]) -> Result<SideOfMatch, WorkError> {
    let ids = rows
        .iter()
        .map(|row| store.row_id(*row as usize).cast_signed())
        .collect();
    let sum = rows
        .iter()
        .try_fold(0_i64, |sum, row| {
            sum.checked_add(store.amount_minor(*row as usize))
        })
        .ok_or_else(too_large)?;
    Ok(SideOfMatch { ids, sum })
}

fn too_large() -> WorkError {
    WorkError::Engine("the sums of a match exceed 63 bits".to_owned())
}

/// One line for each row of both sides; the primary key refuses a row that comes twice.
async fn items(
    connection: &mut PgConnection,
    run: Uuid,
    worked: &Worked,
    ids: &[Uuid],
) -> Result<(), WorkError> {
    let statement =
        "COPY run_item (run_id, txn_id, side, state, match_id) FROM STDIN (FORMAT BINARY)";
    let mut copy = connection.copy_in_raw(statement).await?;
    let mut encoder = Encoder::new();
    for (side, store, letter) in [
        (Side::Left, &worked.left, "L"),
        (Side::Right, &worked.right, "R"),
    ] {
        for row in 0..store.len() {
            encoder
                .row(5)
                .uuid(run)
                .int8(store.row_id(row).cast_signed())
                .text(letter);
            encoder.text(worked.outcome.state(side, row).name());
            match worked.outcome.match_of(side, row) {
                Some(found) => encoder.uuid(ids[found]),
                None => encoder.null(),
            };
            if let Some(chunk) = encoder.full() {
                copy.send(chunk).await?;
            }
        }
    }
    copy.send(encoder.end()).await?;
    copy.finish().await?;
    Ok(())
}

async fn end(connection: &mut PgConnection, job: &Job, stats: &Value) -> Result<(), WorkError> {
    sqlx::query("UPDATE run SET status = 'review', finished_at = now(), stats = $2 WHERE id = $1")
        .bind(job.run)
        .bind(Json(stats))
        .execute(&mut *connection)
        .await?;
    sqlx::query("UPDATE job SET state = 'done' WHERE id = $1")
        .bind(job.id)
        .execute(&mut *connection)
        .await?;
    let after = Some(
        json!({"status": "review", "matches": stats["matches"], "left": stats["left"], "right": stats["right"]}),
    );
    let event = Event {
        action: "run.finish",
        entity: "run",
        id: job.run,
        before: None,
        after,
    };
    append_system(connection, event).await?;
    Ok(())
}

/// The report of the run.
async fn stats(
    connection: &mut PgConnection,
    run: Uuid,
    worked: &Worked,
) -> Result<Value, sqlx::Error> {
    let exceptions: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM exception_item WHERE run_id = $1 AND status <> 'closed'",
    )
    .bind(run)
    .fetch_one(connection)
    .await?;
    let outcome = &worked.outcome;
    let (confirmed, suggested) = totals(outcome);
    let rows = worked.left.len() + worked.right.len();
    let sides = [Side::Left, Side::Right].map(|side| outcome.counts(side));
    let matched: u64 = sides.iter().map(|side| side.matched).sum();
    let duration_ms = u64::try_from(worked.started.elapsed().as_millis())
        .unwrap_or(u64::MAX)
        .max(1);
    let [left, right] = sides.map(|side| {
        json!({"matched": side.matched, "suggested": side.suggested, "duplicate": 0, "unmatched": side.unmatched})
    });
    let passes: Vec<Value> = outcome
        .passes()
        .iter()
        .map(|pass| {
            json!({"name": pass.name, "matches": pass.confirmed + pass.suggested, "confirmed": pass.confirmed,
                "suggested": pass.suggested, "skipped_ambiguous": pass.skipped_ambiguous,
                "over_budget_rows": pass.over_budget_rows})
        })
        .collect();
    Ok(json!({
        "left_rows": worked.left.len(),
        "right_rows": worked.right.len(),
        "matches": confirmed + suggested,
        "confirmed": confirmed,
        "suggested": suggested,
        "left": left,
        "right": right,
        "exceptions_open": exceptions,
        "match_rate": ratio(matched, rows as u64),
        "duration_ms": duration_ms,
        "rows_per_s": (rows as u64).saturating_mul(1000) / duration_ms,
        "passes": passes,
        "by_ccy": by_ccy(worked),
    }))
}

fn totals(outcome: &Outcome) -> (u64, u64) {
    outcome.passes().iter().fold((0, 0), |(yes, maybe), pass| {
        (yes + pass.confirmed, maybe + pass.suggested)
    })
}

/// To four places; `null` without rows.
fn ratio(part: u64, whole: u64) -> Value {
    if whole == 0 {
        return Value::Null;
    }
    let ten_thousandths = u32::try_from(part.saturating_mul(10_000) / whole).unwrap_or(10_000);
    json!(f64::from(ten_thousandths) / 10_000.0)
}

/// Absolute amounts of both sides.
fn by_ccy(worked: &Worked) -> Vec<Value> {
    let mut sums: BTreeMap<&str, (u128, u128)> = BTreeMap::new();
    for (side, store) in [(Side::Left, &worked.left), (Side::Right, &worked.right)] {
        for row in 0..store.len() {
            let amount = u128::from(store.amount_minor(row).unsigned_abs());
            let (matched, open) = sums.entry(store.ccy(row).code()).or_default();
            match worked.outcome.state(side, row) {
                RowState::Matched => *matched += amount,
                RowState::Suggested
                | RowState::Unmatched
                | RowState::Duplicate
                | RowState::Rejected => *open += amount,
            }
        }
    }
    sums.into_iter()
        .map(|(ccy, (matched, open))| {
            json!({"ccy": ccy, "matched_minor": matched.to_string(), "unreconciled_minor": open.to_string()})
        })
        .collect()
}

fn note(app: &App, worked: &Worked, stats: &Value) {
    let (confirmed, suggested) = totals(&worked.outcome);
    let matches = &app.figures().matches;
    matches
        .with_label_values(&["one_to_one", "confirmed"])
        .inc_by(confirmed);
    matches
        .with_label_values(&["one_to_one", "suggested"])
        .inc_by(suggested);
    app.figures()
        .run_rows_per_second
        .set(stats["rows_per_s"].as_i64().unwrap_or(0));
}

fn last_frame(worked: &Worked, stats: &Value) -> Frame {
    let (matched, suggested) = totals(&worked.outcome);
    let enabled = worked.order.rules.enabled_passes().count() as u64;
    let total = (worked.left.len() + worked.right.len()) as u64 * enabled;
    Frame {
        kind: "done",
        pass: "done".to_owned(),
        processed: total,
        total,
        matched,
        suggested,
        rows_per_s: stats["rows_per_s"].as_u64().unwrap_or(0),
        eta_ms: 0,
        detail: None,
    }
}

fn kind(kind: PassKind) -> &'static str {
    kind.name()
}

fn status(status: MatchStatus) -> &'static str {
    match status {
        MatchStatus::Confirmed => "confirmed",
        MatchStatus::Suggested => "suggested",
    }
}
