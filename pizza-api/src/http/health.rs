//! For whoever operates the shop.

use super::Shop;
use crate::problem::{Instead, Problem};
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use std::fmt::Write as _;

/// The process answers.
#[utoipa::path(
    get,
    path = "/healthz",
    operation_id = "alive",
    tag = "operation",
    responses(
        (status = 200, description = "It does", body = String, content_type = "text/plain"),
        Instead,
    )
)]
pub(super) async fn alive() -> &'static str {
    "ok\n"
}

/// The same, by the name that Kubernetes has for it.
#[utoipa::path(
    get,
    path = "/livez",
    operation_id = "lives",
    tag = "operation",
    responses(
        (status = 200, description = "It does", body = String, content_type = "text/plain"),
        Instead,
    )
)]
pub(super) async fn lives() -> &'static str {
    alive().await
}

/// Whether orders can be taken and handed out; if not, all the reasons.
#[utoipa::path(
    get,
    path = "/readyz",
    operation_id = "ready",
    tag = "operation",
    responses(
        (status = 200, description = "They can", body = String, content_type = "text/plain"),
        Instead,
    )
)]
pub(super) async fn ready(State(shop): State<Shop>) -> Result<&'static str, Problem> {
    let contact = shop.contact.borrow().clone();
    let mut missing = Vec::new();
    match contact.trouble {
        Some(trouble) => missing.push(trouble),
        None if !shop.publisher.is_connected() => {
            missing.push("the broker does not take orders".to_owned());
        }
        None => {}
    }
    if shop.store.ping().await.is_err() {
        missing.push("the database does not answer".into());
    }
    if shop.view.read().is_none() {
        missing.push("finished pizzas are not being gathered".into());
    }
    if let Some(behind) = contact.behind {
        missing.push(format!("the view is catching up: {behind} records are left"));
    }
    if missing.is_empty() { Ok("ready\n") } else { Err(Problem::away(missing.join("; "))) }
}

/// Counts and states, in Prometheus' text format.
#[utoipa::path(
    get,
    path = "/metrics",
    operation_id = "metrics",
    tag = "operation",
    responses(
        (status = 200, description = "All of them", body = String, content_type = "text/plain"),
        Instead,
    )
)]
pub(super) async fn metrics(State(shop): State<Shop>) -> Response {
    let contact = shop.contact.borrow().clone();
    let view = shop.view.read();
    let mut text = shop.counts.text();
    let mut gauges = vec![
        ("broker_up", "Whether the broker answers", i64::from(contact.trouble.is_none())),
        (
            "publisher_up",
            "Whether the broker took what was last sent",
            i64::from(shop.publisher.is_connected()),
        ),
        ("view_up", "Whether finished pizzas are being gathered", i64::from(view.is_some())),
        (
            "view_catching_up_records",
            "Records left of those there at the start",
            contact.behind.unwrap_or_default(),
        ),
    ];
    // No figure where none is known: it would look like a view that is not behind.
    if let Some(lag) = view.and_then(|view| view.lag) {
        let lag = i64::try_from(lag).unwrap_or(i64::MAX);
        gauges.push(("view_lag_records", "Finished pizzas that are not gathered yet", lag));
    }
    for (name, help, value) in gauges {
        let name = format!("pizza_{name}");
        writeln!(text, "# HELP {name} {help}.\n# TYPE {name} gauge\n{name} {value}").ok();
    }
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response()
}
