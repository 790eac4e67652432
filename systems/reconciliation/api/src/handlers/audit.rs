//! The audit trail: reading it, and recomputing its chain.

use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use systems_kit::auth::access::Require;
use systems_kit::body::Query;

use super::Answer;
use crate::app::App;
use crate::page::{PageQuery, json, list};
use crate::permissions::{AuditRead, AuditVerify};

#[derive(Deserialize)]
pub(crate) struct Filter {
    entity: Option<String>,
    entity_id: Option<String>,
    limit: Option<i64>,
    cursor: Option<String>,
}

pub(crate) async fn index(
    State(app): State<App>,
    _: Require<AuditRead>,
    Query(filter): Query<Filter>,
) -> Answer {
    let page = PageQuery {
        limit: filter.limit,
        cursor: filter.cursor,
    };
    let limit = page.limit()?;
    let rows = sqlx::query_as(
        "SELECT seq::text, json_build_object('seq', seq::text, 'at', at, 'actor', actor, 'role', role, 'action', action,
           'entity', entity, 'entity_id', entity_id, 'before', before, 'after', after, 'hash', encode(hash, 'hex'))::text
         FROM audit_event
         WHERE ($1::text IS NULL OR entity = $1) AND ($2::text IS NULL OR entity_id = $2) AND ($3::bigint IS NULL OR seq < $3)
         ORDER BY seq DESC LIMIT $4",
    )
    .bind(filter.entity)
    .bind(filter.entity_id)
    .bind(page.after::<i64>()?)
    .bind(limit + 1)
    .fetch_all(app.pool())
    .await?;
    Ok(list(rows, limit))
}

/// An event is broken when its hash does not follow from its content, when it does not continue the one before it,
/// or when a
/// number is missing before it.
pub(crate) async fn verify(State(app): State<App>, _: Require<AuditVerify>) -> Answer {
    let document: String = sqlx::query_scalar(
        "WITH chain AS (
           SELECT seq, hash, prev_hash, audit_hash(audit_event.*) AS computed,
             lag(hash, 1, decode(repeat('00', 32), 'hex')) OVER (ORDER BY seq) AS expected,
             lag(seq, 1, 0::bigint) OVER (ORDER BY seq) AS previous
           FROM audit_event),
         broken AS (
           SELECT min(seq) AS first FROM chain
           WHERE hash <> computed OR prev_hash <> expected OR seq <> previous + 1)
         SELECT json_build_object('ok', (SELECT first IS NULL FROM broken), 'events', (SELECT count(*) FROM audit_event),
           'head', (SELECT encode(hash, 'hex') FROM audit_event ORDER BY seq DESC LIMIT 1),
           'first_broken_seq', (SELECT first::text FROM broken))::text",
    )
    .fetch_one(app.pool())
    .await?;
    Ok(json(StatusCode::OK, document))
}
