//! A disk that takes what is written and then cannot be made to keep it: from then on nothing is
//! stored, until the broker is started again.

use crate::ask::topic::creatable;
use crate::batch::{Batch, Producer};
use crate::engine::{Engine, engine};
use crate::process::Process;
use crate::said::said;
use crate::talk::Talk;
use kafka_protocol::ResponseError::KafkaStorageError;

/// What the log says of it.
const FAILED: &str = "the disk did not take what was written";

fn batch(producer: Producer, sequence: i32) -> Batch {
    Batch::of(&[&format!("{sequence}").repeat(900)]).by(producer, sequence)
}

#[test]
fn after_a_failed_fsync_nothing_is_stored_until_a_start_and_what_is_there_is_read() {
    if engine() == Engine::Kafka {
        return; // all share it
    }
    let mut broker = Process::start_with(&["--fsync", "always"]);
    let mut k = Talk::at(&broker.address);
    let producer = k.producer();
    let (topic, other) = (k.topic_with(1, &[("segment.bytes", "1024")]), k.topic(1));
    assert_eq!(k.produce(9, &topic, batch(producer, 0)), Ok(0));
    assert_eq!(k.produce(9, &other, batch(producer, 0)), Ok(0));
    // The next segment is a device that takes all, and refuses to be forced.
    let next = broker.partition(&topic.name, topic.id, 0).join("00000000000000000001.log");
    std::os::unix::fs::symlink("/dev/null", &next).expect("a link");
    assert_eq!(k.produce(9, &topic, batch(producer, 1)), Err(KafkaStorageError));
    for _ in 0..2 {
        // Also where nothing failed: it is one disk.
        assert_eq!(k.produce(9, &topic, batch(producer, 1)), Err(KafkaStorageError));
        assert_eq!(k.produce(9, &other, batch(producer, 1)), Err(KafkaStorageError));
        assert_eq!(k.produce(9, &other, batch(producer, 0)), Err(KafkaStorageError));
    }
    let name = k.name("topic");
    assert_eq!(said(k.create(creatable(&name, 1, &[])).error_code), Err(KafkaStorageError));
    assert_eq!(k.values(&other), ["0".repeat(900)]);
    assert_eq!(broker.log().matches(FAILED).count(), 1, "{}", broker.log());
    std::fs::remove_file(next).expect("the link");
    broker.kill();
    let mut k = Talk::at(&broker.address);
    for topic in [&topic, &other] {
        assert_eq!(k.values(topic), ["0".repeat(900)]);
        assert_eq!(k.produce(9, topic, batch(producer, 1)), Ok(1));
    }
    assert_eq!(said(k.create(creatable(&name, 1, &[])).error_code), Ok(()));
}
