//! Produce of what is no right batch.

use crate::ask::fetch::Fetch;
use crate::ask::topic::Topic;
use crate::batch::{
    APPEND_TIME, ATTRIBUTES, Batch, CONTROL, COUNT, CRC, LAST_OFFSET_DELTA, LENGTH, MAGIC, RECORDS,
    old_message,
};
use crate::said::Said;
use crate::talk::Talk;
use bytes::Bytes;
use kafka_protocol::ResponseError::{
    self, CorruptMessage, InvalidRecord, MessageTooLarge, TransactionalIdAuthorizationFailed,
};

/// What a new topic says to these bytes. Afterwards it must be as empty as before if it refused.
fn answer(k: &mut Talk, version: i16, bytes: impl Into<Bytes>) -> Said<i64> {
    let topic = k.topic(1);
    answer_of(k, version, &topic, bytes)
}

fn answer_of(k: &mut Talk, version: i16, topic: &Topic, bytes: impl Into<Bytes>) -> Said<i64> {
    let said = k.produce(version, topic, bytes);
    if said.is_err() {
        assert_eq!(k.end_of(topic), Ok(0));
        assert_eq!(k.produce(version, topic, Batch::of(&["fine"])), Ok(0));
    }
    said
}

conversation!(a_wrong_crc_is_corrupt, [3, 7, 11], |k, v| {
    let bytes = Batch::of(&["a"]).damaged(CRC, &[1, 2, 3, 4]);
    assert_eq!(answer(k, v, bytes), Err(CorruptMessage));
});

conversation!(a_flipped_bit_in_the_records_is_corrupt, [3, 7, 11], |k, v| {
    let bytes = Batch::of(&["a record"]).damaged(RECORDS + 8, b"X");
    assert_eq!(answer(k, v, bytes), Err(CorruptMessage));
});

conversation!(a_truncated_batch_is_none, [3, 7, 11], |k, v| {
    let bytes = Batch::of(&["a record"]).bytes();
    assert_eq!(answer(k, v, bytes.slice(..bytes.len() - 3)), Err(InvalidRecord));
});

conversation!(a_truncated_header_is_none, |k| {
    let bytes = Batch::of(&["a record"]).bytes();
    assert_eq!(answer(k, 9, bytes.slice(..RECORDS - 3)), Err(InvalidRecord));
});

conversation!(half_a_batch_after_the_batch_is_dropped, |k| {
    let topic = k.topic(1);
    let batch = Batch::of(&["a record"]).bytes();
    let bytes = [batch.clone(), batch.slice(..20)].concat();
    assert_eq!(k.produce(9, &topic, bytes), Ok(0));
    let read = k.fetch(12, &Fetch::from(&topic, 0)).expect("a fetch");
    assert_eq!((read.size, read.high_watermark), (batch.len(), 1));
});

conversation!(a_length_too_small_is_corrupt, |k| {
    let bytes = Batch::of(&["a"]).damaged(LENGTH, &5_i32.to_be_bytes());
    assert_eq!(answer(k, 9, bytes), Err(CorruptMessage));
});

conversation!(a_length_beyond_the_end_is_no_batch, |k| {
    let bytes = Batch::of(&["a"]).damaged(LENGTH, &5000_i32.to_be_bytes());
    assert_eq!(answer(k, 9, bytes), Err(InvalidRecord));
});

conversation!(no_bytes_are_no_batch, |k| {
    assert_eq!(answer(k, 9, Bytes::new()), Err(InvalidRecord));
});

conversation!(a_batch_without_records_is_refused, |k| {
    assert_eq!(answer(k, 9, Batch::of(&[])), Err(InvalidRecord));
});

conversation!(magic_0_is_refused, [3, 7, 11], |k, v| {
    assert_eq!(answer(k, v, old_message(0, "old")), Err(InvalidRecord));
});

conversation!(magic_1_is_refused, [3, 7, 11], |k, v| {
    assert_eq!(answer(k, v, old_message(1, "old")), Err(InvalidRecord));
});

conversation!(an_unknown_magic_is_corrupt, |k| {
    assert_eq!(answer(k, 9, Batch::of(&["a"]).damaged(MAGIC, &[9])), Err(CorruptMessage));
});

conversation!(a_count_that_is_not_so_is_refused, |k| {
    let bytes = Batch::of(&["a", "b"]).patched(COUNT, &3_i32.to_be_bytes());
    assert_eq!(answer(k, 9, bytes), Err(InvalidRecord));
});

conversation!(a_last_offset_that_is_not_so_is_refused, |k| {
    let bytes = Batch::of(&["a", "b"]).patched(LAST_OFFSET_DELTA, &5_i32.to_be_bytes());
    assert_eq!(answer(k, 9, bytes), Err(InvalidRecord));
});

conversation!(a_negative_last_offset_is_refused, |k| {
    let bytes = Batch::of(&["a"]).patched(LAST_OFFSET_DELTA, &(-1_i32).to_be_bytes());
    assert_eq!(answer(k, 9, bytes), Err(InvalidRecord));
});

conversation!(a_base_offset_is_not_the_clients_to_choose, |k| {
    let bytes = Batch::of(&["a"]).damaged(0, &77_i64.to_be_bytes());
    assert_eq!(answer(k, 9, bytes), Err(InvalidRecord));
});

conversation!(a_marker_from_a_client_is_refused, |k| {
    assert_eq!(answer(k, 9, Batch::of(&["a"]).with(CONTROL)), Err(InvalidRecord));
});

conversation!(a_transactional_batch_without_a_transactional_id_is_refused, |k| {
    let (topic, producer) = (k.topic(1), k.producer());
    let batch = Batch::of(&["a"]).within(producer, 0);
    assert_eq!(answer_of(k, 9, &topic, batch), Err(TransactionalIdAuthorizationFailed));
});

conversation!(append_time_is_not_the_clients_to_choose, |k| {
    let topic = k.topic(1);
    assert_eq!(k.produce(9, &topic, Batch::of(&["a"]).with(APPEND_TIME)), Ok(0));
    let read = k.fetch(12, &Fetch::from(&topic, 0)).expect("a fetch");
    assert_eq!(read.batches[0].attributes, 0);
});

conversation!(an_unknown_codec_is_refused, |k| {
    let bytes = Batch::of(&["a"]).patched(ATTRIBUTES, &7_i16.to_be_bytes());
    assert!(answer(k, 9, bytes).is_err());
});

conversation!(a_batch_above_the_limit_is_too_large, [3, 7, 11], |k, v| {
    let topic = k.topic_with(1, &[("max.message.bytes", "1000")]);
    let long = "x".repeat(1000);
    assert_eq!(answer_of(k, v, &topic, Batch::of(&[&long])), Err(MessageTooLarge));
});

conversation!(a_batch_at_the_limit_is_taken, |k| {
    let topic = k.topic_with(1, &[("max.message.bytes", "1000")]);
    let overhead = Batch::of(&[&"x".repeat(500)]).bytes().len() - 500;
    let fits = "x".repeat(1000 - overhead);
    assert_eq!(k.produce(9, &topic, Batch::of(&[&fits])), Ok(0));
    let over = fits + "x";
    assert_eq!(k.produce(9, &topic, Batch::of(&[&over])), Err(MessageTooLarge));
});

conversation!(a_compacted_topic_wants_keys, |k| {
    let topic = k.topic_with(1, &[("cleanup.policy", "compact")]);
    let said = answer_with_key(k, &topic, None);
    assert_eq!(said, Err(InvalidRecord));
    assert_eq!(answer_with_key(k, &topic, Some("key")), Ok(0));
});

fn answer_with_key(k: &mut Talk, topic: &Topic, key: Option<&str>) -> Said<i64> {
    k.produce(9, topic, Batch::keyed(&[(key, Some("value"))]))
}

conversation!(the_answer_names_the_record_that_is_wrong, [8, 11], |k, v| {
    let topic = k.topic_with(1, &[("cleanup.policy", "compact")]);
    let records = [(Some("key"), Some("a")), (None, Some("b")), (None, Some("c"))];
    let answer = k.produced(v, &topic, Batch::keyed(&records));
    assert_eq!(ResponseError::try_from_code(answer.error_code), Some(InvalidRecord));
    let wrong: Vec<_> = answer.record_errors.iter().map(|error| error.batch_index).collect();
    assert_eq!(wrong, [1, 2]);
    assert!(answer.error_message.is_some());
});
