//! What any request may cost.

use super::Counts;
use crate::problem::{Problem, shown};
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
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
        return Err(too_large(detail));
    }
    let Ok(_permit) = limits.free.try_acquire() else {
        return Err(Problem::away(format!("{AT_ONCE} requests are being answered already")));
    };
    let answered = async { Ok(next.run(without_body(request).await?).await) };
    tokio::time::timeout(TIME, answered).await.unwrap_or_else(|_| {
        let seconds = TIME.as_secs();
        Err(Problem::away(format!("there was no answer within {seconds} s; try again shortly")))
    })
}

/// Reads the body away, of which a chunked one does not say how long it is.
async fn without_body(request: Request) -> Result<Request, Problem> {
    let (head, body) = request.into_parts();
    let mut body = body.into_data_stream();
    let mut length = 0;
    while let Some(part) = body.next().await {
        let part = part.map_err(|_| {
            let detail = "the body ends before its end, or its chunks are none";
            Problem::new(StatusCode::BAD_REQUEST, "The body cannot be read", detail)
        })?;
        length += part.len() as u64;
        if length > BODY {
            return Err(too_large(format!("the body is longer than {BODY} bytes")));
        }
    }
    Ok(Request::from_parts(head, Body::empty()))
}

fn too_large(detail: String) -> Problem {
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "Body too large", detail)
}
