//! Both sides of a run: their rows from the database into the engine's stores.

use futures_util::TryStreamExt as _;
use recon_core::currency::Ccy;
use recon_core::date::Day;
use recon_core::txn::{Txn, TxnStore};
use sqlx::PgConnection;
use uuid::Uuid;

use super::matching::{Order, WorkError};
use super::{Job, Renewed, renew};
use crate::app::App;
use crate::copy::{Decoder, Fields, MalformedCopyError};

/// Copies the rows of both sources within the run's window; `None` when the job is not ours any more.
///
/// In one transaction that holds the job's row: no lease can run out under a long load, and the row is free the
/// moment this
/// replica dies. One connection, given back before the engine starts.
pub(super) async fn stores(
    app: &App,
    job: &Job,
    owner: Uuid,
    order: &Order,
) -> Result<Option<(TxnStore, TxnStore)>, WorkError> {
    let mut transaction = app.pool().begin().await?;
    if renew(app, job, owner, &mut *transaction).await? == Renewed::No {
        return Ok(None);
    }
    let left = store(&mut transaction, order.left, order).await?;
    let right = store(&mut transaction, order.right, order).await?;
    // The time of a transaction is that of its start, so the lease begins again after it.
    transaction.commit().await?;
    let renewed = renew(app, job, owner, app.pool()).await?;
    Ok((renewed == Renewed::Yes).then_some((left, right)))
}

async fn store(
    connection: &mut PgConnection,
    source: Uuid,
    order: &Order,
) -> Result<TxnStore, WorkError> {
    let statement = statement(source, order)?;
    let mut chunks = connection.copy_out_raw(&statement).await?;
    let mut decoder = Decoder::default();
    let mut store = TxnStore::new();
    while let Some(chunk) = chunks.try_next().await? {
        decoder.feed(&chunk);
        while let Some(fits) = decoder.next_row(|fields| push(&mut store, fields))? {
            fits.map_err(|error| WorkError::Engine(error.to_string()))?;
        }
    }
    Ok(store)
}

/// COPY takes no parameters, so what goes into the text is a UUID and dates that were read as such.
fn statement(source: Uuid, order: &Order) -> Result<String, WorkError> {
    let bound = |operator: &str, text: &Option<String>| match text {
        None => Ok(String::new()),
        Some(text) => text
            .parse::<Day>()
            .map(|day| format!(" AND booking_date {operator} DATE '{day}'"))
            .map_err(|error| WorkError::Engine(error.to_string())),
    };
    let (from, to) = (bound(">=", &order.from)?, bound("<=", &order.to)?);
    Ok(format!(
        "COPY (SELECT id, booking_date, value_date, amount_minor, ccy::text, ext_id, reference, counterparty, description, kind
         FROM txn WHERE source_id = '{source}'{from}{to} ORDER BY id) TO STDOUT (FORMAT BINARY)"
    ))
}

fn push(
    store: &mut TxnStore,
    fields: &mut Fields<'_>,
) -> Result<Result<usize, recon_core::txn::StoreError>, MalformedCopyError> {
    let row_id = fields.int8()?.cast_unsigned();
    let booking_date = fields.date()?.ok_or(MalformedCopyError)?;
    let value_date = fields.date()?;
    let amount_minor = fields.int8()?;
    let ccy = Ccy::from_code(fields.text()?.as_bytes()).ok_or(MalformedCopyError)?;
    Ok(store.push(&Txn {
        row_id,
        booking_date: Day::from_days(booking_date),
        value_date: value_date.map(Day::from_days),
        amount_minor,
        ccy,
        ext_id: fields.text()?,
        reference: fields.text()?,
        counterparty: fields.text()?,
        description: fields.text()?,
        kind: fields.text()?,
    }))
}
