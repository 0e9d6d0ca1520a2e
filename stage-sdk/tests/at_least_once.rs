//! At least once, outputs do not wait for their window: on a broker given by STAGE_TEST_BROKERS.

use futures::executor::block_on;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};
use stage_sdk::broker::Broker;
use stage_sdk::core::Settings;
use stage_sdk::{Bytes, Context, Delivery, Service};
use std::time::{Duration, Instant};

/// Longer than anything here takes; shorter than what must not be waited for.
const DEADLINE: Duration = Duration::from_secs(30);
const TOO_LONG: Duration = Duration::from_secs(120);

#[test]
fn an_output_is_there_before_its_window_is_committed() {
    let Ok(servers) = std::env::var("STAGE_TEST_BROKERS") else {
        eprintln!("!!!!!! at_least_once IS SKIPPED: STAGE_TEST_BROKERS NAMES NO BROKER !!!!!!");
        return;
    };
    let name = format!("t{:08x}", rand::random::<u32>());
    let [input, output, letters] = ["in", "out", "dlq"].map(|topic| format!("{name}-{topic}"));
    let mut client = ClientConfig::new();
    client.set("bootstrap.servers", &servers).set("group.id", &name);
    create(&client, &[&input, &output, &letters]);

    // Nothing but the pause sends the output: neither a full batch, nor its age, nor a commit.
    let linger = ("linger.ms".into(), TOO_LONG.as_millis().to_string());
    let service = Service {
        stage: "copy".into(),
        group: name.clone(),
        input: input.clone(),
        output: Some(output.clone()),
        dead_letters: letters,
        broker: Broker { servers, overrides: vec![linger], ..Broker::default() },
        delivery: Delivery::AtLeastOnce,
        settings: Settings { commit_interval: TOO_LONG, ..Settings::default() },
        ..Service::default()
    };
    let running = service.start(|input: Bytes<Vec<u8>>, _: &Context| Ok(input)).unwrap();

    let producer: BaseProducer = client.create().unwrap();
    let consumer: BaseConsumer = client.create().unwrap();
    let mut begin = TopicPartitionList::new();
    begin.add_partition_offset(&output, 0, Offset::Beginning).unwrap();
    consumer.assign(&begin).unwrap();
    // The first pause may be over before the stage is connected to where its output goes.
    let (until, mut sent) = (Instant::now() + DEADLINE, 0);
    let message = loop {
        producer.send(BaseRecord::to(&input).key("k").payload("v")).map_err(|(e, _)| e).unwrap();
        producer.flush(DEADLINE).unwrap();
        sent += 1;
        if let Some(message) = consumer.poll(Duration::from_millis(200)) {
            break message.unwrap();
        }
        assert!(Instant::now() < until, "no output of {sent} records");
    };
    assert_eq!(message.payload(), Some(&b"v"[..]));
    assert_eq!(committed(&consumer, &input), None, "its window was committed first");

    // A stop does not wait for the window's age either.
    running.stop_handle().stop();
    running.wait().unwrap();
    assert_eq!(committed(&consumer, &input), Some(sent));
}

fn create(client: &ClientConfig, topics: &[&str]) {
    let admin: AdminClient<DefaultClientContext> = client.create().unwrap();
    let new: Vec<NewTopic<'_>> =
        topics.iter().map(|topic| NewTopic::new(topic, 1, TopicReplication::Fixed(1))).collect();
    for created in block_on(admin.create_topics(&new, &AdminOptions::new())).unwrap() {
        created.unwrap();
    }
    let until = Instant::now() + DEADLINE;
    for topic in topics {
        while admin.inner().fetch_watermarks(topic, 0, Duration::from_secs(1)).is_err() {
            assert!(Instant::now() < until, "{topic} is not there");
        }
    }
}

fn committed(consumer: &BaseConsumer, topic: &str) -> Option<i64> {
    let mut asked = TopicPartitionList::new();
    asked.add_partition(topic, 0);
    let found = consumer.committed_offsets(asked, DEADLINE).unwrap();
    match found.find_partition(topic, 0).unwrap().offset() {
        Offset::Offset(offset) => Some(offset),
        _ => None,
    }
}
