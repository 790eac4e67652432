//! Rule sets: reading them.

use axum::extract::State;
use systems_kit::auth::access::Require;

use super::Answer;
use crate::app::App;
use crate::page::list;
use crate::permissions::Read;

/// More rule sets than this are a mistake of ours, not a page.
const MOST: i64 = 500;

pub(crate) async fn index(State(app): State<App>, _: Require<Read>) -> Answer {
    let rows = sqlx::query_as(
        "SELECT id::text, json_build_object('id', id, 'name', name, 'version', version, 'default', is_default,
           'passes', rules->'passes', 'created_by', created_by, 'created_at', iso(created_at))::text
         FROM rule_set ORDER BY is_default DESC, name, version DESC LIMIT $1",
    )
    .bind(MOST)
    .fetch_all(app.pool())
    .await?;
    Ok(list(rows, MOST))
}
