//! What happens in the kitchen, as it happens: server-sent events.
//!
//! Each event is the whole of what it tells, so one that was missed is made good by the next; who comes back with
//! the id of the last one is sent nothing until there is another.

use super::{Shop, look};
use crate::kitchen::{Snapshot, Walk};
use crate::problem::{Document, Instead, PROBLEM, Problem};
use crate::running::tasks::told;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::{Stream, StreamExt as _, stream};
use serde::Serialize;
use std::convert::Infallible;

/// How the kitchen is, about four times a second while something happens.
#[utoipa::path(
    get,
    path = "/events",
    operation_id = "events",
    tag = "kitchen",
    responses(
        (status = 200, description = "Events of the name shop", body = Snapshot, content_type = "text/event-stream"),
        Instead,
    )
)]
pub(super) async fn shop(State(shop): State<Shop>) -> Result<Response, Problem> {
    let watching = shop.kitchen.watch().ok_or_else(full)?;
    let events = stream::unfold(watching, |mut watching| async {
        let snapshot = watching.next().await?;
        Some((event("shop", snapshot.as_ref()), watching))
    });
    Ok(streamed(&shop, events))
}

/// An order on its way, until it is complete.
#[utoipa::path(
    get,
    path = "/order/{id}/events",
    operation_id = "order_events",
    tag = "orders",
    params(
        ("id" = String, Path, description = "What placing the order gave"),
        ("Last-Event-ID" = Option<String>, Header, description = "The last event that came"),
    ),
    responses(
        (status = 200, description = "Events of the name order", body = Walk, content_type = "text/event-stream"),
        (status = 204, description = "The last event was the last: the order is complete"),
        (status = 404, description = "Nobody placed it", body = Document, content_type = PROBLEM),
        Instead,
    )
)]
pub(super) async fn order(
    State(shop): State<Shop>,
    path: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    let Path(id) = path?;
    let first = walk(&shop, &id).await.map_err(|error| Problem::database(&error))?;
    let Some(first) = first else {
        return Err(look::unknown(&uri));
    };
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok()).map(str::to_owned);
    if first.complete && last == Some(first.mark()) {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let watching = shop.kitchen.watch().ok_or_else(full)?;
    let (next, is_over) = (Some(first), false);
    let following = Following { shop: shop.clone(), id, watching, next, last, is_over };
    Ok(streamed(&shop, stream::unfold(following, Following::event)))
}

/// Somebody who follows an order.
struct Following {
    shop: Shop,
    id: String,
    watching: crate::kitchen::Watching,
    next: Option<Walk>,
    last: Option<String>,
    /// The last event was told.
    is_over: bool,
}

impl Following {
    /// The next event; none: there is none after the last.
    async fn event(mut self) -> Option<(Event, Following)> {
        while !self.is_over {
            let now = match self.next.take() {
                Some(first) => first,
                None => {
                    self.watching.next().await?;
                    // Where the database is away the stream ends, and its client comes again.
                    walk(&self.shop, &self.id).await.ok().flatten()?
                }
            };
            let mark = now.mark();
            self.is_over = now.complete;
            if self.last.as_ref() != Some(&mark) {
                let told = event("order", &now).id(&mark);
                self.last = Some(mark);
                return Some((told, self));
            }
        }
        None
    }
}

async fn walk(shop: &Shop, id: &str) -> anyhow::Result<Option<Walk>> {
    let order = shop.store.summary(id).await?;
    Ok(order.map(|order| shop.kitchen.walk(order)))
}

fn event(name: &str, what: &impl Serialize) -> Event {
    Event::default().event(name).json_data(what).unwrap_or_default()
}

/// A stream that ends when the shop closes; a comment now and then shows that it lives.
fn streamed(shop: &Shop, events: impl Stream<Item = Event> + Send + 'static) -> Response {
    let mut stopped = shop.stopped.clone();
    let closed = async move { told(&mut stopped).await };
    let events = events.take_until(closed).map(Ok::<_, Infallible>);
    Sse::new(events).keep_alive(KeepAlive::default()).into_response()
}

fn full() -> Problem {
    Problem::away("as many as may are watching already")
}
