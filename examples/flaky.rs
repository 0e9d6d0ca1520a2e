//! A stage some of whose pizzas fail a few times, or for ever, for the tests. With `SLOWLY` set it is
//! async and takes up to 5 ms for each, with `TOGETHER` as long for up to 20 of them; `AWAY` names a
//! file: while it is there, order 7 and those from 1000 on fail.

#[path = "../tests/rig/moods.rs"]
mod moods;

use rand::RngExt;
use stage_sdk::{Bytes, Context, Failure, Item, Result, batched};
use std::time::Duration;

type Pizza = Bytes<Vec<u8>>;

fn flaky(input: Pizza, cx: &Context) -> Result<Pizza> {
    let key = String::from_utf8_lossy(&cx.key().unwrap_or_default()).into_owned();
    let order = key.trim_matches('"').parse().unwrap_or_default();
    let seq = cx.header("pizza-seq").unwrap_or_default();
    let seq = String::from_utf8_lossy(&seq).parse().unwrap_or_default();
    if moods::is_hopeless(order, seq) {
        return Err(Failure::reject("there is no hope for this one"));
    }
    if cx.attempt() <= moods::failures(order, seq) {
        Err(std::io::Error::other("not in the mood"))?;
    }
    if (order == 7 || order >= 1000)
        && std::env::var_os("AWAY").is_some_and(|file| std::path::Path::new(&file).exists())
    {
        Err(std::io::Error::other("away"))?;
    }
    Ok(input)
}

async fn slowly(input: Pizza, cx: &Context) -> Result<Pizza> {
    let wait = cx.rng().random_range(0..=5);
    tokio::time::sleep(Duration::from_millis(wait)).await;
    flaky(input, cx)
}

async fn together(pizzas: Vec<Item<Pizza>>) -> Result<Vec<Result<Pizza>>> {
    let wait = pizzas[0].cx.rng().random_range(0..=5);
    tokio::time::sleep(Duration::from_millis(wait)).await;
    Ok(pizzas.into_iter().map(|Item { input, cx }| flaky(input, &cx)).collect())
}

fn main() -> std::process::ExitCode {
    let is_set = |name| std::env::var_os(name).is_some();
    match (is_set("SLOWLY"), is_set("TOGETHER")) {
        (false, false) => stage_sdk::run(flaky),
        (true, _) => stage_sdk::run(slowly),
        (_, true) => stage_sdk::run(batched(together).up_to(20)),
    }
}
