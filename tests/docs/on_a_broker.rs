use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use rdkafka::{ClientConfig, Message};
use stage_sdk::chain::{Chain, plan};
use stage_sdk::{Bytes, Context, Result};
use std::time::{Duration, Instant};

const MAP: &str = r#"
    [chain]
    name = "demo"
    [topics]
    words = { partitions = 2, source = true }
    loud = { partitions = 2 }
    [stages.shout]
    input = "words"
    output = "loud"
"#;

fn shout(Bytes(text): Bytes<Vec<u8>>, _: &Context) -> Result<Bytes<Vec<u8>>> {
    Ok(Bytes(text.to_ascii_uppercase()))
}

#[test]
fn a_word_comes_out_loud() {
    // It ends with this test, and keeps nothing.
    let broker = stage_broker::Broker::start_blocking(stage_broker::Config::memory()).unwrap();
    let chain = Chain::parse(MAP, "the test's route map").unwrap();
    let mut service = chain.service("shout").unwrap();
    service.broker.servers = broker.address().to_string();
    plan::apply(&plan::plan(&chain, &service.broker).unwrap(), &service.broker).unwrap();
    let running = service.start(shout).unwrap();

    let mut client = ClientConfig::new();
    client.set("bootstrap.servers", &service.broker.servers);
    let producer: ThreadedProducer<DefaultProducerContext> = client.create().unwrap();
    let record = BaseRecord::to("words").key("k").payload("pizza");
    producer.send(record).map_err(|(error, _)| error).unwrap();
    producer.flush(Duration::from_secs(10)).unwrap();

    client.set("group.id", "test").set("auto.offset.reset", "earliest");
    let reader: BaseConsumer = client.create().unwrap();
    reader.subscribe(&["loud"]).unwrap();
    let begin = Instant::now();
    // A poll may end early, with nothing.
    let message = loop {
        assert!(begin.elapsed() < Duration::from_secs(30), "no output within 30 s");
        if let Some(message) = reader.poll(Duration::from_millis(100)) {
            break message.unwrap();
        }
    };
    assert_eq!(message.payload(), Some(&b"PIZZA"[..]));

    running.stop_handle().stop();
    running.wait().unwrap();
}
