//! Errors as RFC 9457 problem documents.

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::{IntoResponses, ToSchema};

/// An answer that says what is wrong, with the field, its value and the limit.
#[derive(Clone, Debug)]
pub struct Problem {
    status: StatusCode,
    title: &'static str,
    detail: String,
    instance: Option<String>,
    retry_after: Option<u32>,
    wants_token: bool,
}

impl Problem {
    /// A problem of this kind.
    pub fn new(status: StatusCode, title: &'static str, detail: impl Into<String>) -> Problem {
        Problem {
            status,
            title,
            detail: detail.into(),
            instance: None,
            retry_after: None,
            wants_token: false,
        }
    }

    /// Something the shop needs is away.
    pub fn away(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "Not available now", detail).again_after(2)
    }

    /// The database is away; the reason is for the log only.
    pub fn database(error: &anyhow::Error) -> Problem {
        tracing::warn!("database: {error:#}");
        Problem::away("the database does not answer; try again shortly")
    }

    /// The same, worth trying again after so many seconds.
    pub fn again_after(self, seconds: u32) -> Problem {
        Problem { retry_after: Some(seconds), ..self }
    }

    /// The same, asking for a token.
    pub fn challenge(self) -> Problem {
        Problem { wants_token: true, ..self }
    }

    /// The same, of the thing at this path.
    pub fn of(self, path: &str) -> Problem {
        Problem { instance: Some(path.chars().take(100).collect()), ..self }
    }
}

/// A problem as RFC 9457 has it.
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct Document {
    #[schema(example = "about:blank")]
    r#type: &'static str,
    /// What kind of problem it is.
    title: &'static str,
    /// The status of the answer.
    status: u16,
    /// What was wrong, with its value, and what to do.
    detail: String,
    /// What it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    instance: Option<String>,
}

/// The type of an answer that is a problem.
pub(crate) const PROBLEM: &str = "application/problem+json";

/// What any request may be answered instead.
#[derive(IntoResponses)]
#[allow(dead_code, reason = "it describes")]
pub(crate) enum Instead {
    /// The request cannot be read
    #[response(status = 400, content_type = "application/problem+json")]
    Unreadable(Document),
    /// It has a body, which is long
    #[response(status = 413, content_type = "application/problem+json")]
    Large(Document),
    /// It asks another host
    #[response(status = 421, content_type = "application/problem+json")]
    Misdirected(Document),
    /// Not available now
    #[response(status = 503, content_type = "application/problem+json")]
    Away(Document),
}

impl From<PathRejection> for Problem {
    fn from(rejection: PathRejection) -> Problem {
        Problem::new(StatusCode::BAD_REQUEST, "The path cannot be read", rejection.body_text())
    }
}

impl From<QueryRejection> for Problem {
    fn from(rejection: QueryRejection) -> Problem {
        Problem::new(StatusCode::BAD_REQUEST, "The query cannot be read", rejection.body_text())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = Document {
            r#type: "about:blank",
            title: self.title,
            status: self.status.as_u16(),
            // Some of it may be what a client sent.
            detail: self.detail.chars().take(400).collect(),
            instance: self.instance,
        };
        let mut response = (self.status, Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if self.wants_token {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// What a client sent, cut to a length that can be shown.
pub fn shown(value: &str) -> String {
    value.chars().filter(|c| !c.is_control()).take(40).collect()
}
