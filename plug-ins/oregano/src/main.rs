//! The stage oregano; `oregano --help` says how to run it.

use serde_json::{Map, Value};
use stage_sdk::{Context, Json, Result};

type Record = Map<String, Value>;

/// Handles one record. What it returns is written with the record's key and headers; a record whose handling fails is
/// tried again, and one that is no JSON object goes to the dead letters.
fn oregano(Json(mut record): Json<Record>, _: &Context) -> Result<Json<Record>> {
    record.insert("oregano".into(), true.into());
    Ok(Json(record))
}

fn main() -> std::process::ExitCode {
    stage_sdk::run(oregano)
}

#[cfg(test)]
mod tests {
    use stage_sdk::testing::Test;

    #[test]
    fn a_record_goes_on_with_one_thing_more() {
        let mut test = Test::of(super::oregano);
        test.given("a key", r#"{"type":"a pizza"}"#);
        test.then_output("a key", r#"{"type":"a pizza","oregano":true}"#);
        test.given("a key", "not JSON");
        test.then_dead_letter("a key", "deserialization");
        test.then_nothing_more();
    }
}
