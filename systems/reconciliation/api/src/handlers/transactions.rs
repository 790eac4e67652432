//! Transactions: searching them.

use axum::extract::State;
use serde::Deserialize;
use systems_kit::auth::access::Require;
use systems_kit::body::Query;
use systems_kit::problem::{Code, Problem};
use uuid::Uuid;

use super::Answer;
use crate::app::App;
use crate::page::{PageQuery, list};
use crate::permissions::Read;

#[derive(Deserialize)]
pub(crate) struct Filter {
    source_id: Option<Uuid>,
    ccy: Option<String>,
    q: Option<String>,
    from: Option<String>,
    to: Option<String>,
    min: Option<i64>,
    max: Option<i64>,
    limit: Option<i64>,
    cursor: Option<String>,
}

pub(crate) async fn index(
    State(app): State<App>,
    _: Require<Read>,
    Query(filter): Query<Filter>,
) -> Answer {
    let page = PageQuery {
        limit: filter.limit,
        cursor: filter.cursor,
    };
    let limit = page.limit()?;
    let rows = sqlx::query_as(
        "SELECT t.id::text, txn_doc(t)::text FROM txn t
         WHERE ($1::uuid IS NULL OR source_id = $1) AND ($2::text IS NULL OR ccy = $2::text::bpchar)
           AND ($3::text IS NULL OR ext_id ILIKE $3 OR reference ILIKE $3 OR counterparty ILIKE $3 OR description ILIKE $3)
           AND ($4::text IS NULL OR booking_date >= $4::date) AND ($5::text IS NULL OR booking_date <= $5::date)
           AND ($6::bigint IS NULL OR amount_minor >= $6) AND ($7::bigint IS NULL OR amount_minor <= $7)
           AND ($8::bigint IS NULL OR t.id > $8)
         ORDER BY t.id LIMIT $9",
    )
    .persistent(false)
    .bind(filter.source_id)
    .bind(filter.ccy)
    .bind(filter.q.as_deref().map(contains))
    .bind(day("from", filter.from)?)
    .bind(day("to", filter.to)?)
    .bind(filter.min)
    .bind(filter.max)
    .bind(page.after::<i64>()?)
    .bind(limit + 1)
    .fetch_all(app.pool())
    .await?;
    Ok(list(rows, limit))
}

/// A pattern for `ILIKE` that finds the text anywhere and takes its `%`, `_` and `\` as themselves.
pub(crate) fn contains(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 2);
    pattern.push('%');
    for character in text.chars().filter(|character| *character != '\0') {
        if matches!(character, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern.push('%');
    pattern
}

/// A date that PostgreSQL will read as the same date.
pub(crate) fn day(name: &str, text: Option<String>) -> Result<Option<String>, Problem> {
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    if text.parse::<recon_core::date::Day>().is_ok() {
        return Ok(Some(text));
    }
    Err(Problem::new(
        Code::InvalidQuery,
        format!("{name} must be a date, YYYY-MM-DD"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_searched_for_is_taken_literally() {
        assert_eq!(contains("50%_a\\b"), "%50\\%\\_a\\\\b%");
    }
}
