//! Produce: each partition's batch is checked, judged by its producer's past, and appended.

use super::{Cx, code};
use crate::log::batch::{self, Header, Invalid};
use crate::log::producers::Verdict;
use crate::log::record::{self, Records};
use crate::node::Node;
use crate::partition::Partition;
use crate::topic::Rules;
use crate::transaction::{Claim, Holds};
use bytes::Bytes;
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::produce_request::PartitionProduceData;
use kafka_protocol::messages::produce_response::{PartitionProduceResponse, TopicProduceResponse};
use kafka_protocol::messages::{ProduceRequest, ProduceResponse, TopicName};
use kafka_protocol::protocol::StrBytes;
use std::rc::Rc;

/// The most a batch of a compacted topic may unpack to.
const UNPACKED: usize = 256 << 20;

/// What became of a batch.
struct Stored {
    base_offset: i64,
    /// The broker's time, if the topic's records have that.
    time: i64,
    start: i64,
}

/// Why a batch is refused, for programs and for people.
type Refusal = (ResponseError, &'static str);

pub(super) async fn answer(cx: &mut Cx, request: ProduceRequest) -> ProduceResponse {
    cx.silent = request.acks == 0;
    let acks = matches!(request.acks, -1..=1);
    let transaction = request.transactional_id;
    let mut responses = Vec::with_capacity(request.topic_data.len());
    for topic in request.topic_data {
        let partitions = topic.partition_data.into_iter().map(|data| {
            let index = data.index;
            let stored = if acks {
                one(cx, &topic.name, data, transaction.as_ref().map(|id| id.as_str()))
            } else {
                Err((ResponseError::InvalidRequiredAcks, "acks must be 0, 1 or -1"))
            };
            respond(index, stored)
        });
        let partitions = partitions.collect();
        let response = TopicProduceResponse::default().with_name(topic.name.clone());
        responses.push(response.with_partition_responses(partitions));
    }
    if cx.node.flush.settled().await.is_err() {
        let all = responses.iter_mut().flat_map(|topic| &mut topic.partition_responses);
        for partition in all.filter(|partition| partition.error_code == 0) {
            partition.error_code = code(ResponseError::KafkaStorageError);
        }
    }
    ProduceResponse::default().with_responses(responses)
}

fn one(
    cx: &Cx,
    topic: &TopicName,
    data: PartitionProduceData,
    transaction: Option<&str>,
) -> Result<Stored, Refusal> {
    let node = &cx.node;
    let topic = node.topics.borrow().get(topic);
    let found = topic.as_ref().and_then(|topic| {
        topic.partitions.get(usize::try_from(data.index).ok()?).map(|p| (&topic.rules, p))
    });
    let (rules, partition) =
        found.ok_or((ResponseError::UnknownTopicOrPartition, "there is no such partition"))?;
    let batch = data.records.unwrap_or_default();
    let now = node.now();
    let header = check(&batch, rules, cx.version, now)?;
    if header.is_transactional() {
        check_transaction(cx, partition, &header, transaction)?;
    }
    store(node, partition, rules, header, batch, now)
}

/// A transactional batch goes only where its transaction was said to go.
fn check_transaction(
    cx: &Cx,
    partition: &Partition,
    header: &Header,
    transaction: Option<&str>,
) -> Result<(), Refusal> {
    let why = "a transactional batch without a transactional id";
    let id = transaction.ok_or((ResponseError::InvalidRecord, why))?;
    let claim = Claim { producer: header.producer_id, epoch: header.producer_epoch };
    let what = Holds::Partition(&partition.topic, partition.index);
    cx.node.transactions.holds(id, claim, what).map_err(|error| match error {
        ResponseError::InvalidTxnState if cx.version >= 11 => {
            (ResponseError::TransactionAbortable, "the partition is not in the transaction")
        }
        // The one before is not quite over: a client tries this one again.
        ResponseError::ConcurrentTransactions => {
            (ResponseError::NotEnoughReplicas, "the transaction is ending")
        }
        other => (other, "the transaction does not hold this batch"),
    })
}

/// Checks what a batch says about itself, and against the topic's rules.
fn check(batch: &Bytes, rules: &Rules, version: i16, now: i64) -> Result<Header, Refusal> {
    const ONE: &str = "Produce requests must have exactly one record batch per partition";
    let invalid = |why| (ResponseError::InvalidRecord, why);
    let header = Header::read(batch).map_err(|error| match error {
        Invalid::Short => invalid(ONE),
        Invalid::Magic(_) => invalid("only record batches of format version 2 are taken"),
        _ => (ResponseError::CorruptMessage, "the batch is smaller than its header"),
    })?;
    if header.size != batch.len() {
        return Err(invalid(ONE));
    }
    if header.codec() > 4 {
        return Err((ResponseError::CorruptMessage, "an unknown compression"));
    }
    if header.codec() == 4 && version < 7 {
        let why = "zstd needs version 7 of Produce";
        return Err((ResponseError::UnsupportedCompressionType, why));
    }
    if header.size > rules.max_message_bytes {
        let why = "the batch is larger than the topic's max.message.bytes";
        return Err((ResponseError::MessageTooLarge, why));
    }
    if Header::check(batch) == Err(Invalid::Crc) {
        return Err((ResponseError::CorruptMessage, "the checksum is wrong"));
    }
    if header.count <= 0 || header.last_offset_delta.checked_add(1) != Some(header.count) {
        return Err(invalid("the number of records contradicts their offsets"));
    }
    if header.is_control() {
        return Err(invalid("Clients are not allowed to write control records"));
    }
    if header.is_idempotent() && header.base_sequence < 0 {
        return Err(invalid("an idempotent batch without a sequence number"));
    }
    if !rules.append_time
        && header.max_timestamp >= 0
        && (header.max_timestamp - now > rules.after_max_ms
            || now.saturating_sub(header.base_timestamp) > rules.before_max_ms)
    {
        let why = "the timestamp is further from now than the topic allows";
        return Err((ResponseError::InvalidTimestamp, why));
    }
    if rules.compact {
        check_keys(&header, batch)?;
    }
    Ok(header)
}

/// In a compacted topic every record needs a key.
fn check_keys(header: &Header, batch: &[u8]) -> Result<(), Refusal> {
    let invalid = |why| (ResponseError::InvalidRecord, why);
    let body = record::body(header, batch, UNPACKED)
        .map_err(|_| (ResponseError::CorruptMessage, "the records cannot be unpacked"))?;
    let mut count = 0;
    for record in Records::plain(&body) {
        let record = record.map_err(|_| (ResponseError::CorruptMessage, "a garbled record"))?;
        record.key.ok_or(invalid("Compacted topic cannot accept message without key"))?;
        count += 1;
    }
    if count == header.count {
        Ok(())
    } else {
        Err(invalid("there are fewer records than it says"))
    }
}

fn store(
    node: &Node,
    partition: &Rc<Partition>,
    rules: &Rules,
    header: Header,
    mut batch: Bytes,
    now: i64,
) -> Result<Stored, Refusal> {
    let start = partition.log.borrow().start();
    match partition.judge(&header) {
        Verdict::New => {}
        Verdict::Duplicate(taken) => {
            return Ok(Stored { base_offset: taken.base_offset, time: taken.timestamp, start });
        }
        Verdict::OutOfOrder => {
            return Err((ResponseError::OutOfOrderSequenceNumber, "a sequence number is missing"));
        }
        Verdict::Fenced => {
            return Err((ResponseError::InvalidProducerEpoch, "the producer has a later epoch"));
        }
        Verdict::InTransaction => {
            return Err((ResponseError::InvalidTxnState, "the producer is in a transaction"));
        }
    }
    let mut header = header;
    if rules.append_time {
        batch = batch::with_append_time(&batch, now);
        header = Header::read(&batch).unwrap_or(header);
    }
    let base_offset = partition.append(node, header, &batch).map_err(|error| {
        let (topic, partition) = (&*partition.topic, partition.index);
        tracing::error!(%error, ?topic, partition, "the disk did not take a batch");
        (ResponseError::KafkaStorageError, "the disk did not take the batch")
    })?;
    Ok(Stored { base_offset, time: if rules.append_time { now } else { -1 }, start })
}

fn respond(index: i32, stored: Result<Stored, Refusal>) -> PartitionProduceResponse {
    let response = PartitionProduceResponse::default().with_index(index);
    match stored {
        Ok(stored) => response
            .with_base_offset(stored.base_offset)
            .with_log_append_time_ms(stored.time)
            .with_log_start_offset(stored.start),
        Err((error, why)) => response
            .with_error_code(code(error))
            .with_error_message(Some(StrBytes::from_static_str(why)))
            .with_base_offset(-1)
            .with_log_append_time_ms(-1)
            .with_log_start_offset(-1),
    }
}
