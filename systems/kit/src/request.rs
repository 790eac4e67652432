//! What surrounds every request: its id, its trace, its log line, its metrics, and the documents of its refusals.

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use tracing::Instrument as _;
use uuid::Uuid;

use crate::metrics::Metrics;
use crate::problem::{Code, Problem};

/// `x-request-id`, taken from the caller when it is short and printable.
pub static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
static TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
static X_BUILD: HeaderName = HeaderName::from_static("x-build");

/// Long enough for a UUID with a prefix, short enough for a log line.
const LONGEST_REQUEST_ID: usize = 128;

/// Who asks, and under which names it is logged.
#[derive(Debug)]
pub struct RequestContext {
    /// Echoed as `x-request-id`.
    pub request_id: String,
    /// W3C trace id: the caller's, or ours.
    pub trace_id: String,
    /// Our span within that trace.
    pub span_id: String,
    /// Set by the login check.
    pub user: OnceLock<String>,
}

/// What the layer needs.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// Counts and times.
    pub metrics: Metrics,
    /// `X-Build`.
    pub build: HeaderValue,
}

/// The layer itself, for `axum::middleware::from_fn_with_state`.
pub async fn layer(
    State(around): State<Surroundings>,
    mut request: Request,
    next: Next,
) -> Response {
    let context = Arc::new(RequestContext::from_headers(request.headers()));
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    // Labels must stay few: an unknown path is one route, whatever it is.
    let route = request.extensions().get::<MatchedPath>().map_or_else(
        || "(none)".to_owned(),
        |matched| matched.as_str().to_owned(),
    );
    request.extensions_mut().insert(Arc::clone(&context));
    let span = tracing::info_span!(
        "request",
        request_id = %context.request_id,
        trace_id = %context.trace_id,
        span_id = %context.span_id,
    );
    let started = Instant::now();
    let in_flight = around.metrics.request_started();
    let response = next.run(request).instrument(span.clone()).await;
    drop(in_flight);
    let elapsed = started.elapsed();
    let mut response = with_document(response, &path, &context);
    let status = response.status();
    around
        .metrics
        .request_ended(method.as_str(), &route, status.as_u16(), elapsed);
    let dur_ms = elapsed.as_secs_f64() * 1000.0;
    let user = context.user.get().map_or("", String::as_str);
    span.in_scope(|| {
        if is_probe(&route) {
            tracing::debug!(user, %route, method = %method, status = status.as_u16(), dur_ms, "request");
        } else {
            tracing::info!(user, %route, method = %method, status = status.as_u16(), dur_ms, "request");
        }
    });
    stamp(response.headers_mut(), &around, &context);
    response
}

/// Probes come every second and say nothing new.
fn is_probe(route: &str) -> bool {
    matches!(route, "/livez" | "/readyz" | "/startupz" | "/health")
}

fn stamp(headers: &mut HeaderMap, around: &Surroundings, context: &RequestContext) {
    if let Ok(value) = HeaderValue::from_str(&context.request_id) {
        headers.insert(REQUEST_ID.clone(), value);
    }
    let traceparent = format!("00-{}-{}-01", context.trace_id, context.span_id);
    if let Ok(value) = HeaderValue::from_str(&traceparent) {
        headers.insert(TRACEPARENT.clone(), value);
    }
    headers.insert(X_BUILD.clone(), around.build.clone());
}

/// Refusals of the framework become documents, and ours learn the names of the request.
fn with_document(response: Response, path: &str, context: &RequestContext) -> Response {
    let status = response.status();
    if let Some(problem) = response.extensions().get::<Problem>() {
        return problem.render(Some(path), Some(&context.request_id));
    }
    let is_json = response
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.starts_with("application/json"));
    if !(status.is_client_error() || status.is_server_error()) || is_json {
        return response;
    }
    let allow = response.headers().get(header::ALLOW).cloned();
    let problem = Problem::new(Code::for_status(status), status.to_string());
    let mut document = problem.render(Some(path), Some(&context.request_id));
    if let Some(allow) = allow {
        document.headers_mut().insert(header::ALLOW, allow);
    }
    document
}

impl RequestContext {
    fn from_headers(headers: &HeaderMap) -> Self {
        let fresh = Uuid::now_v7();
        let request_id = headers
            .get(&REQUEST_ID)
            .and_then(|value| value.to_str().ok())
            .filter(|id| !id.is_empty() && id.len() <= LONGEST_REQUEST_ID)
            .filter(|id| id.bytes().all(|byte| byte.is_ascii_graphic()))
            .map_or_else(|| fresh.to_string(), str::to_owned);
        let trace_id = headers
            .get(&TRACEPARENT)
            .and_then(|value| value.to_str().ok())
            .and_then(trace_id_of)
            .map_or_else(|| Uuid::new_v4().simple().to_string(), str::to_owned);
        let span = Uuid::new_v4().simple().to_string();
        Self {
            request_id,
            trace_id,
            span_id: span[..16].to_owned(),
            user: OnceLock::new(),
        }
    }
}

/// `00-<32 hex>-<16 hex>-<2 hex>`; neither id may be all zeros (W3C Trace Context section 3.2.2).
fn trace_id_of(header: &str) -> Option<&str> {
    let mut parts = header.split('-');
    let (version, trace, span, flags) =
        (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_hex = |text: &str, length: usize| {
        text.len() == length
            && text
                .bytes()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let is_zero = |text: &str| text.bytes().all(|byte| byte == b'0');
    let valid = is_hex(version, 2)
        && version != "ff"
        && is_hex(trace, 32)
        && !is_zero(trace)
        && is_hex(span, 16)
        && !is_zero(span)
        && is_hex(flags, 2)
        && (version != "00" || parts.next().is_none());
    valid.then_some(trace)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_traceparent_is_taken_only_when_it_is_well_formed() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(trace_id_of(good), Some("4bf92f3577b34da6a3ce929d0e0e4736"));
        for bad in [
            "",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
        ] {
            assert_eq!(trace_id_of(bad), None, "{bad}");
        }
    }

    #[test]
    fn an_id_that_would_spoil_a_log_line_is_replaced() {
        let mut headers = HeaderMap::new();
        headers.insert(REQUEST_ID.clone(), HeaderValue::from_static("abc-1"));
        assert_eq!(RequestContext::from_headers(&headers).request_id, "abc-1");
        headers.insert(REQUEST_ID.clone(), HeaderValue::from_static("a b"));
        assert_ne!(RequestContext::from_headers(&headers).request_id, "a b");
    }
}
