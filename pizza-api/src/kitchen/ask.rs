//! What the broker knows of the stages: how far they have committed, and how many there are.

use super::Keeping;
use super::board::Standing;
use super::map::Map;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaResult;
use rdkafka::{Offset, TopicPartitionList};
use stage_sdk::broker::{Broker, Quiet};
use std::time::Duration;

/// One question.
const TIME: Duration = Duration::from_secs(2);

/// A connection for each group: it asks about it, and does not join.
pub(super) struct Asking(Vec<KafkaResult<Group>>);

struct Group {
    consumer: BaseConsumer<Quiet>,
    name: String,
    partitions: TopicPartitionList,
}

impl Asking {
    pub(super) fn new(map: &Map, broker: &Broker) -> Asking {
        let group = |stage: &super::map::Stage| {
            let mut config = broker.admin();
            config.set("group.id", &stage.group);
            let input = map.topics.iter().find(|topic| topic.name == stage.input);
            let mut partitions = TopicPartitionList::new();
            for partition in 0..input.map_or(0, |topic| topic.partitions) {
                partitions.add_partition(&stage.input, partition);
            }
            let consumer = config.create_with_context(Quiet)?;
            Ok(Group { consumer, name: stage.group.clone(), partitions })
        };
        Asking(map.stages.iter().map(group).collect())
    }

    /// Asks about all of them; what is not answered is not known.
    pub(super) fn ask(&self) -> Vec<Standing> {
        let ask = |group: &KafkaResult<Group>| match group {
            Ok(group) => group.ask(),
            Err(_) => Standing::default(),
        };
        self.0.iter().map(ask).collect()
    }
}

impl Group {
    fn ask(&self) -> Standing {
        // Serves what came up since the last question, such as lost connections.
        while self.consumer.poll(Duration::ZERO).is_some() {}
        let Ok(list) = self.consumer.fetch_group_list(Some(&self.name), TIME) else {
            return Standing::default();
        };
        let instances = list.groups().iter().find(|group| group.name() == self.name);
        let committed = self.consumer.committed_offsets(self.partitions.clone(), TIME).ok();
        let next = |committed: TopicPartitionList| {
            let elements = committed.elements();
            elements
                .iter()
                .map(|element| match element.offset() {
                    Offset::Offset(next) => Some(next),
                    _ => None,
                })
                .collect()
        };
        Standing {
            next: committed.map(next),
            instances: Some(instances.map_or(0, |group| group.members().len())),
        }
    }
}

/// The view's offsets are in the store, with its pizzas.
pub(super) async fn stored(standings: &mut [Standing], map: &Map, keeping: &Keeping) {
    for (stage, standing) in map.stages.iter().zip(standings) {
        if stage.sink && stage.name == keeping.view.stage {
            let count = standing.next.as_ref().map_or(0, Vec::len);
            let partitions: Vec<i32> = (0..count as i32).collect();
            let positions = keeping.store.positions(&stage.input, &partitions).await.ok();
            let next = |position: Option<(i64, String)>| position.map(|(next, _)| next);
            standing.next = positions.map(|all| all.into_iter().map(next).collect());
        }
    }
}
