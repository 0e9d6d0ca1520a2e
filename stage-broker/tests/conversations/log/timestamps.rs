//! Timestamps: the producer's, the log's, and those that are refused.

use crate::ask::fetch::Fetch;
use crate::batch::{APPEND_TIME, Batch, MAX_TIMESTAMP};
use crate::said::said;
use crate::talk::now;
use kafka_protocol::ResponseError::InvalidTimestamp;

const HOUR: i64 = 3_600_000;

conversation!(the_producer_says_the_time, [3, 7, 11], |k, v| {
    let topic = k.topic(1);
    let answer = k.produced(v, &topic, Batch::of(&["a", "b"]).at(1_000_000, 500));
    assert_eq!(answer.log_append_time_ms, -1);
    let batch = &k.fetch(4, &Fetch::from(&topic, 0)).expect("a fetch").batches[0];
    assert_eq!((batch.first_timestamp, batch.max_timestamp), (1_000_000, 1_000_500));
    assert_eq!(batch.attributes & APPEND_TIME, 0);
});

conversation!(the_log_says_the_time, [3, 7, 11], |k, v| {
    let topic = k.topic_with(1, &[("message.timestamp.type", "LogAppendTime")]);
    let before = now();
    let answer = k.produced(v, &topic, Batch::of(&["a", "b"]).at(1_000_000, 500));
    let time = answer.log_append_time_ms;
    assert!((before..=now()).contains(&time));
    let batch = &k.fetch(4, &Fetch::from(&topic, 0)).expect("a fetch").batches[0];
    assert_eq!((batch.attributes & APPEND_TIME, batch.max_timestamp), (APPEND_TIME, time));
    assert_eq!(k.listed(4, &topic, before), Ok((time, 0)));
});

conversation!(a_time_far_ahead_is_refused, [3, 7, 11], |k, v| {
    let topic = k.topic(1);
    let batch = Batch::of(&["a"]).at(now() + 2 * HOUR, 0);
    let answer = k.produced(v, &topic, batch);
    assert_eq!(said(answer.error_code), Err(InvalidTimestamp));
    assert_eq!(k.end_of(&topic), Ok(0));
});

conversation!(how_far_ahead_is_a_setting_of_the_topic, |k| {
    let topic = k.topic_with(1, &[("message.timestamp.after.max.ms", "10000000000")]);
    assert_eq!(k.produce(9, &topic, Batch::of(&["a"]).at(now() + 2 * HOUR, 0)), Ok(0));
});

conversation!(a_time_long_ago_is_refused_if_the_topic_says_so, |k| {
    let topic = k.topic_with(1, &[("message.timestamp.before.max.ms", "1000")]);
    let batch = Batch::of(&["a"]).at(now() - HOUR, 0);
    assert_eq!(k.produce(9, &topic, batch), Err(InvalidTimestamp));
    assert_eq!(k.produce(9, &topic, Batch::of(&["a"])), Ok(0));
});

conversation!(the_log_does_not_mind_times_it_does_not_keep, |k| {
    let topic = k.topic_with(1, &[("message.timestamp.type", "LogAppendTime")]);
    assert_eq!(k.produce(9, &topic, Batch::of(&["a"]).at(now() + 2 * HOUR, 0)), Ok(0));
});

conversation!(a_record_without_a_time_is_taken, |k| {
    let topic = k.topic(1);
    assert_eq!(k.produce(9, &topic, Batch::of(&["a"]).at(-1, 0)), Ok(0));
});

conversation!(a_wrong_greatest_time_is_put_right, |k| {
    let topic = k.topic(1);
    let wrong = Batch::of(&["a"]).at(1_000, 0).patched(MAX_TIMESTAMP, &5_000_i64.to_be_bytes());
    assert_eq!(k.produce(9, &topic, wrong), Ok(0));
    let batch = &k.fetch(4, &Fetch::from(&topic, 0)).expect("a fetch").batches[0];
    assert_eq!(batch.max_timestamp, 1_000);
});
