//! Produce: one batch to one partition.

use super::topic::Place;
use crate::line::Line;
use crate::said::{Said, said, topic_name, transactional_id};
use bytes::Bytes;
use kafka_protocol::messages::ProduceRequest;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::produce_response::PartitionProduceResponse;

/// Versions from here on name topics by id.
pub(crate) const BY_ID: i16 = 13;

pub(crate) fn produce(version: i16, places: Vec<(Place, Bytes)>) -> ProduceRequest {
    let topics = places.into_iter().map(|(place, records)| {
        let partition =
            PartitionProduceData::default().with_index(place.partition).with_records(Some(records));
        let topic = TopicProduceData::default().with_partition_data(vec![partition]);
        match version >= BY_ID {
            true => topic.with_topic_id(place.topic.id),
            false => topic.with_name(topic_name(&place.topic.name)),
        }
    });
    ProduceRequest::default()
        .with_acks(-1)
        .with_timeout_ms(10_000)
        .with_topic_data(topics.collect())
}

impl Line {
    /// The offset of the first record.
    pub(crate) fn produce(
        &mut self,
        version: i16,
        place: impl Into<Place>,
        batch: impl Into<Bytes>,
    ) -> Said<i64> {
        let answer = self.produced(version, place, batch);
        said(answer.error_code).map(|()| answer.base_offset)
    }

    /// All that is answered.
    pub(crate) fn produced(
        &mut self,
        version: i16,
        place: impl Into<Place>,
        batch: impl Into<Bytes>,
    ) -> PartitionProduceResponse {
        let request = produce(version, vec![(place.into(), batch.into())]);
        self.ask(version, &request).responses.remove(0).partition_responses.remove(0)
    }

    /// As part of a transaction.
    pub(crate) fn produce_in(
        &mut self,
        version: i16,
        transaction: &str,
        place: impl Into<Place>,
        batch: impl Into<Bytes>,
    ) -> Said<i64> {
        let request = produce(version, vec![(place.into(), batch.into())])
            .with_transactional_id(Some(transactional_id(transaction)));
        let answer = self.ask(version, &request).responses[0].partition_responses.remove(0);
        said(answer.error_code).map(|()| answer.base_offset)
    }
}
