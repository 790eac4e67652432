//! Lists in pages: `?limit&cursor`, answered with items and the next cursor.
//!
//! Three rules keep a page at a few milliseconds wherever it is in a long list, and whatever the statistics say:
//! - The queries are not persistent. A prepared plan that serves all filters at once could use an index for none
//!   of them; planned for its values, `$2 IS NULL OR x = $2` is either gone or a condition of an index.
//! - Rows of other tables come by `LATERAL (… OFFSET 0)`, one look-up for each row of the page. A join that the
//!   planner is free to turn around reads one table from its start for every page.
//! - A `char(n)` is compared with a `bpchar`: compared with a `text` it is cast, and the planner knows nothing of
//!   what is cast.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use systems_kit::problem::{Code, Problem};

/// Unless told.
const DEFAULT_LIMIT: i64 = 100;

/// A page of 500 matches with their rows is about 400 KB.
const LARGEST_LIMIT: i64 = 500;

/// The two members that every list takes.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct PageQuery {
    /// Items per page.
    pub limit: Option<i64>,
    /// Where to go on.
    pub cursor: Option<String>,
}

impl PageQuery {
    /// The limit within its bounds.
    pub fn limit(&self) -> Result<i64, Problem> {
        let limit = self.limit.unwrap_or(DEFAULT_LIMIT);
        if (1..=LARGEST_LIMIT).contains(&limit) {
            return Ok(limit);
        }
        Err(Problem::new(
            Code::InvalidQuery,
            "limit must be from 1 to 500",
        ))
    }

    /// The cursor as the key that it is.
    pub fn after<T: std::str::FromStr>(&self) -> Result<Option<T>, Problem> {
        let Some(cursor) = &self.cursor else {
            return Ok(None);
        };
        let refused = |_| Problem::new(Code::InvalidQuery, "cursor is not one of ours");
        cursor.parse().map(Some).map_err(refused)
    }
}

/// A list, from rows of (key, document) of which one more than the limit was asked for.
pub fn list(mut rows: Vec<(String, String)>, limit: i64) -> Response {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = rows.len() > limit;
    rows.truncate(limit);
    let cursor = rows.last().filter(|_| more).map(|(key, _)| key.clone());
    let mut body =
        String::with_capacity(rows.iter().map(|(_, doc)| doc.len() + 1).sum::<usize>() + 64);
    body.push_str("{\"items\":[");
    for (nth, (_, document)) in rows.iter().enumerate() {
        if nth > 0 {
            body.push(',');
        }
        body.push_str(document);
    }
    body.push_str("],\"next_cursor\":");
    body.push_str(&serde_json::Value::from(cursor).to_string());
    body.push('}');
    json(StatusCode::OK, body)
}

/// An answer that is JSON already: the database wrote it.
pub fn json(status: StatusCode, body: String) -> Response {
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// One document, or 404.
pub fn one(document: Option<String>) -> Result<Response, Problem> {
    document
        .map(|document| json(StatusCode::OK, document))
        .ok_or_else(|| Problem::new(Code::NotFound, "no such id"))
}
