//! How a run stands after somebody has decided something: the same report that its end wrote, counted again.

use sqlx::PgConnection;
use uuid::Uuid;

/// Counted in the decision's own transaction, so that no reader sees one without the other. Each figure comes from the
/// rows themselves: adding and taking away would drift with the first mistake.
const RENEW: &str = "
WITH the AS (SELECT run_id FROM match WHERE id = $1),
  item AS (
    SELECT i.side, i.state, t.ccy, abs(t.amount_minor)::numeric AS amount
    FROM run_item i JOIN txn t ON t.id = i.txn_id WHERE i.run_id = (SELECT run_id FROM the)),
  side AS (
    SELECT side, jsonb_build_object(
      'matched', count(*) FILTER (WHERE state = 'matched'), 'suggested', count(*) FILTER (WHERE state = 'suggested'),
      'duplicate', count(*) FILTER (WHERE state = 'duplicate'),
      'unmatched', count(*) FILTER (WHERE state = 'unmatched')) AS counts
    FROM item GROUP BY side),
  money AS (
    SELECT ccy, jsonb_build_object('ccy', ccy,
      'matched_minor', coalesce(sum(amount) FILTER (WHERE state = 'matched'), 0)::text,
      'unreconciled_minor', coalesce(sum(amount) FILTER (WHERE state <> 'matched'), 0)::text) AS sums
    FROM item GROUP BY ccy),
  pairs AS (
    SELECT count(*) FILTER (WHERE status = 'confirmed') AS confirmed, count(*) FILTER (WHERE status = 'suggested') AS suggested
    FROM match WHERE run_id = (SELECT run_id FROM the)),
  total AS (SELECT count(*) AS rows, count(*) FILTER (WHERE state = 'matched') AS matched FROM item)
UPDATE run SET stats = stats || jsonb_build_object(
    'matches', pairs.confirmed + pairs.suggested, 'confirmed', pairs.confirmed, 'suggested', pairs.suggested,
    'left', coalesce((SELECT counts FROM side WHERE side = 'L'), stats->'left'),
    'right', coalesce((SELECT counts FROM side WHERE side = 'R'), stats->'right'),
    'exceptions_open', (SELECT count(*) FROM exception_item e WHERE e.run_id = run.id AND e.status <> 'closed'),
    'match_rate', CASE WHEN total.rows > 0 THEN trunc(total.matched * 10000.0 / total.rows) / 10000.0 END,
    'by_ccy', (SELECT coalesce(jsonb_agg(sums ORDER BY ccy), '[]'::jsonb) FROM money))
FROM pairs, total
WHERE run.id = (SELECT run_id FROM the) AND run.stats IS NOT NULL";

/// Renews the report of the run that the match `id` belongs to.
pub(crate) async fn renew(connection: &mut PgConnection, id: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query(RENEW).bind(id).execute(connection).await?;
    Ok(())
}
