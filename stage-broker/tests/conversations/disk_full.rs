//! No room: what cannot be stored is refused, what is stored can be read, and once there is room
//! everything goes on. The system refuses to let the broker's files grow, as it does on a full disk.

use crate::ask::fetch::Fetch;
use crate::ask::topic::{Topic, creatable};
use crate::ask::transaction::END;
use crate::batch::{Batch, Producer};
use crate::engine::{Engine, engine};
use crate::process::Process;
use crate::said::{said, transactional_id};
use crate::talk::Talk;
use kafka_protocol::ResponseError::KafkaStorageError;
use kafka_protocol::messages::EndTxnRequest;

const LIMIT: u64 = 100_000;

/// A batch that is no divisor of the limit.
fn batch(producer: Producer, sequence: i32) -> Batch {
    Batch::of(&[&format!("{sequence}").repeat(3_000)]).by(producer, sequence)
}

/// Produces until there is no room; how many batches there was room for.
fn fill(k: &mut Talk, topic: &Topic, producer: Producer) -> i32 {
    for sequence in 0..100 {
        match k.produce(9, topic, batch(producer, sequence)) {
            Ok(offset) => assert_eq!(offset, i64::from(sequence)),
            Err(why) => {
                assert_eq!(why, KafkaStorageError);
                return sequence;
            }
        }
    }
    panic!("more than there is room for")
}

/// All of them can be read, and nothing else.
fn holds(k: &mut Talk, topic: &Topic, batches: i32) {
    let read = k.fetch(12, &Fetch::from(topic, 0)).expect("a fetch");
    let wanted: Vec<_> = (0..batches).map(|sequence| format!("{sequence}").repeat(3_000)).collect();
    assert!(read.values() == wanted, "{} of {batches} batches", read.batches.len());
    assert_eq!(read.high_watermark, i64::from(batches));
}

#[test]
fn without_room_batches_are_refused_and_read_and_taken_when_there_is_room() {
    if engine() == Engine::Kafka {
        return; // all share it
    }
    let mut broker = Process::start();
    let mut k = Talk::at(&broker.address);
    let (topic, producer) = (k.topic(1), k.producer());
    broker.limit_files(Some(LIMIT));
    let count = fill(&mut k, &topic, producer);
    assert!(count > 5, "{count}");
    for _ in 0..3 {
        let refused = k.produce(9, &topic, batch(producer, count));
        assert_eq!(refused, Err(KafkaStorageError));
        holds(&mut k, &topic, count);
    }
    broker.limit_files(None);
    assert_eq!(k.produce(9, &topic, batch(producer, count)), Ok(i64::from(count)));
    // The first that was refused was not half taken: it is a duplicate only now.
    assert_eq!(k.produce(9, &topic, batch(producer, count)), Ok(i64::from(count)));
    holds(&mut k, &topic, count + 1);
    broker.limit_files(Some(LIMIT));
    assert_eq!(k.produce(9, &topic, batch(producer, count + 1)), Err(KafkaStorageError));
    broker.kill();
    let mut k = Talk::at(&broker.address);
    holds(&mut k, &topic, count + 1);
    assert_eq!(k.produce(9, &topic, batch(producer, count + 1)), Ok(i64::from(count) + 1));
    holds(&mut k, &topic, count + 2);
}

#[test]
fn without_room_no_topic_is_made_and_transactions_end_when_there_is_room() {
    if engine() == Engine::Kafka {
        return;
    }
    let mut broker = Process::start();
    let mut k = Talk::at(&broker.address);
    let topic = k.topic(1);
    let (transaction, _) = k.open(&topic, &["a"]);
    broker.limit_files(Some(1));
    let name = k.name("topic");
    let made = k.create(creatable(&name, 1, &[]));
    assert_eq!(said(made.error_code), Err(KafkaStorageError));
    assert_eq!(k.described(9, &name).error_code, 3);
    let end = EndTxnRequest::default()
        .with_transactional_id(transactional_id(&transaction.id))
        .with_producer_id(transaction.producer.id.into())
        .with_producer_epoch(transaction.producer.epoch)
        .with_committed(true);
    assert_ne!(k.ask(END, &end).error_code, 0);
    assert_eq!(k.values(&topic), ["a"]);
    let stable = k.fetch(12, &Fetch::from(&topic, 0).committed()).expect("a fetch");
    assert_eq!(stable.last_stable, 0);
    broker.limit_files(None);
    k.finish(&transaction, true);
    let read = k.fetch(12, &Fetch::from(&topic, 0).committed()).expect("a fetch");
    assert_eq!((read.values(), read.markers()), (vec!["a".to_owned()], vec![true]));
    assert_eq!(said(k.create(creatable(&name, 1, &[])).error_code), Ok(()));
    broker.kill();
    let mut k = Talk::at(&broker.address);
    assert_eq!(k.values(&topic), ["a"]);
    assert_eq!(k.described(9, &name).error_code, 0);
}
