//! Why a partition does not move.

use crate::core::status::{Doing, Why};
use crate::core::{Rest, Time};
use crate::dead_letter::when::utc;
use crate::telemetry::{Ends, Held, Observed};
use serde_json::{Value, json};

/// Every partition held, and what it waits for.
pub(super) fn json(stages: &[Observed]) -> Value {
    let mut all = Vec::new();
    for stage in stages {
        for (look, ends) in stage.looks() {
            for held in &look.partitions {
                let mut partition = partition(held, &ends);
                partition["stage"] = stage.stage.as_str().into();
                partition["topic"] = stage.topic.as_str().into();
                partition["as_of"] = time(look.as_of).into();
                all.push(partition);
            }
        }
    }
    json!({ "partitions": all })
}

fn time(time: Time) -> String {
    utc(i64::try_from(time.as_millis()).unwrap_or(-1))
}

fn partition(held: &Held, ends: &Ends) -> Value {
    let status = &held.status;
    let why: Vec<String> = status.why.iter().map(Why::to_string).collect();
    json!({
        "stage": null,
        "topic": null,
        "partition": status.partition.number,
        "as_of": null,
        "position": status.next,
        "end": ends.ends.get(&status.partition),
        "lag": ends.lag(status),
        "unfinished": status.unfinished,
        "parked": status.parked,
        "keys_blocked": status.keys,
        "paused": !why.is_empty(),
        "why": why,
        "head": head(held),
    })
}

/// The record that holds up the watermark; else the first that is parked.
fn head(held: &Held) -> Option<Value> {
    let head = held.status.head.as_ref()?;
    let since = match head.doing {
        Doing::Parked(_) => head.first,
        _ => Some(held.since),
    };
    let circuit = held.status.why.contains(&Why::Circuit);
    let state = match head.doing {
        Doing::Awaited => "left unfinished by an earlier owner, and not read yet".to_owned(),
        Doing::Running(since) => format!("running since {}", time(since)),
        Doing::BackingOff(until) => format!("backing off until {}", time(until)),
        Doing::Behind => "waiting behind its key".to_owned(),
        Doing::Ready if circuit => "waiting for the circuit".to_owned(),
        Doing::Ready => "waiting for a free place".to_owned(),
        Doing::Parked(Rest::Until(at)) => format!("parked, tried again at {}", time(at)),
        Doing::Parked(Rest::Held) => "parked and held: its attempts are used up".to_owned(),
        Doing::Parked(Rest::Behind) => "parked, its turn has come".to_owned(),
    };
    Some(json!({
        "offset": head.offset,
        "since": since.map(time),
        "attempts": head.attempts,
        "state": state,
        "error": held.error,
    }))
}
