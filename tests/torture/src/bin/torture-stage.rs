//! The stages of the harder chain. A record says itself what is to happen to it where, so that the judge
//! needs to know nothing of this program; which stage it is says `STAGE_NAME`.

use serde::{Deserialize, Serialize};
use stage_sdk::{Context, Failure, IntoStage, Item, Json, Result, Topic, batched};
use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Duration;

const AUDIT: Topic<Task> = Topic::named("audit");

#[derive(Serialize, Deserialize)]
struct Task {
    id: String,
    /// For the judge, as the name is: the records of a key are numbered.
    key: String,
    seq: u64,
    /// How often it fails, by stage.
    #[serde(default)]
    fails: BTreeMap<String, u32>,
    /// The stage that rejects it.
    rejects: Option<String>,
    /// Whether the first stage sends it to the audit topic as well.
    audit: bool,
    /// How long the second stage takes for it, in milliseconds.
    takes: u64,
}

fn attempt(stage: &str, task: &Task, cx: &Context) -> Result<()> {
    if task.rejects.as_deref() == Some(stage) {
        return Err(Failure::reject("it says so itself"));
    }
    if task.fails.get(stage).is_some_and(|fails| cx.attempt() <= *fails) {
        Err(std::io::Error::other("it says so itself"))?;
    }
    Ok(())
}

fn mix(Json(task): Json<Task>, cx: &Context) -> Result<Json<Task>> {
    if task.audit {
        // Before it may fail: what a failed attempt sent must not be seen.
        cx.send(&AUDIT, &task)?;
    }
    attempt("mix", &task, cx)?;
    Ok(Json(task))
}

async fn bake(Json(task): Json<Task>, cx: &Context) -> Result<Json<Task>> {
    tokio::time::sleep(Duration::from_millis(task.takes)).await;
    attempt("bake", &task, cx)?;
    Ok(Json(task))
}

async fn pack(tasks: Vec<Item<Json<Task>>>) -> Result<Vec<Result<Json<Task>>>> {
    tokio::time::sleep(Duration::from_millis(2)).await;
    let one = |Item { input: Json(task), cx }| attempt("pack", &task, &cx).map(|()| Json(task));
    Ok(tasks.into_iter().map(one).collect())
}

fn main() -> ExitCode {
    match std::env::var("STAGE_NAME").as_deref() {
        Ok("mix") => stage_sdk::run(mix.sends(&AUDIT)),
        Ok("bake") => stage_sdk::run(bake),
        Ok("pack") => stage_sdk::run(batched(pack).up_to(20)),
        other => {
            eprintln!("torture-stage: STAGE_NAME is {other:?}; mix, bake and pack are known");
            ExitCode::from(2)
        }
    }
}
