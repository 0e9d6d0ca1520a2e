//! Produce: each partition's batch is checked, judged by its producer's past, and appended.

pub(crate) mod check;

mod records;

use super::{Cx, Reply, code};
use crate::log::batch::{self, Header};
use crate::log::producers::Verdict;
use crate::node::Node;
use crate::partition::Partition;
use crate::topic::Rules;
use crate::transaction::Producer;
use bytes::Bytes;
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::produce_request::PartitionProduceData;
use kafka_protocol::messages::produce_response::{
    BatchIndexAndErrorMessage, PartitionProduceResponse, TopicProduceResponse,
};
use kafka_protocol::messages::{ProduceRequest, ProduceResponse, TopicName};
use kafka_protocol::protocol::StrBytes;
use std::rc::Rc;

/// What became of a batch.
struct Stored {
    base_offset: i64,
    /// The broker's time, if the topic's records have that.
    time: i64,
    start: i64,
}

/// Why a batch is refused, for programs and for people.
pub(crate) struct Refusal {
    error: ResponseError,
    why: &'static str,
    /// The records at fault by their place in the batch, if it is about some of them.
    records: Vec<(i32, &'static str)>,
}

impl Refusal {
    fn new(error: ResponseError, why: &'static str) -> Refusal {
        Refusal { error, why, records: Vec::new() }
    }
}

pub(super) async fn answer(cx: &mut Cx, request: ProduceRequest) -> ProduceResponse {
    let acks = request.acks;
    let whole = check_whole(&request);
    let transaction = request.transactional_id;
    let mut responses = Vec::with_capacity(request.topic_data.len());
    for topic in request.topic_data {
        let partitions = topic.partition_data.into_iter().map(|data| {
            let index = data.index;
            let stored = match whole {
                Ok(()) => one(cx, &topic.name, data, transaction.as_ref().map(|id| id.as_str())),
                Err((error, why)) => Err(Refusal::new(error, why)),
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
            *partition = respond(partition.index, Err(storage("the disk did not take the batch")));
        }
    }
    if acks == 0 {
        // Who waits for no answer is told of a refusal by the end of the connection.
        let mut all = responses.iter().flat_map(|topic| &topic.partition_responses);
        let refused = all.any(|partition| partition.error_code != 0);
        cx.reply = if refused { Reply::HangUp } else { Reply::Nothing };
    }
    ProduceResponse::default().with_responses(responses)
}

/// What a request is refused for as a whole.
fn check_whole(request: &ProduceRequest) -> Result<(), (ResponseError, &'static str)> {
    if !matches!(request.acks, -1..=1) {
        return Err((ResponseError::InvalidRequiredAcks, "acks must be 0, 1 or -1"));
    }
    let mut all = request.topic_data.iter().flat_map(|topic| &topic.partition_data);
    let is_transactional = |data: &PartitionProduceData| {
        let header = data.records.as_ref().map(|records| Header::read(records));
        header.is_some_and(|header| header.is_ok_and(|header| header.is_transactional()))
    };
    if request.transactional_id.is_none() && all.any(is_transactional) {
        let why = "a transactional batch without a transactional id";
        return Err((ResponseError::TransactionalIdAuthorizationFailed, why));
    }
    Ok(())
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
    let missing = ResponseError::UnknownTopicOrPartition;
    let (rules, partition) =
        found.ok_or_else(|| Refusal::new(missing, "there is no such partition"))?;
    let now = node.now();
    let (header, batch) = check::check(&data.records.unwrap_or_default(), rules, cx.version, now)?;
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
    let Some(id) = transaction else { return Ok(()) };
    let producer = Producer { id: header.producer_id, epoch: header.producer_epoch };
    let transactions = cx.node.transactions.transactions();
    let held = transactions.holds_partition(id, producer, &partition.topic, partition.index);
    held.map_err(|error| match error {
        ResponseError::TransactionAbortable if cx.version < 11 => {
            Refusal::new(ResponseError::InvalidTxnState, "the partition is not in the transaction")
        }
        // The one before is not quite over: a client tries this one again.
        ResponseError::ConcurrentTransactions => {
            Refusal::new(ResponseError::NotEnoughReplicas, "the transaction is ending")
        }
        other => Refusal::new(other, "the transaction does not hold this batch"),
    })
}

fn store(
    node: &Node,
    partition: &Rc<Partition>,
    rules: &Rules,
    header: Header,
    mut batch: Bytes,
    now: i64,
) -> Result<Stored, Refusal> {
    // Also what is there already: nobody knows whether the disk has it.
    node.flush.check().map_err(|_| storage("the disk failed; the broker must be started again"))?;
    let start = partition.log.borrow().start();
    let refuse = |error, why| Err(Refusal::new(error, why));
    match partition.judge(&header) {
        Verdict::New => {}
        Verdict::Duplicate(taken) => {
            return Ok(Stored { base_offset: taken.base_offset, time: taken.timestamp, start });
        }
        Verdict::OutOfOrder => {
            let why = "a sequence number is missing";
            return refuse(ResponseError::OutOfOrderSequenceNumber, why);
        }
        Verdict::Fenced => {
            return refuse(ResponseError::InvalidProducerEpoch, "the producer has a later epoch");
        }
        Verdict::InTransaction => {
            return refuse(ResponseError::InvalidTxnState, "the producer is in a transaction");
        }
    }
    let mut header = header;
    if rules.append_time {
        batch = batch::with_time(&batch, true, now);
        header = Header::read(&batch).unwrap_or(header);
    }
    let base_offset = partition.append(node, header, &batch).map_err(|error| {
        let (topic, partition) = (&*partition.topic, partition.index);
        tracing::error!(%error, ?topic, partition, "the disk did not take a batch");
        storage("the disk did not take the batch")
    })?;
    Ok(Stored { base_offset, time: if rules.append_time { now } else { -1 }, start })
}

fn storage(why: &'static str) -> Refusal {
    Refusal::new(ResponseError::KafkaStorageError, why)
}

fn respond(index: i32, stored: Result<Stored, Refusal>) -> PartitionProduceResponse {
    let response = PartitionProduceResponse::default().with_index(index);
    match stored {
        Ok(stored) => response
            .with_base_offset(stored.base_offset)
            .with_log_append_time_ms(stored.time)
            .with_log_start_offset(stored.start),
        Err(Refusal { error, why, records }) => response
            .with_error_code(code(error))
            .with_error_message(Some(StrBytes::from_static_str(why)))
            .with_record_errors(records.into_iter().map(at_fault).collect())
            .with_base_offset(-1)
            .with_log_append_time_ms(-1)
            .with_log_start_offset(-1),
    }
}

fn at_fault((index, why): (i32, &'static str)) -> BatchIndexAndErrorMessage {
    BatchIndexAndErrorMessage::default()
        .with_batch_index(index)
        .with_batch_index_error_message(Some(StrBytes::from_static_str(why)))
}
