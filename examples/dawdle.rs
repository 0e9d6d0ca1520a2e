//! A stage that takes its time, for the tests: 0 to 50 ms for each record, and on the record that
//! `HANG` names as `KEY:SEQ:MILLISECONDS` as long as that says. With `TOGETHER` set it takes up to 20 at
//! once, four times over, and as long as the slowest of them.

#[path = "../tests/rig/runs.rs"]
mod runs;

use rand::RngExt;
use stage_sdk::{Bytes, Context, Item, Result, batched};
use std::time::Duration;

async fn dawdle(input: Bytes<Vec<u8>>, cx: &Context) -> Result<Bytes<Vec<u8>>> {
    tokio::time::sleep(begin(cx)).await;
    Ok(input)
}

async fn together(pizzas: Vec<Item<Bytes<Vec<u8>>>>) -> Result<Vec<Result<Bytes<Vec<u8>>>>> {
    let longest = pizzas.iter().map(|pizza| begin(&pizza.cx)).max();
    tokio::time::sleep(longest.unwrap_or_default()).await;
    Ok(pizzas.into_iter().map(|pizza| Ok(pizza.input)).collect())
}

/// Says that it works on a record; how long that takes.
fn begin(cx: &Context) -> Duration {
    let key = String::from_utf8_lossy(&cx.key().unwrap_or_default()).into_owned();
    runs::Run {
        process: std::process::id(),
        partition: cx.partition(),
        offset: cx.offset(),
        attempt: cx.attempt(),
        key: key.clone(),
    }
    .write();
    let seq = cx.header("pizza-seq").unwrap_or_default();
    let time = hang(&key, &seq).unwrap_or_else(|| cx.rng().random_range(0..=50));
    Duration::from_millis(time)
}

/// How long this record hangs, if it is the one.
fn hang(key: &str, seq: &[u8]) -> Option<u64> {
    let told = std::env::var("HANG").ok()?;
    let mut fields = told.split(':');
    let hangs = fields.next()? == key && fields.next()?.as_bytes() == seq;
    fields.next()?.parse().ok().filter(|_| hangs)
}

fn main() -> std::process::ExitCode {
    match std::env::var_os("TOGETHER") {
        None => stage_sdk::run(dawdle),
        Some(_) => stage_sdk::run(batched(together).up_to(20).at_once(4)),
    }
}
