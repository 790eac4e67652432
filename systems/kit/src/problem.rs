//! Problem documents (RFC 9457): every refusal has the same shape.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// What went wrong, in words that a program can act on. The title and the status follow from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// A body that does not say what the route needs.
    InvalidBody,
    /// A query string that does not.
    InvalidQuery,
    /// A body of another type than the route reads.
    UnsupportedMediaType,
    /// A body beyond the bound.
    TooLarge,
    /// No token, or one that does not hold.
    Unauthorized,
    /// The wrong e-mail address or password.
    InvalidCredentials,
    /// Too many failed logins.
    LockedOut,
    /// A quota is used up.
    TooManyRequests,
    /// The role does not have the permission.
    Forbidden,
    /// The password must be changed first.
    PasswordChangeRequired,
    /// Someone else must do this.
    FourEyes,
    /// No such thing.
    NotFound,
    /// No such verb here.
    MethodNotAllowed,
    /// The state of the thing does not allow it.
    Conflict,
    /// Sums that must agree do not.
    Unbalanced,
    /// A part that we need is away; try again.
    Unavailable,
    /// Our fault.
    Internal,
}

impl Code {
    /// The status that goes with the code.
    pub fn status(self) -> StatusCode {
        match self {
            Self::InvalidBody | Self::InvalidQuery | Self::Unbalanced => {
                StatusCode::UNPROCESSABLE_ENTITY
            }
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Unauthorized | Self::InvalidCredentials => StatusCode::UNAUTHORIZED,
            Self::LockedOut | Self::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
            Self::Forbidden | Self::PasswordChangeRequired | Self::FourEyes => {
                StatusCode::FORBIDDEN
            }
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::Conflict => StatusCode::CONFLICT,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The code as it is written, and the title that never changes.
    pub fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::InvalidBody => ("invalid_body", "The request body is not valid"),
            Self::InvalidQuery => ("invalid_query", "The query string is not valid"),
            Self::UnsupportedMediaType => ("unsupported_media_type", "The body has a wrong type"),
            Self::TooLarge => ("too_large", "The body is too large"),
            Self::Unauthorized => ("unauthorized", "A valid access token is needed"),
            Self::InvalidCredentials => ("invalid_credentials", "Wrong e-mail or password"),
            Self::LockedOut => ("locked_out", "Too many failed logins"),
            Self::TooManyRequests => ("too_many_requests", "The quota is used up"),
            Self::Forbidden => ("forbidden", "The role does not allow this"),
            Self::PasswordChangeRequired => (
                "password_change_required",
                "The password must be changed first",
            ),
            Self::FourEyes => ("four_eyes", "Someone else must do this"),
            Self::NotFound => ("not_found", "No such thing"),
            Self::MethodNotAllowed => ("method_not_allowed", "The method is not allowed here"),
            Self::Conflict => ("conflict", "The present state does not allow this"),
            Self::Unbalanced => ("unbalanced", "The sums of both sides differ"),
            Self::Unavailable => ("unavailable", "A part of the system is away"),
            Self::Internal => ("internal", "Something went wrong here"),
        }
    }

    /// The code for an answer that came without a document (a route that does not exist, a body cut off by the server).
    pub fn for_status(status: StatusCode) -> Self {
        match status {
            StatusCode::UNAUTHORIZED => Self::Unauthorized,
            StatusCode::FORBIDDEN => Self::Forbidden,
            StatusCode::NOT_FOUND => Self::NotFound,
            StatusCode::METHOD_NOT_ALLOWED => Self::MethodNotAllowed,
            StatusCode::CONFLICT => Self::Conflict,
            StatusCode::PAYLOAD_TOO_LARGE => Self::TooLarge,
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Self::UnsupportedMediaType,
            StatusCode::TOO_MANY_REQUESTS => Self::TooManyRequests,
            StatusCode::SERVICE_UNAVAILABLE => Self::Unavailable,
            status if status.is_client_error() => Self::InvalidBody,
            _ => Self::Internal,
        }
    }
}

/// One wrong member of a body.
#[derive(Debug, Clone, Serialize, PartialEq, Eq)]
pub struct Fault {
    /// JSON pointer.
    pub pointer: String,
    /// What is wrong, for programs.
    pub code: &'static str,
    /// What is wrong, for people.
    pub detail: String,
}

/// A refusal. Handlers return it as their error.
#[derive(Debug, Clone)]
pub struct Problem {
    /// What went wrong.
    pub code: Code,
    /// What went wrong this time.
    pub detail: String,
    /// The members that are wrong.
    pub errors: Vec<Fault>,
    /// Seconds after which a new try may succeed.
    pub retry_after: Option<u64>,
}

impl Problem {
    /// A problem with its explanation.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            errors: Vec::new(),
            retry_after: None,
        }
    }

    /// One wrong member of the body.
    pub fn fault(pointer: &str, code: &'static str, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        let fault = Fault {
            pointer: pointer.to_owned(),
            code,
            detail: detail.clone(),
        };
        Self {
            errors: vec![fault],
            ..Self::new(Code::InvalidBody, detail)
        }
    }

    /// A fault of ours: the cause goes to the log, never to the caller.
    pub fn internal(cause: &(dyn std::error::Error + 'static)) -> Self {
        tracing::error!(error = %chain(cause), "request failed");
        Self::new(Code::Internal, "the request id names the log line")
    }

    /// Adds `Retry-After`.
    #[must_use]
    pub fn retry_after(self, seconds: u64) -> Self {
        Self {
            retry_after: Some(seconds.max(1)),
            ..self
        }
    }

    /// The answer, naming the request that it belongs to.
    pub fn render(&self, instance: Option<&str>, request_id: Option<&str>) -> Response {
        let (code, title) = self.code.words();
        let document = serde_json::json!({
            "type": format!("/problems/{code}"),
            "title": title,
            "status": self.code.status().as_u16(),
            "code": code,
            "detail": self.detail,
            "instance": instance,
            "request_id": request_id,
            "errors": self.errors,
        });
        let mut response = (self.code.status(), document.to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.code == Code::Unauthorized {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.render(None, None);
        // `request::layer` writes it again with the request's names.
        response.extensions_mut().insert(self);
        response
    }
}

/// An error and all its sources in one line.
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let words = inner.to_string();
        // Some libraries repeat their source in their own message.
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        source = inner.source();
    }
    text
}

impl From<sqlx::Error> for Problem {
    fn from(error: sqlx::Error) -> Self {
        match crate::db::blame(&error) {
            crate::db::Blame::Away => {
                tracing::warn!(error = %chain(&error), "database is away");
                Self::new(Code::Unavailable, "the database is away or busy").retry_after(1)
            }
            crate::db::Blame::Taken => Self::new(Code::Conflict, "it exists already"),
            crate::db::Blame::Ours => Self::internal(&error),
        }
    }
}

impl From<redis::RedisError> for Problem {
    fn from(error: redis::RedisError) -> Self {
        tracing::warn!(error = %chain(&error), "redis is away");
        Self::new(Code::Unavailable, "the session store is away").retry_after(1)
    }
}
