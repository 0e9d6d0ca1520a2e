//! librdkafka against the broker: what a service does, it can do here.

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::message::Message;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{Offset, TopicPartitionList};
use stage_broker::{Broker, Config, Fsync};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(10);

struct Dir(std::path::PathBuf);

impl Dir {
    fn new() -> Dir {
        Dir(std::env::temp_dir().join(format!("stage-broker-{}", uuid::Uuid::new_v4())))
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn client(broker: &Broker) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", broker.address().to_string());
    config
}

fn topic(broker: &Broker, name: &str, partitions: i32) {
    let admin: AdminClient<DefaultClientContext> = client(broker).create().unwrap();
    let new = NewTopic::new(name, partitions, TopicReplication::Fixed(1));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let results = runtime.block_on(admin.create_topics(&[new], &AdminOptions::new())).unwrap();
    assert_eq!(results, [Ok(name.to_owned())]);
}

fn send(producer: &BaseProducer, topic: &str, values: std::ops::Range<u32>) {
    for value in values {
        let (key, value) = (format!("k{}", value % 10), value.to_string());
        producer.send(BaseRecord::to(topic).key(&key).payload(&value)).unwrap();
    }
}

/// Values of a topic from its beginning, in order of arrival, as long as some come.
fn values(consumer: &BaseConsumer, count: usize) -> Vec<u32> {
    let (mut all, end) = (Vec::new(), Instant::now() + PATIENCE);
    while all.len() < count && Instant::now() < end {
        if let Some(message) = consumer.poll(Duration::from_millis(100)) {
            let message = message.unwrap();
            let text = message.payload_view::<str>().unwrap().unwrap();
            all.push(text.parse().unwrap());
        }
    }
    all
}

fn consumer(broker: &Broker, group: &str, isolation: &str, topic: &str) -> BaseConsumer {
    let consumer: BaseConsumer = client(broker)
        .set("group.id", group)
        .set("auto.offset.reset", "earliest")
        .set("enable.auto.commit", "false")
        .set("isolation.level", isolation)
        .set("partition.assignment.strategy", "cooperative-sticky")
        .create()
        .unwrap();
    consumer.subscribe(&[topic]).unwrap();
    consumer
}

#[test]
fn what_is_produced_is_consumed_also_after_a_restart() {
    let dir = Dir::new();
    let broker = Broker::start_blocking(Config::directory(&dir.0)).unwrap();
    let id = broker.cluster_id().to_owned();
    topic(&broker, "t", 3);
    for codec in ["none", "gzip", "zstd"] {
        let producer: BaseProducer = client(&broker)
            .set("enable.idempotence", "true")
            .set("compression.type", codec)
            .create()
            .unwrap();
        send(&producer, "t", 0..1_000);
        producer.flush(PATIENCE).unwrap();
    }
    drop(broker);
    let broker = Broker::start_blocking(Config::directory(&dir.0)).unwrap();
    assert_eq!(broker.cluster_id(), id);
    let mut all = values(&consumer(&broker, "g", "read_committed", "t"), 3_000);
    all.sort_unstable();
    let expected: Vec<_> = (0..1_000).flat_map(|value| [value; 3]).collect();
    assert_eq!(all, expected);
}

#[test]
fn a_group_goes_on_where_it_committed() {
    let broker = Broker::start_blocking(Config::memory()).unwrap();
    topic(&broker, "t", 1);
    let producer: BaseProducer = client(&broker).create().unwrap();
    send(&producer, "t", 0..100);
    producer.flush(PATIENCE).unwrap();
    let first = consumer(&broker, "g", "read_committed", "t");
    assert_eq!(values(&first, 40), (0..40).collect::<Vec<_>>());
    let mut offsets = TopicPartitionList::new();
    offsets.add_partition_offset("t", 0, Offset::Offset(40)).unwrap();
    first.commit(&offsets, rdkafka::consumer::CommitMode::Sync).unwrap();
    drop(first);
    assert_eq!(
        values(&consumer(&broker, "g", "read_committed", "t"), 60),
        (40..100).collect::<Vec<_>>()
    );
}

#[test]
fn two_members_share_the_partitions() {
    let broker = Broker::start_blocking(Config::memory()).unwrap();
    topic(&broker, "t", 4);
    let one = consumer(&broker, "g", "read_committed", "t");
    let two = consumer(&broker, "g", "read_committed", "t");
    let shared = || {
        let counts = [&one, &two].map(|c| c.assignment().unwrap().count());
        counts == [2, 2]
    };
    let end = Instant::now() + PATIENCE;
    while !shared() && Instant::now() < end {
        one.poll(Duration::from_millis(50));
        two.poll(Duration::from_millis(50));
    }
    assert!(shared());
}

fn transactional(broker: &Broker, id: &str) -> BaseProducer {
    let producer: BaseProducer = client(broker).set("transactional.id", id).create().unwrap();
    producer.init_transactions(PATIENCE).unwrap();
    producer
}

#[test]
fn only_what_was_committed_is_read_also_over_a_restart() {
    let dir = Dir::new();
    let broker = Broker::start_blocking(Config::directory(&dir.0)).unwrap();
    topic(&broker, "t", 2);
    let reader = consumer(&broker, "g", "read_committed", "t");
    let producer = transactional(&broker, "x");
    for round in 0..20_u32 {
        producer.begin_transaction().unwrap();
        send(&producer, "t", round * 10..round * 10 + 10);
        if round % 2 == 0 {
            producer.commit_transaction(PATIENCE).unwrap();
        } else {
            producer.flush(PATIENCE).unwrap();
            producer.abort_transaction(PATIENCE).unwrap();
        }
    }
    producer.begin_transaction().unwrap();
    send(&producer, "t", 1_000..1_010);
    producer.flush(PATIENCE).unwrap();
    let mut all = values(&reader, 100);
    all.sort_unstable();
    let expected: Vec<_> = (0..20).step_by(2).flat_map(|r| r * 10..r * 10 + 10).collect();
    assert_eq!(all, expected);
    assert_eq!(values(&consumer(&broker, "h", "read_uncommitted", "t"), 210).len(), 210);
    // The open one holds up what comes after it until its producer's successor aborts it.
    let plain: BaseProducer = client(&broker).create().unwrap();
    send(&plain, "t", 5_000..5_010);
    plain.flush(PATIENCE).unwrap();
    drop(broker);
    let broker = Broker::start_blocking(Config::directory(&dir.0)).unwrap();
    let successor = transactional(&broker, "x");
    let mut all = values(&consumer(&broker, "i", "read_committed", "t"), 110);
    all.sort_unstable();
    assert_eq!(all, expected.into_iter().chain(5_000..5_010).collect::<Vec<_>>());
    drop((producer, successor));
}

#[test]
fn a_successor_fences_its_predecessor() {
    let broker = Broker::start_blocking(Config::memory()).unwrap();
    topic(&broker, "t", 1);
    let first = transactional(&broker, "x");
    first.begin_transaction().unwrap();
    send(&first, "t", 0..1);
    first.flush(PATIENCE).unwrap();
    let second = transactional(&broker, "x");
    let error = first.commit_transaction(PATIENCE).unwrap_err();
    assert_eq!(error.rdkafka_error_code(), Some(RDKafkaErrorCode::Fenced), "{error}");
    second.begin_transaction().unwrap();
    send(&second, "t", 7..8);
    second.commit_transaction(PATIENCE).unwrap();
    assert_eq!(values(&consumer(&broker, "g", "read_committed", "t"), 1), [7]);
}

#[test]
fn offsets_of_a_transaction_take_effect_when_it_is_committed() {
    let broker = Broker::start_blocking(Config::memory()).unwrap();
    topic(&broker, "t", 1);
    let plain: BaseProducer = client(&broker).create().unwrap();
    send(&plain, "t", 0..10);
    plain.flush(PATIENCE).unwrap();
    let reader = consumer(&broker, "g", "read_committed", "t");
    assert_eq!(values(&reader, 10).len(), 10);
    let producer = transactional(&broker, "x");
    for (offset, commit, expected) in [(3, false, Offset::Invalid), (5, true, Offset::Offset(5))] {
        producer.begin_transaction().unwrap();
        let mut offsets = TopicPartitionList::new();
        offsets.add_partition_offset("t", 0, Offset::Offset(offset)).unwrap();
        let member = reader.group_metadata().unwrap();
        producer.send_offsets_to_transaction(&offsets, &member, PATIENCE).unwrap();
        if commit {
            producer.commit_transaction(PATIENCE).unwrap();
        } else {
            producer.abort_transaction(PATIENCE).unwrap();
        }
        let committed = reader.committed(PATIENCE).unwrap();
        assert_eq!(committed.find_partition("t", 0).unwrap().offset(), expected);
    }
}

#[test]
fn forced_to_the_disk_it_works_all_the_same() {
    let dir = Dir::new();
    let config = || Config::directory(&dir.0).fsync(Fsync::Always);
    let broker = Broker::start_blocking(config()).unwrap();
    topic(&broker, "t", 2);
    let producer = transactional(&broker, "x");
    for round in 0..5 {
        producer.begin_transaction().unwrap();
        send(&producer, "t", round * 100..round * 100 + 100);
        producer.commit_transaction(PATIENCE).unwrap();
    }
    assert_eq!(values(&consumer(&broker, "g", "read_committed", "t"), 500).len(), 500);
    drop((producer, broker));
    let broker = Broker::start_blocking(config()).unwrap();
    assert_eq!(values(&consumer(&broker, "h", "read_committed", "t"), 500).len(), 500);
}

#[test]
fn a_directory_in_use_is_refused_and_its_owner_is_named() {
    let dir = Dir::new();
    let first = Broker::start_blocking(Config::directory(&dir.0)).unwrap();
    let refused = Broker::start_blocking(Config::directory(&dir.0)).unwrap_err().to_string();
    assert!(refused.contains(&format!("process {}", std::process::id())), "{refused}");
    drop(first);
    assert!(Broker::start_blocking(Config::directory(&dir.0)).is_ok());
}
