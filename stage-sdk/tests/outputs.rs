//! Named outputs are looked for when a service starts, before any broker is asked.

use stage_sdk::broker::Broker;
use stage_sdk::{Bytes, Context, IntoStage, Result, Service, StartError, Topic};

const AUDIT: Topic<u32> = Topic::named("audit");
const LATE: Topic<u32> = Topic::named("late");

fn count(Bytes(text): Bytes<Vec<u8>>, cx: &Context) -> Result<()> {
    cx.send(&AUDIT, &(text.len() as u32))
}

/// A service whose route map has these outputs, and a broker nobody could reach.
fn service(outputs: &[&str]) -> Service {
    Service {
        stage: "count".into(),
        input: "words".into(),
        outputs: outputs.iter().map(|name| (name.to_string(), format!("t-{name}"))).collect(),
        broker: Broker {
            servers: "127.0.0.1:1".into(),
            overrides: vec![("socket.timeout.ms".into(), "10".into())],
            ..Broker::default()
        },
        ..Service::default()
    }
}

#[test]
fn one_that_the_route_map_lacks_is_named_at_start() {
    let error = service(&["audit"]).start(count.sends(&AUDIT).sends(&LATE)).unwrap_err();
    let StartError::Usage(text) = &error else { panic!("{error:?}") };
    assert!(text.contains("\"late\"") && !text.contains("\"audit\""), "{text}");
    assert!(text.contains("topics.toml") && text.contains("\"count\""), "{text}");
}

#[test]
fn an_async_stage_says_so_as_well() {
    let wait = async |input: Bytes<Vec<u8>>, cx: &Context| count(input, cx);
    let error = service(&[]).start(wait.sends(&AUDIT)).unwrap_err();
    assert!(matches!(&error, StartError::Usage(text) if text.contains("\"audit\"")), "{error:?}");
}
