//! Why a confirmed match holds: asked of the engine when someone looks, because it follows from the rows, which
//! never change, and
//! from the rule set of the run, which is never written again. Storing it would double what a run writes.

use recon_core::currency::Ccy;
use recon_core::date::Day;
use recon_core::engine;
use recon_core::rules::RuleSet;
use recon_core::txn::{Txn, TxnStore};
use sqlx::types::Json;
use systems_kit::problem::Problem;
use uuid::Uuid;

use crate::app::App;

/// A row as the engine wants it: booking and value day (days since 1970), amount, currency, and the texts in the
/// store's order.
type Row = (i32, Option<i32>, i64, String, Vec<String>);

/// A JSON array; empty for a match made by hand, whose reason is the one its maker gave.
pub(super) async fn evidence_of(app: &App, id: Uuid) -> Result<String, Problem> {
    type Found = (Json<RuleSet>, String, i64, i64);
    let found: Option<Found> = sqlx::query_as(
        "SELECT s.rules, m.pass, m.left_ids[1], m.right_ids[1] FROM match m JOIN run r ON r.id = m.run_id
         JOIN rule_set s ON s.id = r.rule_set_id WHERE m.id = $1 AND m.kind <> 'manual'",
    )
    .bind(id)
    .fetch_optional(app.pool())
    .await?;
    let nothing = || "[]".to_owned();
    let Some((Json(rules), name, left, right)) = found else {
        return Ok(nothing());
    };
    let Some(pass) = rules.passes.iter().find(|pass| pass.name == name) else {
        return Ok(nothing());
    };
    let (left, right) = (store(app, left).await?, store(app, right).await?);
    let evidence = engine::evidence(pass, (&left, 0), (&right, 0));
    serde_json::to_string(&evidence).map_err(|error| Problem::internal(&error))
}

/// A store of one row.
async fn store(app: &App, id: i64) -> Result<TxnStore, Problem> {
    let (booking_day, value_day, amount_minor, ccy, texts): Row = sqlx::query_as(
        "SELECT booking_date - DATE '1970-01-01', value_date - DATE '1970-01-01', amount_minor, ccy::text,
           ARRAY[ext_id, reference, counterparty, description, kind] FROM txn WHERE id = $1",
    )
    .bind(id)
    .fetch_one(app.pool())
    .await?;
    let strange = |what: &str| {
        let error = std::io::Error::other(format!("row {id} has {what}"));
        Problem::internal(&error)
    };
    let ccy = Ccy::from_code(ccy.as_bytes()).ok_or_else(|| strange("an unknown currency"))?;
    let [ext_id, reference, counterparty, description, kind] = texts.as_slice() else {
        return Err(strange("too few texts"));
    };
    let mut store = TxnStore::new();
    let txn = Txn {
        row_id: id.cast_unsigned(),
        booking_date: Day::from_days(booking_day),
        value_date: value_day.map(Day::from_days),
        amount_minor,
        ccy,
        ext_id,
        reference,
        counterparty,
        description,
        kind,
    };
    store
        .push(&txn)
        .map_err(|error| Problem::internal(&error))?;
    Ok(store)
}
