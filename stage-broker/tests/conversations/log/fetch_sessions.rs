//! Fetch sessions: only what changed is asked for and answered.

use crate::ask::fetch::Fetch;
use crate::ask::topic::Topic;
use crate::batch::Batch;
use crate::said::said;
use crate::said::topic_name;
use crate::talk::Talk;
use kafka_protocol::ResponseError::{FetchSessionIdNotFound, InvalidFetchSessionEpoch};
use kafka_protocol::messages::fetch_request::ForgottenTopic;
use kafka_protocol::messages::{FetchRequest, FetchResponse};

/// A session over both partitions of a topic.
fn begun(k: &mut Talk, version: i16) -> (Topic, i32) {
    let topic = k.topic(2);
    for partition in [0, 1] {
        k.produce(9, (&topic, partition), Batch::of(&["a"])).expect("an offset");
    }
    let mut request = Fetch::from((&topic, 0), 0).request(version).with_session_epoch(0);
    request.topics[0].partitions.push(Fetch::from((&topic, 1), 0).partition);
    let answer = k.ask(version, &request);
    assert_eq!(said(answer.error_code), Ok(()));
    assert_eq!(partitions(&answer), [0, 1]);
    assert_ne!(answer.session_id, 0);
    (topic, answer.session_id)
}

fn next(session: i32, epoch: i32) -> FetchRequest {
    FetchRequest::default().with_min_bytes(0).with_session_id(session).with_session_epoch(epoch)
}

fn partitions(answer: &FetchResponse) -> Vec<i32> {
    let all = answer.responses.iter().flat_map(|topic| &topic.partitions);
    let mut all: Vec<_> = all.map(|partition| partition.partition_index).collect();
    all.sort();
    all
}

const VERSIONS: [i16; 3] = [7, 12, 17];

conversation!(a_session_answers_what_changed, VERSIONS, |k, v| {
    let (topic, session) = begun(k, v);
    // Both are read on from offset 1, where there is nothing.
    let mut request = next(session, 1);
    request.topics = vec![Fetch::from((&topic, 0), 1).topic(v)];
    request.topics[0].partitions.push(Fetch::from((&topic, 1), 1).partition);
    assert!(partitions(&k.ask(v, &request)).is_empty());
    k.produce(9, (&topic, 1), Batch::of(&["b"])).expect("an offset");
    assert_eq!(partitions(&k.ask(v, &next(session, 2))), [1]);
});

conversation!(a_partition_can_be_forgotten, VERSIONS, |k, v| {
    let (topic, session) = begun(k, v);
    let forgotten = ForgottenTopic::default().with_partitions(vec![0]);
    let forgotten = match v >= 13 {
        true => forgotten.with_topic_id(topic.id),
        false => forgotten.with_topic(topic_name(&topic.name)),
    };
    let request = next(session, 1).with_forgotten_topics_data(vec![forgotten]);
    assert_eq!(partitions(&k.ask(v, &request)), [1]);
});

conversation!(a_session_that_is_not_there_is_refused, VERSIONS, |k, v| {
    let answer = k.ask(v, &next(123_456_789, 1));
    assert_eq!(said(answer.error_code), Err(FetchSessionIdNotFound));
    assert_eq!(answer.responses.len(), 0);
});

conversation!(an_epoch_out_of_turn_is_refused, VERSIONS, |k, v| {
    let (_, session) = begun(k, v);
    let answer = k.ask(v, &next(session, 5));
    assert_eq!(said(answer.error_code), Err(InvalidFetchSessionEpoch));
});

conversation!(a_session_can_be_ended, VERSIONS, |k, v| {
    let (topic, session) = begun(k, v);
    let mut request = next(session, -1);
    request.topics = vec![Fetch::from((&topic, 0), 0).topic(v)];
    let answer = k.ask(v, &request);
    assert_eq!((said(answer.error_code), answer.session_id), (Ok(()), 0));
    let answer = k.ask(v, &next(session, 1));
    assert_eq!(said(answer.error_code), Err(FetchSessionIdNotFound));
});

conversation!(without_a_session_there_is_none, VERSIONS, |k, v| {
    let topic = k.topic(1);
    let answer = k.ask(v, &Fetch::from(&topic, 0).request(v).with_session_epoch(-1));
    assert_eq!((said(answer.error_code), answer.session_id), (Ok(()), 0));
    assert_eq!(partitions(&answer), [0]);
});
