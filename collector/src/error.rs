//! What can go wrong for a caller, and how it is said: RFC 9457 problems with a stable code.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use engine::condition::Problem;
use serde_json::json;
use std::time::Duration;

/// An answer other than 2xx.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("the body is not JSON")]
    BadJson { line: usize, column: usize },
    #[error("expected `events`: a list of 1 to 500 events")]
    BadBatch,
    #[error("{detail}")]
    BadRequest { path: String, detail: String },
    #[error("expected one key, got two that differ")]
    TwoKeys,
    #[error("the key is missing, unknown or revoked")]
    BadKey,
    #[error("this origin may not use the key")]
    BadOrigin,
    #[error("the key has not the scope `{0}`")]
    NoScope(&'static str),
    #[error("there is no such thing here")]
    NotFound,
    #[error("this method is not for this address")]
    BadMethod,
    #[error("the body took too long to arrive")]
    SlowBody,
    #[error("{0}")]
    TooLarge(&'static str),
    #[error("expected the content type application/json{}", if *.text { " or text/plain" } else { "" })]
    BadType { text: bool },
    #[error("expected a body packed by gzip, br or zstd, or not at all")]
    BadEncoding,
    #[error("{}", .0.first().map_or("", |problem| problem.detail.as_str()))]
    Invalid(Vec<Problem>),
    #[error("too many requests: try again in {} s", seconds(.0))]
    RateLimited(Duration),
    #[error("the queue is full: try again shortly")]
    Busy,
    #[error("the data cannot be written at the moment")]
    ReadOnly,
    #[error("the collector is going down: try again shortly")]
    ShuttingDown,
    #[error("something went wrong here; the log has it under this request id")]
    Internal(#[source] anyhow::Error),
}

impl Error {
    /// An error of one field of a document.
    pub(crate) fn invalid(path: &str, detail: &str) -> Self {
        Error::Invalid(vec![Problem { path: path.to_owned(), detail: detail.to_owned() }])
    }

    fn parts(&self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Error::BadJson { .. } => (StatusCode::BAD_REQUEST, "bad_json", "Not JSON"),
            Error::BadBatch => (StatusCode::BAD_REQUEST, "bad_batch", "Not a batch of events"),
            Error::BadRequest { .. } => (StatusCode::BAD_REQUEST, "bad_value", "Not a value that fits"),
            Error::TwoKeys => (StatusCode::BAD_REQUEST, "bad_key", "Two different keys"),
            Error::BadKey => (StatusCode::UNAUTHORIZED, "bad_key", "Not a key"),
            Error::BadOrigin => (StatusCode::FORBIDDEN, "bad_origin", "Not an origin of this site"),
            Error::NoScope(_) => (StatusCode::FORBIDDEN, "no_scope", "Not a scope of this key"),
            Error::NotFound => (StatusCode::NOT_FOUND, "not_found", "Not found"),
            Error::BadMethod => (StatusCode::METHOD_NOT_ALLOWED, "bad_method", "Not a method of this address"),
            Error::SlowBody => (StatusCode::REQUEST_TIMEOUT, "slow_body", "Too slow"),
            Error::TooLarge(_) => (StatusCode::PAYLOAD_TOO_LARGE, "too_large", "Too large"),
            Error::BadType { .. } => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, "bad_type", "Not a content type of this address")
            }
            Error::BadEncoding => (StatusCode::BAD_REQUEST, "bad_encoding", "Not an encoding that is taken"),
            Error::Invalid(problems) => {
                let condition = problems.first().is_some_and(|problem| problem.path.starts_with("condition"));
                let code = if condition { "bad_condition" } else { "bad_value" };
                (StatusCode::UNPROCESSABLE_ENTITY, code, "Not a document that fits")
            }
            Error::RateLimited(_) => (StatusCode::TOO_MANY_REQUESTS, "rate_limited", "Too many requests"),
            Error::Busy => (StatusCode::SERVICE_UNAVAILABLE, "busy", "Busy"),
            Error::ReadOnly => (StatusCode::SERVICE_UNAVAILABLE, "read_only", "Read-only"),
            Error::ShuttingDown => (StatusCode::SERVICE_UNAVAILABLE, "shutting_down", "Going down"),
            Error::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, "internal", "Failed"),
        }
    }
}

/// Goes with an answer that says [`Error::BadOrigin`], for who adds headers to it.
#[derive(Clone, Copy)]
pub(crate) struct OriginRefused;

impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        Error::BadJson { line: error.line(), column: error.column() }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let (status, code, title) = self.parts();
        // Only a test answers without a request.
        let request_id = CURRENT.try_with(|current| current.id.clone()).unwrap_or_default();
        if let Error::Internal(cause) = &self {
            let route = CURRENT.try_with(|current| current.route.clone()).unwrap_or_default();
            tracing::error!(request_id, %route, cause = format!("{cause:#}"), "a request failed");
        }
        let mut problem = json!({
            "type": format!("urn:beckon:{code}"), "title": title, "status": status.as_u16(),
            "detail": self.to_string(), "code": code, "request_id": request_id,
        });
        match &self {
            Error::BadJson { line, column } => {
                problem["line"] = json!(line);
                problem["column"] = json!(column);
            }
            Error::BadRequest { path, .. } => problem["path"] = json!(path),
            Error::Invalid(problems) => {
                problem["path"] = json!(problems.first().map(|problem| problem.path.as_str()));
                let all = problems.iter().map(|problem| json!({"path": problem.path, "detail": problem.detail}));
                problem["problems"] = all.collect();
            }
            _ => {}
        }
        let mut response = (status, problem.to_string()).into_response();
        if matches!(self, Error::BadOrigin) {
            response.extensions_mut().insert(OriginRefused);
        }
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Error::RateLimited(wait) = &self {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds(wait)));
        }
        match status {
            StatusCode::SERVICE_UNAVAILABLE => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            }
            StatusCode::UNAUTHORIZED => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            _ => {}
        }
        response
    }
}

/// A wait in whole seconds, as `Retry-After` tells it: never shorter than it is.
fn seconds(wait: &Duration) -> u64 {
    wait.as_millis().div_ceil(1_000).max(1) as u64
}

/// A request on its way: what the answer, the log and the problem document call it.
pub(crate) struct Current {
    /// Its name, 16 hex digits.
    pub(crate) id: String,
    /// The template of its route; `-` where it met none.
    pub(crate) route: Box<str>,
}

tokio::task_local! {
    /// The request that this task answers.
    pub(crate) static CURRENT: Current;
}
