//! Answers that the gateway gives itself, as problem documents (RFC 9457) that carry the request id.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};

use super::body::EdgeBody;

/// A refusal: a status, and words for whoever reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    pub(crate) detail: &'static str,
    /// Seconds for `retry-after`.
    pub(crate) retry_after_s: Option<u64>,
    /// Methods for `allow`.
    pub(crate) allow: Option<HeaderValue>,
    /// Whether what is left of the request cannot be read, so that the connection must close.
    pub(crate) close: bool,
}

impl Problem {
    /// A problem.
    pub(crate) fn new(status: StatusCode, detail: &'static str) -> Self {
        Self {
            status,
            detail,
            retry_after_s: None,
            allow: None,
            close: false,
        }
    }

    /// Says when to come back.
    pub(crate) fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }

    /// Closes the connection after the answer.
    pub(crate) fn closing(mut self) -> Self {
        self.close = true;
        self
    }

    /// The answer.
    pub(crate) fn into_response(self, request_id: &HeaderValue) -> Response<EdgeBody> {
        let title = self.status.canonical_reason().unwrap_or("Error");
        // Neither text holds a character that JSON escapes, and a request id is checked.
        let body = format!(
            "{{\"type\":\"about:blank\",\"title\":\"{title}\",\"status\":{},\"detail\":\"{}\",\
             \"request_id\":\"{}\"}}\n",
            self.status.as_u16(),
            self.detail,
            request_id.to_str().unwrap_or_default(),
        );
        let mut response = Response::new(EdgeBody::full(Bytes::from(body)));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        let json = HeaderValue::from_static("application/problem+json");
        headers.insert(header::CONTENT_TYPE, json);
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(allow) = self.allow {
            headers.insert(header::ALLOW, allow);
        }
        if self.close {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}
