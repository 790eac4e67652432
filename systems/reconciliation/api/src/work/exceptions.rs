//! The rows of a run that wait for people.

use sqlx::PgConnection;
use uuid::Uuid;

/// Opens an exception for each row that is not matched, or for those of `rows` alone. An exception that a match
/// had settled is
/// opened again; one that is being worked on stays as it is.
///
/// Due by the amount: a day from 10,000.00 on, three from 1,000.00 on, else a week (in a currency of two decimals).
pub async fn open(
    connection: &mut PgConnection,
    run: Uuid,
    rows: Option<&[i64]>,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO exception_item (id, run_id, txn_id, reason_code, due_at)
         SELECT gen_random_uuid(), i.run_id, i.txn_id,
           CASE WHEN i.state = 'duplicate' THEN 'duplicate'
                WHEN i.state = 'unmatched' AND i.side = 'L' THEN 'missing_in_right'
                WHEN i.state = 'unmatched' THEN 'missing_in_left'
                WHEN m.ambiguous THEN 'ambiguous'
                WHEN m.variance_minor <> 0 THEN 'amount_variance'
                ELSE 'date_variance' END,
           now() + CASE WHEN abs(t.amount_minor) >= 1000000 THEN interval '1 day'
                        WHEN abs(t.amount_minor) >= 100000 THEN interval '3 days'
                        ELSE interval '7 days' END
         FROM run_item i JOIN txn t ON t.id = i.txn_id LEFT JOIN match m ON m.id = i.match_id
         WHERE i.run_id = $1 AND i.state <> 'matched' AND ($2::bigint[] IS NULL OR i.txn_id = ANY ($2))
         ORDER BY i.side, i.txn_id
         ON CONFLICT ON CONSTRAINT exception_once DO UPDATE
           SET status = 'open', resolution = NULL, proposed_by = NULL, approved_by = NULL, reason_code = excluded.reason_code
           WHERE exception_item.status = 'closed' AND exception_item.resolution = 'matched_manual'",
    )
    .bind(run)
    .bind(rows)
    .execute(connection)
    .await
    .map(|_| ())
}
