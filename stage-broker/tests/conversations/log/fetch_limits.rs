//! How much a fetch brings: limits of a partition and of the answer, and never less than a batch.

use crate::ask::fetch::{Fetch, VERSIONS};
use crate::ask::topic::Topic;
use crate::batch::Batch;
use crate::talk::Talk;
use bytes::Bytes;
use kafka_protocol::messages::fetch_response::PartitionData;

fn batch() -> Bytes {
    Batch::of(&[&"x".repeat(939)]).bytes()
}

/// Each batch has a bit more than 1,000 bytes.
fn filled(k: &mut Talk, partitions: i32) -> Topic {
    let topic = k.topic(partitions);
    for partition in 0..partitions {
        for _ in 0..4 {
            k.produce(9, (&topic, partition), batch()).expect("an offset");
        }
    }
    topic
}

conversation!(at_least_one_batch_is_read, VERSIONS, |k, v| {
    let topic = filled(k, 1);
    let read = k.fetch(v, &Fetch::from(&topic, 1).limited(10, 1 << 20)).expect("a fetch");
    assert_eq!(read.batches.len(), 1);
    assert_eq!(read.batches[0].base_offset, 1);
    assert_eq!(read.size, batch().len());
});

conversation!(at_least_one_batch_is_read_whatever_the_whole_limit, VERSIONS, |k, v| {
    let topic = filled(k, 1);
    let read = k.fetch(v, &Fetch::from(&topic, 0).limited(1 << 20, 10)).expect("a fetch");
    assert_eq!(read.size, batch().len());
});

conversation!(a_partition_brings_no_more_than_its_limit, VERSIONS, |k, v| {
    let topic = filled(k, 1);
    let limit = 2 * batch().len() as i32;
    let read = k.fetch(v, &Fetch::from(&topic, 0).limited(limit, 1 << 20)).expect("a fetch");
    assert_eq!((read.batches.len(), read.size), (2, limit as usize));
});

conversation!(the_last_batch_may_be_cut_off, VERSIONS, |k, v| {
    let topic = filled(k, 1);
    let limit = 2 * batch().len() as i32 + 100;
    let read = k.fetch(v, &Fetch::from(&topic, 0).limited(limit, 1 << 20)).expect("a fetch");
    assert_eq!(read.batches.len(), 2);
    assert!(read.size <= limit as usize);
});

conversation!(the_answer_brings_no_more_than_its_limit, VERSIONS, |k, v| {
    let topic = filled(k, 3);
    let limit = 3 * batch().len() as i32;
    let mut request = Fetch::from((&topic, 0), 0).limited(1 << 20, limit).request(v);
    for partition in [1, 2] {
        request.topics[0].partitions.push(Fetch::from((&topic, partition), 0).partition);
    }
    let answer = k.ask(v, &request);
    let sizes: Vec<_> = answer.responses[0].partitions.iter().map(size).collect();
    assert_eq!(sizes.len(), 3);
    assert!(sizes.iter().sum::<usize>() <= limit as usize, "{sizes:?}");
});

conversation!(the_first_partition_is_served_first, |k| {
    let topic = filled(k, 2);
    let mut request = Fetch::from((&topic, 1), 0).limited(1 << 20, 1).request(12);
    request.topics[0].partitions.push(Fetch::from((&topic, 0), 0).partition);
    let answer = k.ask(12, &request);
    let found: Vec<_> =
        answer.responses[0].partitions.iter().map(|p| (p.partition_index, size(p))).collect();
    assert_eq!(found, [(1, batch().len()), (0, 0)]);
});

conversation!(no_bytes_of_a_partition_still_bring_a_batch, |k| {
    let topic = filled(k, 1);
    let read = k.fetch(12, &Fetch::from(&topic, 0).limited(0, 1 << 20)).expect("a fetch");
    assert_eq!(read.size, batch().len());
});

fn size(partition: &PartitionData) -> usize {
    partition.records.as_ref().map_or(0, Bytes::len)
}
