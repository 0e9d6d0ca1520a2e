//! A stage that depends on something, for the tests: a price list, the file that `PRICES` names; while
//! it is not there nothing can be done. With `SLOWLY` set it is async.

use stage_sdk::{Bytes, Context, OrFail, Result};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

fn main() -> ExitCode {
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
