//! AddPartitionsToTxn and AddOffsetsToTxn: what a transaction is to hold.

use crate::ask::topic::Topic;
use crate::ask::transaction::Transaction;
use crate::batch::Producer;
use crate::said::said;
use kafka_protocol::ResponseError::{
    InvalidProducerEpoch, InvalidProducerIdMapping, InvalidRequest, ProducerFenced,
};
use std::collections::BTreeMap;

const VERSIONS: [i16; 3] = [0, 2, 3];

conversation!(a_partition_is_added, VERSIONS, |k, v| {
    let (transaction, topic) = (k.transaction(), k.topic(2));
    assert_eq!(k.add(v, &transaction, (&topic, 1)), Ok(()));
    let described = k.describe_transaction(&transaction.id);
    assert_eq!(&*described.transaction_state, "Ongoing");
    assert_eq!(*described.topics[0].topic.0, *topic.name);
    assert_eq!(described.topics[0].partitions, [1]);
});

conversation!(a_partition_may_be_added_again, VERSIONS, |k, v| {
    let (transaction, topic) = (k.transaction(), k.topic(1));
    assert_eq!(k.add(v, &transaction, &topic), Ok(()));
    assert_eq!(k.add(v, &transaction, &topic), Ok(()));
});

conversation!(an_unknown_partition_spoils_the_others, VERSIONS, |k, v| {
    let (transaction, topic, missing) = (k.transaction(), k.topic(1), Topic::missing(k));
    let mut request = transaction.adding(&topic);
    request.v3_and_below_topics.extend(transaction.adding(&missing).v3_and_below_topics);
    let answer = k.ask(v, &request);
    let codes = answer
        .results_by_topic_v3_and_below
        .iter()
        .map(|topic| (topic.name.to_string(), topic.results_by_partition[0].partition_error_code));
    let codes: BTreeMap<_, _> = codes.collect();
    assert_eq!((codes[&topic.name], codes[&missing.name]), (55, 3));
    k.until_state(&transaction.id, "Empty");
});

conversation!(a_fenced_producer_adds_nothing, VERSIONS, |k, v| {
    let (former, topic, group) = (k.transaction(), k.topic(1), k.group());
    k.takeover(&former);
    let wanted = if v >= 2 { ProducerFenced } else { InvalidProducerEpoch };
    assert_eq!(k.add(v, &former, &topic), Err(wanted));
    assert_eq!(k.add_offsets(v, &former, &group), Err(wanted));
});

conversation!(a_later_epoch_adds_nothing, VERSIONS, |k, v| {
    let (transaction, topic, group) = (k.transaction(), k.topic(1), k.group());
    let later = transaction.with_epoch(9);
    let wanted = if v >= 2 { ProducerFenced } else { InvalidProducerEpoch };
    assert_eq!(k.add(v, &later, &topic), Err(wanted));
    assert_eq!(k.add_offsets(v, &later, &group), Err(wanted));
});

conversation!(another_producer_adds_nothing, VERSIONS, |k, v| {
    let (transaction, topic, group) = (k.transaction(), k.topic(1), k.group());
    let stranger = Transaction { producer: k.producer(), ..transaction };
    assert_eq!(k.add(v, &stranger, &topic), Err(InvalidProducerIdMapping));
    assert_eq!(k.add_offsets(v, &stranger, &group), Err(InvalidProducerIdMapping));
});

conversation!(an_unknown_transaction_adds_nothing, VERSIONS, |k, v| {
    let (topic, group) = (k.topic(1), k.group());
    let unknown = Transaction { id: k.name("transaction"), producer: k.producer() };
    assert_eq!(k.add(v, &unknown, &topic), Err(InvalidProducerIdMapping));
    assert_eq!(k.add_offsets(v, &unknown, &group), Err(InvalidProducerIdMapping));
});

conversation!(a_transaction_without_a_name_adds_nothing, VERSIONS, |k, v| {
    let (topic, group) = (k.topic(1), k.group());
    let nameless = Transaction { id: String::new(), producer: Producer { id: 1, epoch: 0 } };
    assert_eq!(k.add(v, &nameless, &topic), Err(InvalidRequest));
    assert_eq!(k.add_offsets(v, &nameless, &group), Err(InvalidRequest));
});

conversation!(nothing_to_add_is_answered, VERSIONS, |k, v| {
    let (transaction, topic) = (k.transaction(), k.topic(1));
    let mut request = transaction.adding(&topic);
    request.v3_and_below_topics.clear();
    assert_eq!(k.ask(v, &request).results_by_topic_v3_and_below.len(), 0);
});

conversation!(offsets_are_added, VERSIONS, |k, v| {
    let (transaction, group) = (k.transaction(), k.group());
    assert_eq!(k.add_offsets(v, &transaction, &group), Ok(()));
    let described = k.describe_transaction(&transaction.id);
    assert_eq!((said(described.error_code), &*described.transaction_state), (Ok(()), "Ongoing"));
});

conversation!(offsets_are_a_partition_of_the_transaction, |k| {
    let (transaction, group) = (k.transaction(), k.group());
    assert_eq!(k.add_offsets(3, &transaction, &group), Ok(()));
    let described = k.describe_transaction(&transaction.id);
    assert_eq!(described.topics.len(), 1);
    assert_eq!(&**described.topics[0].topic, "__consumer_offsets");
});

conversation!(a_new_transaction_starts_with_nothing, VERSIONS, |k, v| {
    let (transaction, one, other) = (k.transaction(), k.topic(1), k.topic(1));
    k.write(&transaction, &one, 0, &["a"]);
    k.finish(&transaction, true);
    assert_eq!(k.add(v, &transaction, &other), Ok(()));
    let described = k.describe_transaction(&transaction.id);
    assert_eq!(described.topics.len(), 1);
    assert_eq!(*described.topics[0].topic.0, *other.name);
});
