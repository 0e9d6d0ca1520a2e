//! What any request may cost.

use super::Counts;
use crate::problem::{Problem, shown};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// Requests at once; more are told to come again.
const AT_ONCE: usize = 512;

/// For one answer to begin.
const TIME: Duration = Duration::from_secs(10);

/// No route reads a body; this much is overlooked.
const BODY: u64 = 4_096;

#[derive(Clone)]
pub(super) struct Limits {
    counts: Arc<Counts>,
    free: Arc<Semaphore>,
}

impl Limits {
    pub(super) fn new(counts: Arc<Counts>) -> Limits {
        Limits { counts, free: Arc::new(Semaphore::new(AT_ONCE)) }
    }
}

/// Answers within the limits, and counts.
pub(super) async fn within(State(limits): State<Limits>, request: Request, next: Next) -> Response {
    let mut response = answer(&limits, request, next).await.into_response();
    limits.counts.answered(response.status().as_u16());
    // What is true of an order now is not true in a second.
    let headers = response.headers_mut();
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

async fn answer(limits: &Limits, request: Request, next: Next) -> Result<Response, Problem> {
    let length = request.headers().get(header::CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()).unwrap_or("0");
    if length.parse::<u64>().is_ok_and(|length| length > BODY) {
        let detail = format!("Content-Length is {}; at most {BODY} are taken", shown(length));
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "Body too large", detail));
    }
    let Ok(_permit) = limits.free.try_acquire() else {
        return Err(Problem::away(format!("{AT_ONCE} requests are being answered already")));
    };
    let answered = tokio::time::timeout(TIME, next.run(request)).await;
    answered.map_err(|_| {
        Problem::away(format!("there was no answer within {} s; try again shortly", TIME.as_secs()))
    })
}
