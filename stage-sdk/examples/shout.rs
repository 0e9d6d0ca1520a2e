//! The shortest whole stage program: every word comes out in capitals.
use stage_sdk::{Bytes, Context, Result};

fn shout(Bytes(text): Bytes<Vec<u8>>, _: &Context) -> Result<Bytes<Vec<u8>>> {
    Ok(Bytes(text.to_ascii_uppercase()))
}

fn main() -> std::process::ExitCode {
    stage_sdk::run(shout)
}
