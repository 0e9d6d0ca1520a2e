//! DescribeLogDirs: the one directory, and what its partitions take.

use super::Cx;
use crate::log::place::Place;
use kafka_protocol::messages::describe_log_dirs_response::{
    DescribeLogDirsPartition, DescribeLogDirsResult, DescribeLogDirsTopic,
};
use kafka_protocol::messages::{DescribeLogDirsRequest, DescribeLogDirsResponse};
use kafka_protocol::protocol::StrBytes;

pub(super) async fn answer(
    cx: &mut Cx,
    request: DescribeLogDirsRequest,
) -> DescribeLogDirsResponse {
    let directory = match &cx.node.place {
        Place::Disk(path) => path.display().to_string(),
        Place::Nowhere => "memory".to_owned(),
    };
    let known = cx.node.topics.borrow();
    let mut topics = Vec::new();
    for topic in known.iter() {
        let asked = match &request.topics {
            None => None,
            Some(topics) => match topics.iter().find(|asked| asked.topic == topic.name) {
                Some(asked) => Some(&asked.partitions),
                None => continue,
            },
        };
        let wanted = topic
            .partitions
            .iter()
            .filter(|partition| asked.is_none_or(|asked| asked.contains(&partition.index)));
        let partitions = wanted.map(|partition| {
            DescribeLogDirsPartition::default()
                .with_partition_index(partition.index)
                .with_partition_size(partition.log.borrow().size() as i64)
        });
        topics.push(
            DescribeLogDirsTopic::default()
                .with_name(topic.name.clone())
                .with_partitions(partitions.collect()),
        );
    }
    let result = DescribeLogDirsResult::default()
        .with_log_dir(StrBytes::from_string(directory))
        .with_topics(topics)
        .with_total_bytes(-1)
        .with_usable_bytes(-1);
    DescribeLogDirsResponse::default().with_results(vec![result])
}
