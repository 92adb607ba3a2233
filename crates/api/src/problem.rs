//! Errors as problem documents (RFC 9457).

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// What went wrong, for a program (`status`, `title`) and for a person (`detail`, `errors`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{title}: {detail}")]
pub struct Problem {
    /// HTTP status.
    pub status: u16,
    /// What kind of problem, always in the same words.
    pub title: &'static str,
    /// What happened this time, and what to do.
    pub detail: String,
    /// Each single error, where there can be several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<String>,
}

impl Problem {
    /// A problem without single errors.
    #[must_use]
    pub fn new(status: u16, title: &'static str, detail: impl Into<String>) -> Self {
        Self {
            status,
            title,
            detail: detail.into(),
            errors: Vec::new(),
        }
    }

    /// Nothing has this id.
    #[must_use]
    pub fn not_found(what: &str, id: &str) -> Self {
        Self::new(404, "not found", format!("there is no {what} {id:?}"))
    }

    /// The switch did not answer in time.
    #[must_use]
    pub fn busy() -> Self {
        Self::new(503, "busy", "the switch did not answer in time; try again")
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let content_type = HeaderValue::from_static("application/problem+json");
        (status, [(header::CONTENT_TYPE, content_type)], body).into_response()
    }
}
