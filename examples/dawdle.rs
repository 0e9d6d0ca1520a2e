//! A stage that takes its time, for the tests: 0 to 50 ms for each record, and on the record that
//! `HANG` names as `KEY:SEQ:MILLISECONDS` as long as that says.

#[path = "../tests/rig/runs.rs"]
mod runs;

use rand::RngExt;
use stage_sdk::{Bytes, Context, Result};
use std::time::Duration;

async fn dawdle(input: Bytes<Vec<u8>>, cx: &Context) -> Result<Bytes<Vec<u8>>> {
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
    tokio::time::sleep(Duration::from_millis(time)).await;
    Ok(input)
}

/// How long this record hangs, if it is the one.
fn hang(key: &str, seq: &[u8]) -> Option<u64> {
    let told = std::env::var("HANG").ok()?;
    let mut fields = told.split(':');
    let hangs = fields.next()? == key && fields.next()?.as_bytes() == seq;
    fields.next()?.parse().ok().filter(|_| hangs)
}

fn main() -> std::process::ExitCode {
    stage_sdk::run(dawdle)
}
