//! What becomes of the partitions that a request names, in its order.

use super::{Cx, code};
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::TopicName;

/// Partitions as a request names them, and whether there is such a one.
pub(super) type Places<'a> = Vec<(&'a TopicName, i32, bool)>;

/// Looks which of them there are.
pub(super) fn look<'a>(cx: &Cx, named: impl Iterator<Item = (&'a TopicName, i32)>) -> Places<'a> {
    let topics = cx.node.topics.borrow();
    named.map(|(topic, index)| (topic, index, topics.partition(topic, index).is_some())).collect()
}

/// The error code of each. `done` has a result for each that there is, or one for all.
pub(super) fn codes(
    places: &Places<'_>,
    done: Result<Vec<Result<(), ResponseError>>, ResponseError>,
) -> Vec<i16> {
    let (mut results, all) = match done {
        Ok(results) => (results.into_iter(), None),
        Err(error) => (Vec::new().into_iter(), Some(error)),
    };
    let mut one = |known: bool| match all {
        _ if !known => Err(ResponseError::UnknownTopicOrPartition),
        Some(error) => Err(error),
        None => results.next().unwrap_or(Err(ResponseError::UnknownServerError)),
    };
    places.iter().map(|(_, _, known)| one(*known).err().map_or(0, code)).collect()
}
