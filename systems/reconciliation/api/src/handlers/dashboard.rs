//! The dashboard: computed once, kept in Redis until something changes.

use axum::extract::State;
use axum::http::StatusCode;
use redis::AsyncCommands as _;
use systems_kit::auth::access::Require;

use super::Answer;
use super::runs::{RUN, without_progress};
use crate::app::App;
use crate::page::json;
use crate::permissions::Read;

const KEY: &str = "recon:dashboard";

/// The rate and the values are those of the runs that count: not dry, not failed, not cancelled.
const SUMMARY: &str = "WITH counted AS (SELECT * FROM run WHERE status IN ('review', 'certified') AND NOT dry_run),
  last AS (SELECT stats FROM counted ORDER BY id DESC LIMIT 1),
  aged AS (SELECT extract(day FROM now() - e.created_at)::int AS age FROM exception_item e WHERE e.status <> 'closed'),
  buckets(bucket, low, high) AS (VALUES ('0-7', 0, 7), ('8-30', 8, 30), ('31-90', 31, 90), ('>90', 91, 2147483647))
SELECT json_build_object(
  'runs', (SELECT count(*) FROM counted),
  'match_rate', (SELECT (stats->>'match_rate')::float8 FROM last),
  'exceptions_open', (SELECT count(*) FROM aged),
  'ageing', (SELECT json_agg(json_build_object('bucket', bucket, 'count',
     (SELECT count(*) FROM aged WHERE age BETWEEN low AND high)) ORDER BY low) FROM buckets),
  'value', coalesce((SELECT stats->'by_ccy' FROM last), '[]'::jsonb))::text";

/// How many runs the dashboard lists.
const LAST_RUNS: i64 = 5;

pub(crate) async fn show(State(app): State<App>, _: Require<Read>) -> Answer {
    Ok(json(StatusCode::OK, document(&app).await?))
}

/// The whole document, from Redis where it is kept there.
pub(crate) async fn document(app: &App) -> Result<String, sqlx::Error> {
    let platform = &app.settings().platform;
    if platform.caching {
        let mut connection = app.cache().connection();
        // Without Redis the dashboard costs a query, nothing else.
        if let Ok(Some(kept)) = connection.get::<_, Option<String>>(KEY).await {
            return Ok(kept);
        }
    }
    let document = compute(app).await?;
    if platform.caching {
        let mut connection = app.cache().connection();
        let seconds = platform.cache_ttl.as_secs();
        let _kept: Result<(), _> = connection.set_ex(KEY, &document, seconds).await;
    }
    Ok(document)
}

async fn compute(app: &App) -> Result<String, sqlx::Error> {
    let summary: String = sqlx::query_scalar(SUMMARY).fetch_one(app.pool()).await?;
    let runs: Vec<(String, String)> = sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "{RUN} ORDER BY r.id DESC LIMIT $1"
    )))
    .bind(LAST_RUNS)
    .fetch_all(app.pool())
    .await?;
    let runs: Vec<String> = runs.iter().map(|(_, run)| without_progress(run)).collect();
    let open = summary.trim_end().strip_suffix('}').unwrap_or(&summary);
    Ok(format!("{open},\"last_runs\":[{}]}}", runs.join(",")))
}

/// Called when a run has ended or someone has decided something.
pub(crate) async fn forget(app: &App) {
    let mut connection = app.cache().connection();
    let forgotten: Result<(), _> = connection.del(KEY).await;
    if let Err(error) = forgotten {
        tracing::warn!(%error, "the dashboard may be old until its time is over");
    }
}
