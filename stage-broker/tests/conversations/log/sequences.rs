//! Produce by an idempotent producer: sequences, duplicates, epochs.

use crate::ask::produce::produce;
use crate::ask::topic::Topic;
use crate::batch::{Batch, Producer};
use crate::talk::Talk;
use kafka_protocol::ResponseError::{
    CorruptMessage, InvalidProducerEpoch, InvalidRecord, OutOfOrderSequenceNumber,
};

const VERSIONS: [i16; 3] = [3, 7, 11];

/// Batches of one record, with these sequences, at these offsets.
fn filled(k: &mut Talk, version: i16, count: i32) -> (Topic, Producer) {
    let (topic, producer) = (k.topic(1), k.producer());
    for sequence in 0..count {
        let batch = Batch::of(&["record"]).by(producer, sequence);
        assert_eq!(k.produce(version, &topic, batch), Ok(sequence.into()));
    }
    (topic, producer)
}

conversation!(sequences_go_on_with_the_records, VERSIONS, |k, v| {
    let (topic, producer) = (k.topic(1), k.producer());
    assert_eq!(k.produce(v, &topic, Batch::of(&["a", "b"]).by(producer, 0)), Ok(0));
    assert_eq!(k.produce(v, &topic, Batch::of(&["c", "d", "e"]).by(producer, 2)), Ok(2));
    assert_eq!(k.produce(v, &topic, Batch::of(&["f"]).by(producer, 5)), Ok(5));
    assert_eq!(k.values(&topic), ["a", "b", "c", "d", "e", "f"]);
});

conversation!(a_duplicate_gets_its_first_offset, VERSIONS, |k, v| {
    let (topic, producer) = (k.topic(1), k.producer());
    let batch = Batch::of(&["a", "b"]).by(producer, 0);
    assert_eq!(k.produce(v, &topic, &batch), Ok(0));
    assert_eq!(k.produce(v, &topic, &batch), Ok(0));
    assert_eq!(k.values(&topic), ["a", "b"]);
});

conversation!(a_duplicate_among_the_last_five_gets_its_first_offset, VERSIONS, |k, v| {
    let (topic, producer) = filled(k, v, 6);
    for sequence in 1..6 {
        let batch = Batch::of(&["record"]).by(producer, sequence);
        assert_eq!(k.produce(v, &topic, batch), Ok(sequence.into()));
    }
    assert_eq!(k.end_of(&topic), Ok(6));
});

conversation!(an_older_duplicate_is_out_of_order, VERSIONS, |k, v| {
    let (topic, producer) = filled(k, v, 6);
    let batch = Batch::of(&["record"]).by(producer, 0);
    assert_eq!(k.produce(v, &topic, batch), Err(OutOfOrderSequenceNumber));
});

conversation!(a_gap_is_out_of_order, VERSIONS, |k, v| {
    let (topic, producer) = filled(k, v, 1);
    let batch = Batch::of(&["record"]).by(producer, 2);
    assert_eq!(k.produce(v, &topic, batch), Err(OutOfOrderSequenceNumber));
    assert_eq!(k.end_of(&topic), Ok(1));
});

conversation!(an_older_epoch_is_fenced, VERSIONS, |k, v| {
    let (topic, producer) = filled(k, v, 1);
    let later = Batch::of(&["later"]).by(producer.with_epoch(1), 0);
    assert_eq!(k.produce(v, &topic, later), Ok(1));
    let earlier = Batch::of(&["earlier"]).by(producer, 1);
    assert_eq!(k.produce(v, &topic, earlier), Err(InvalidProducerEpoch));
});

conversation!(an_unknown_producer_may_start_anywhere, VERSIONS, |k, v| {
    let (topic, producer) = (k.topic(1), k.producer());
    assert_eq!(k.produce(v, &topic, Batch::of(&["a"]).by(producer, 7)), Ok(0));
    assert_eq!(k.produce(v, &topic, Batch::of(&["b"]).by(producer, 8)), Ok(1));
    let again = Batch::of(&["b"]).by(producer, 0);
    assert_eq!(k.produce(v, &topic, again), Err(OutOfOrderSequenceNumber));
});

conversation!(a_new_epoch_starts_at_zero, VERSIONS, |k, v| {
    let (topic, producer) = filled(k, v, 3);
    let next = producer.with_epoch(1);
    let gap = Batch::of(&["gap"]).by(next, 3);
    assert_eq!(k.produce(v, &topic, gap), Err(OutOfOrderSequenceNumber));
    assert_eq!(k.produce(v, &topic, Batch::of(&["start"]).by(next, 0)), Ok(3));
    assert_eq!(k.produce(v, &topic, Batch::of(&["start"]).by(next, 0)), Ok(3));
});

conversation!(a_duplicate_with_another_length_is_out_of_order, |k| {
    let (topic, producer) = (k.topic(1), k.producer());
    assert_eq!(k.produce(7, &topic, Batch::of(&["a", "b"]).by(producer, 0)), Ok(0));
    let shorter = Batch::of(&["a"]).by(producer, 0);
    assert_eq!(k.produce(7, &topic, shorter), Err(OutOfOrderSequenceNumber));
});

conversation!(each_partition_has_its_own_sequence, |k| {
    let (topic, producer) = (k.topic(2), k.producer());
    let first = Batch::of(&["a"]).by(producer, 0);
    assert_eq!(k.produce(7, (&topic, 0), &first), Ok(0));
    assert_eq!(k.produce(7, (&topic, 1), &first), Ok(0));
    assert_eq!(k.produce(7, (&topic, 0), &first), Ok(0));
    assert_eq!(k.end_of((&topic, 1)), Ok(1));
});

conversation!(producers_do_not_disturb_each_other, |k| {
    let (topic, one, other) = (k.topic(1), k.producer(), k.producer());
    assert_eq!(k.produce(7, &topic, Batch::of(&["a"]).by(one, 0)), Ok(0));
    assert_eq!(k.produce(7, &topic, Batch::of(&["b"]).by(other, 0)), Ok(1));
    assert_eq!(k.produce(7, &topic, Batch::of(&["c"]).by(one, 1)), Ok(2));
    assert_eq!(k.produce(7, &topic, Batch::of(&["b"]).by(other, 0)), Ok(1));
});

conversation!(a_sequence_wraps_around, |k| {
    let (topic, producer) = (k.topic(1), k.producer());
    let last = Batch::of(&["a", "b"]).by(producer, i32::MAX - 1);
    assert_eq!(k.produce(7, &topic, last), Ok(0));
    assert_eq!(k.produce(7, &topic, Batch::of(&["c"]).by(producer, 0)), Ok(2));
});

conversation!(a_producer_without_a_sequence_is_refused, |k| {
    let (topic, producer) = (k.topic(1), k.producer());
    let batch = Batch::of(&["a"]).by(producer, -1);
    assert_eq!(k.produce(7, &topic, batch), Err(InvalidRecord));
});

conversation!(a_refused_batch_uses_no_sequence, |k| {
    let (topic, producer) = filled(k, 7, 1);
    let broken = Batch::of(&["b"]).by(producer, 1).damaged(crate::batch::CRC, &[0; 4]);
    assert_eq!(k.produce(7, &topic, broken), Err(CorruptMessage));
    assert_eq!(k.produce(7, &topic, Batch::of(&["b"]).by(producer, 1)), Ok(1));
});

conversation!(a_duplicate_without_acknowledgement_is_dropped, |k| {
    let (topic, producer) = filled(k, 7, 2);
    let batch = Batch::of(&["record"]).by(producer, 1).bytes();
    let request = produce(7, vec![((&topic).into(), batch)]).with_acks(0);
    k.send(7, &request);
    assert_eq!(k.produce(7, &topic, Batch::of(&["next"]).by(producer, 2)), Ok(2));
});
