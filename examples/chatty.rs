//! A stage that speaks before it acts, for the tests: each attempt sends its number to the output
//! `said`, and then ends as the last digit of the pizza's number says. With `WAIT` it is async, with
//! `TOGETHER` it takes several at once.

use stage_sdk::{Bytes, Context, Failure, IntoStage, Item, Result, Topic, batched};
use std::panic::{AssertUnwindSafe, catch_unwind};
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

async fn together(all: Vec<Item<Bytes<Vec<u8>>>>) -> Result<Vec<Result<Bytes<Vec<u8>>>>> {
    tokio::time::sleep(Duration::from_millis(1)).await;
    let each = |Item { input, cx }: Item<_>| {
        // A panic would be one of all of them, and their attempts are counted.
        let end = catch_unwind(AssertUnwindSafe(|| chatty(input, &cx)));
        end.unwrap_or_else(|_| Err(std::io::Error::other("there was no cheese").into()))
    };
    Ok(all.into_iter().map(each).collect())
}

fn main() -> std::process::ExitCode {
    let is_set = |name| std::env::var_os(name).is_some();
    match (is_set("WAIT"), is_set("TOGETHER")) {
        (false, false) => stage_sdk::run(chatty.sends(&SAID)),
        (true, _) => stage_sdk::run(waiting.sends(&SAID)),
        (_, true) => stage_sdk::run(batched(together).sends(&SAID)),
    }
}
