//! A stage that fails on request, for the tests: the value says how, until `MENDED` is set.

#[path = "../tests/rig/runs.rs"]
mod runs;

use stage_sdk::{Bytes, Context, Failure, Result};

fn moody(input: Bytes<Vec<u8>>, cx: &Context) -> Result<Bytes<Vec<u8>>> {
    runs::Run {
        process: std::process::id(),
        partition: cx.partition(),
        offset: cx.offset(),
        attempt: cx.attempt(),
        key: String::from_utf8_lossy(&cx.key().unwrap_or_default()).into_owned(),
    }
    .write();
    if std::env::var_os("MENDED").is_none() {
        match &*input.0 {
            b"panic" => panic!("there was no cheese"),
            b"fail" => drop("no number".parse::<u32>()?),
            b"reject" => return Err(Failure::reject("we do not do that here")),
            _ => {}
        }
    }
    Ok(input)
}

fn main() -> std::process::ExitCode {
    stage_sdk::run(moody)
}
