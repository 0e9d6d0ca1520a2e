//! A stage that depends on something, for the tests: a price list, the file that `PRICES` names; while
//! it is not there nothing can be done. With `SLOWLY` set it is async, with `TOGETHER` it asks for all it
//! has at once.

use stage_sdk::{Bytes, Context, Item, OrFail, Result, batched};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

fn main() -> ExitCode {
    if std::env::var_os("TOGETHER").is_some() {
        return stage_sdk::run(batched(together));
    }
    let prices = PathBuf::from(std::env::var_os("PRICES").unwrap_or_default());
    if std::env::var_os("SLOWLY").is_none() {
        return stage_sdk::run(move |input: Bytes<Vec<u8>>, _: &Context| {
            std::fs::metadata(&prices).or_unavailable()?;
            Ok(input)
        });
    }
    stage_sdk::run(leans)
}

async fn leans(input: Bytes<Vec<u8>>, _: &Context) -> Result<Bytes<Vec<u8>>> {
    let prices = std::env::var_os("PRICES").unwrap_or_default();
    tokio::time::sleep(Duration::from_millis(2)).await;
    std::fs::metadata(prices).or_unavailable()?;
    Ok(input)
}

async fn together(all: Vec<Item<Bytes<Vec<u8>>>>) -> Result<Vec<Result<Bytes<Vec<u8>>>>> {
    let prices = std::env::var_os("PRICES").unwrap_or_default();
    tokio::time::sleep(Duration::from_millis(2)).await;
    std::fs::metadata(prices).or_unavailable()?;
    Ok(all.into_iter().map(|one| Ok(one.input)).collect())
}
