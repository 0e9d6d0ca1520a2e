//! The routes.

use super::problem::{Answer, Problem, shown, text};
use super::{Desk, guard, metrics, partitions};
use crate::service::{Levers, Limits};
use crate::telemetry::{Observed, Seat};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::{Method, Request, StatusCode};
use serde_json::{Value, json};
use std::time::Duration;

/// The largest body.
const BODY: usize = 4096;

/// For a body to come.
const TIME: Duration = Duration::from_secs(5);

/// Answers a request.
pub(super) async fn answer(desk: &Desk, request: Request<Incoming>) -> Answer {
    if let Err(problem) = guard::may_ask(request.headers(), desk.address) {
        return problem.answer();
    }
    let path = request.uri().path();
    let answer = match path {
        "/metrics" | "/healthz" | "/livez" | "/readyz" | "/partitions" => {
            match *request.method() == Method::GET {
                true => look(desk, path, request.uri().query()),
                false => Err(wrong_method(&request).allow("GET")),
            }
        }
        "/pause" | "/resume" | "/limits" => match *request.method() == Method::POST {
            true => change(desk, request).await,
            false => Err(wrong_method(&request).allow("POST")),
        },
        _ => Err(Problem::new(
            StatusCode::NOT_FOUND,
            "No such page",
            format!(
                "path is {:?}; there are /metrics, /healthz, /livez, /readyz, /partitions, /pause, /resume and /limits",
                shown(path)
            ),
        )),
    };
    answer.unwrap_or_else(Problem::answer)
}

fn look(desk: &Desk, path: &str, query: Option<&str>) -> Result<Answer, Problem> {
    let stages = match query {
        None | Some("") => desk.stages().clone(),
        Some(_) => chosen(desk, query)?,
    };
    let plain = "text/plain; version=0.0.4";
    match path {
        "/metrics" => Ok(text(StatusCode::OK, plain, metrics::text(&stages))),
        "/partitions" => {
            let body = format!("{:#}\n", partitions::json(&stages));
            Ok(text(StatusCode::OK, "application/json", body))
        }
        "/healthz" | "/livez" => {
            let ended =
                |stage: &&Observed| stage.seats.iter().any(|seat: &_| Seat::has_ended(seat));
            let ended: Vec<&str> = stages.iter().filter(ended).map(|s| &*s.stage).collect();
            match ended.is_empty() {
                true => Ok(text(StatusCode::OK, plain, "ok\n".into())),
                false => Err(unavailable(format!("ended: workers of {}", ended.join(", ")))),
            }
        }
        _ => {
            let trouble = |stage: &Observed| {
                let troubles = stage.troubles();
                (!troubles.is_empty()).then(|| format!("{}: {}", stage.stage, troubles.join("; ")))
            };
            let mut troubles: Vec<String> = stages.iter().filter_map(trouble).collect();
            if stages.is_empty() {
                troubles.push("the stage is starting".into());
            }
            match troubles.is_empty() {
                true => Ok(text(StatusCode::OK, plain, "ready\n".into())),
                false => Err(unavailable(troubles.join("; "))),
            }
        }
    }
}

fn unavailable(detail: String) -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "Not ready", detail)
}

fn wrong_method(request: &Request<Incoming>) -> Problem {
    let (method, path) = (shown(request.method().as_str()), shown(request.uri().path()));
    let detail = format!("method is {method}, which {path:?} does not have");
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "Wrong method", detail)
}

async fn change(desk: &Desk, request: Request<Incoming>) -> Result<Answer, Problem> {
    guard::may_post(request.headers(), desk.token.as_deref(), desk.address)?;
    let (head, body) = request.into_parts();
    let read = tokio::time::timeout(TIME, Limited::new(body, BODY).collect()).await;
    let body = match read {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(_)) => {
            let detail = format!("it ends before its end, or is longer than {BODY} bytes");
            let status = StatusCode::PAYLOAD_TOO_LARGE;
            return Err(Problem::new(status, "The body cannot be read", detail));
        }
        Err(_) => {
            let detail = format!("it did not come within {} s", TIME.as_secs());
            return Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "The body is late", detail));
        }
    };
    let stages = chosen(desk, head.uri.query())?;
    for levers in stages.iter().map(|stage| &stage.levers) {
        match head.uri.path() {
            "/pause" => levers.pause(),
            "/resume" => levers.resume(),
            _ => limit(levers, &body)?,
        }
    }
    tracing::info!(path = head.uri.path(), "an operator has changed how the stage runs");
    let stand = |stage: &Observed| {
        let Limits { max_in_flight, records_per_second } = stage.levers.limits();
        json!({
            "stage": stage.stage,
            "paused": stage.levers.is_paused(),
            "max_in_flight": max_in_flight,
            "records_per_second": records_per_second,
        })
    };
    let stands: Vec<Value> = stages.iter().map(stand).collect();
    Ok(text(StatusCode::OK, "application/json", format!("{:#}\n", json!({ "stages": stands }))))
}

/// The stages that are meant: all, or the one that the query names.
fn chosen(desk: &Desk, query: Option<&str>) -> Result<Vec<Observed>, Problem> {
    let stages = desk.stages();
    let known: Vec<&str> = stages.iter().map(|stage| &*stage.stage).collect();
    let wrong = |detail| Problem::new(StatusCode::NOT_FOUND, "No such stage", detail);
    let Some(query) = query.filter(|query| !query.is_empty()) else {
        return match stages.is_empty() {
            true => Err(unavailable("the stage is starting".into())),
            false => Ok(stages.clone()),
        };
    };
    let name = query.strip_prefix("stage=").ok_or_else(|| {
        wrong(format!("query is {:?}; expected none, or stage=NAME", shown(query)))
    })?;
    let stage = stages.iter().find(|stage| stage.stage == name).ok_or_else(|| {
        wrong(format!("stage is {:?}; there are {}", shown(name), known.join(", ")))
    })?;
    Ok(vec![stage.clone()])
}

/// Changes the limits that the body names.
fn limit(levers: &Levers, body: &[u8]) -> Result<(), Problem> {
    let example = r#"expected such as {"max_in_flight": 8, "records_per_second": 100}"#;
    let Ok(Value::Object(fields)) = serde_json::from_slice(body) else {
        return Err(Problem::bad_body(format!("it is no JSON object; {example}")));
    };
    let mut limits = levers.limits();
    for (name, value) in &fields {
        let number = value.as_u64().map(|number| u32::try_from(number).unwrap_or(u32::MAX));
        match (name.as_str(), number) {
            ("max_in_flight", Some(number)) => limits.max_in_flight = number,
            ("records_per_second", Some(number)) => limits.records_per_second = Some(number),
            ("records_per_second", None) if value.is_null() => limits.records_per_second = None,
            ("max_in_flight" | "records_per_second", _) => {
                let value = shown(&value.to_string());
                return Err(Problem::bad_body(format!("{name} is {value}; {example}")));
            }
            (other, _) => {
                let other = shown(other);
                return Err(Problem::bad_body(format!("there is no limit {other:?}; {example}")));
            }
        }
    }
    levers.limit(limits).map_err(|error| Problem::bad_body(error.to_string()))
}
