//! Errors as RFC 9457 problem documents.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderName, HeaderValue, WWW_AUTHENTICATE};
use hyper::{Response, StatusCode};
use serde_json::json;

/// What every route answers with.
pub(super) type Answer = Response<Full<Bytes>>;

/// An answer that says what is wrong.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    title: &'static str,
    detail: String,
    header: Option<(HeaderName, HeaderValue)>,
}

impl Problem {
    pub(super) fn new(
        status: StatusCode,
        title: &'static str,
        detail: impl Into<String>,
    ) -> Problem {
        Problem { status, title, detail: detail.into(), header: None }
    }

    pub(super) fn bad_body(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::BAD_REQUEST, "The body cannot be used", detail)
    }

    /// The same, with the methods that the path has.
    pub(super) fn allow(self, methods: &'static str) -> Problem {
        Problem { header: Some((ALLOW, HeaderValue::from_static(methods))), ..self }
    }

    /// The same, asking for a token.
    pub(super) fn challenge(self) -> Problem {
        Problem { header: Some((WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))), ..self }
    }

    pub(super) fn answer(self) -> Answer {
        let body = json!({
            "type": "about:blank",
            "title": self.title,
            "status": self.status.as_u16(),
            "detail": self.detail,
        });
        let mut answer = text(self.status, "application/problem+json", format!("{body}\n"));
        if let Some((name, value)) = self.header {
            answer.headers_mut().insert(name, value);
        }
        answer
    }
}

/// An answer of this type.
pub(super) fn text(status: StatusCode, kind: &'static str, body: String) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(body)));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    // What is true of a running stage now is not true in a second.
    let no_store = HeaderValue::from_static("no-store");
    answer.headers_mut().insert(hyper::header::CACHE_CONTROL, no_store);
    answer
}

/// What a client sent, cut to a length that can be shown.
pub(super) fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(40).collect()
}
