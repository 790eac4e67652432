//! The page that stands in for the app during maintenance.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};

use super::body::EdgeBody;
use super::problem::Problem;

const PAGE: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
<meta name=\"viewport\" content=\"width=device-width\"><title>Maintenance</title>\
<body><h1>Down for maintenance</h1><p>We will be back soon. Please try again in a while.</p>\n";

/// A page for browsers, a problem document for programs.
pub(crate) fn answer(
    request: &HeaderMap,
    retry_after_s: u64,
    request_id: &HeaderValue,
) -> Response<EdgeBody> {
    let detail = "down for maintenance";
    let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).retry_after(retry_after_s);
    let mut response = problem.into_response(request_id);
    let accepts = request
        .get(header::ACCEPT)
        .map(HeaderValue::as_bytes)
        .unwrap_or_default();
    if accepts.windows(9).any(|window| window == b"text/html") {
        let html = HeaderValue::from_static("text/html; charset=utf-8");
        response.headers_mut().insert(header::CONTENT_TYPE, html);
        *response.body_mut() = EdgeBody::full(Bytes::from_static(PAGE.as_bytes()));
    }
    response
}
