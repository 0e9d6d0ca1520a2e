//! A stage that speaks before it acts, for the tests: each attempt sends its number to the output
//! `said`, and then ends as the last digit of the pizza's number says. With `WAIT` it is async.

use stage_sdk::{Bytes, Context, Failure, IntoStage, Result, Topic};
use std::time::Duration;

const SAID: Topic<(u32, String)> = Topic::named("said");

fn chatty(input: Bytes<Vec<u8>>, cx: &Context) -> Result<Bytes<Vec<u8>>> {
    let said = |more: usize| cx.send(&SAID, &(cx.attempt(), "x".repeat(more)));
    said(0)?;
    let seq = cx.header("pizza-seq").unwrap_or_default();
    match (seq.last(), cx.attempt()) {
        (Some(b'3'), ..=2) => drop("no number".parse::<u32>()?),
        (Some(b'5'), _) => said(30_000)?,
        (Some(b'6'), 1) => panic!("there was no cheese"),
        (Some(b'9'), _) => return Err(Failure::reject("we do not do that here")),
        _ => {}
    }
    Ok(input)
}

async fn waiting(input: Bytes<Vec<u8>>, cx: &Context) -> Result<Bytes<Vec<u8>>> {
    tokio::time::sleep(Duration::from_millis(1)).await;
    chatty(input, cx)
}

fn main() -> std::process::ExitCode {
    match std::env::var_os("WAIT") {
        Some(_) => stage_sdk::run(waiting.sends(&SAID)),
        None => stage_sdk::run(chatty.sends(&SAID)),
    }
}
