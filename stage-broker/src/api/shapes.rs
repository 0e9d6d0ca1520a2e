//! The shape of every request that is served, as Kafka's message definitions have it: fields in the
//! order of the wire, with the versions they are in.

use super::shape::Kind::{Bytes, Fixed, List, Struct, Structs, Text};
use super::shape::{Field, all, since, tagged, until, within};
use kafka_protocol::messages::ApiKey;

/// An API, the first version with compact lengths and tags, and its request's fields.
pub(super) const SHAPES: &[(ApiKey, i16, &[Field])] = &[
    (
        ApiKey::Produce,
        9,
        &[
            all(Text),
            all(Fixed(2)),
            all(Fixed(4)),
            all(Structs(&[
                until(12, Text),
                since(13, Fixed(16)),
                all(Structs(&[all(Fixed(4)), all(Bytes)])),
            ])),
        ],
    ),
    (
        ApiKey::Fetch,
        12,
        &[
            until(14, Fixed(4)),
            all(Fixed(4)),
            all(Fixed(4)),
            all(Fixed(4)),
            all(Fixed(1)),
            since(7, Fixed(4)),
            since(7, Fixed(4)),
            all(Structs(&[
                until(12, Text),
                since(13, Fixed(16)),
                all(Structs(&[
                    all(Fixed(4)),
                    since(9, Fixed(4)),
                    all(Fixed(8)),
                    since(12, Fixed(4)),
                    since(5, Fixed(8)),
                    all(Fixed(4)),
                    tagged(0, 17, Fixed(16)),
                ])),
            ])),
            since(
                7,
                Structs(&[within(7, 12, Text), since(13, Fixed(16)), since(7, List(&Fixed(4)))]),
            ),
            since(11, Text),
            tagged(0, 12, Text),
            tagged(1, 15, Struct(&[all(Fixed(4)), all(Fixed(8))])),
        ],
    ),
    (
        ApiKey::ListOffsets,
        6,
        &[
            all(Fixed(4)),
            since(2, Fixed(1)),
            all(Structs(&[
                all(Text),
                all(Structs(&[all(Fixed(4)), since(4, Fixed(4)), all(Fixed(8))])),
            ])),
            since(10, Fixed(4)),
        ],
    ),
    (
        ApiKey::Metadata,
        9,
        &[
            all(Structs(&[since(10, Fixed(16)), all(Text)])),
            since(4, Fixed(1)),
            within(8, 10, Fixed(1)),
            since(8, Fixed(1)),
        ],
    ),
    (
        ApiKey::OffsetCommit,
        8,
        &[
            all(Text),
            all(Fixed(4)),
            all(Text),
            since(7, Text),
            until(4, Fixed(8)),
            all(Structs(&[
                all(Text),
                all(Structs(&[all(Fixed(4)), all(Fixed(8)), since(6, Fixed(4)), all(Text)])),
            ])),
        ],
    ),
    (
        ApiKey::OffsetFetch,
        6,
        &[
            until(7, Text),
            until(7, Structs(&[until(7, Text), until(7, List(&Fixed(4)))])),
            since(
                8,
                Structs(&[
                    since(8, Text),
                    since(9, Text),
                    since(9, Fixed(4)),
                    since(8, Structs(&[since(8, Text), since(8, List(&Fixed(4)))])),
                ]),
            ),
            since(7, Fixed(1)),
        ],
    ),
    (ApiKey::FindCoordinator, 3, &[until(3, Text), since(1, Fixed(1)), since(4, List(&Text))]),
    (
        ApiKey::JoinGroup,
        6,
        &[
            all(Text),
            all(Fixed(4)),
            since(1, Fixed(4)),
            all(Text),
            since(5, Text),
            all(Text),
            all(Structs(&[all(Text), all(Bytes)])),
            since(8, Text),
        ],
    ),
    (ApiKey::Heartbeat, 4, &[all(Text), all(Fixed(4)), all(Text), since(3, Text)]),
    (
        ApiKey::LeaveGroup,
        4,
        &[
            all(Text),
            until(2, Text),
            since(3, Structs(&[since(3, Text), since(3, Text), since(5, Text)])),
        ],
    ),
    (
        ApiKey::SyncGroup,
        4,
        &[
            all(Text),
            all(Fixed(4)),
            all(Text),
            since(3, Text),
            since(5, Text),
            since(5, Text),
            all(Structs(&[all(Text), all(Bytes)])),
        ],
    ),
    (ApiKey::DescribeGroups, 5, &[all(List(&Text)), since(3, Fixed(1))]),
    (ApiKey::ListGroups, 3, &[since(4, List(&Text)), since(5, List(&Text))]),
    (ApiKey::ApiVersions, 3, &[since(3, Text), since(3, Text)]),
    (
        ApiKey::CreateTopics,
        5,
        &[
            all(Structs(&[
                all(Text),
                all(Fixed(4)),
                all(Fixed(2)),
                all(Structs(&[all(Fixed(4)), all(List(&Fixed(4)))])),
                all(Structs(&[all(Text), all(Text)])),
            ])),
            all(Fixed(4)),
            all(Fixed(1)),
        ],
    ),
    (
        ApiKey::DeleteTopics,
        4,
        &[
            since(6, Structs(&[since(6, Text), since(6, Fixed(16))])),
            until(5, List(&Text)),
            all(Fixed(4)),
        ],
    ),
    (
        ApiKey::DeleteRecords,
        2,
        &[all(Structs(&[all(Text), all(Structs(&[all(Fixed(4)), all(Fixed(8))]))])), all(Fixed(4))],
    ),
    (
        ApiKey::InitProducerId,
        2,
        &[all(Text), all(Fixed(4)), since(3, Fixed(8)), since(3, Fixed(2))],
    ),
    (
        ApiKey::OffsetForLeaderEpoch,
        4,
        &[
            since(3, Fixed(4)),
            all(Structs(&[
                all(Text),
                all(Structs(&[all(Fixed(4)), all(Fixed(4)), all(Fixed(4))])),
            ])),
        ],
    ),
    (
        ApiKey::AddPartitionsToTxn,
        3,
        &[
            since(
                4,
                Structs(&[
                    since(4, Text),
                    since(4, Fixed(8)),
                    since(4, Fixed(2)),
                    since(4, Fixed(1)),
                    since(4, Structs(&[all(Text), all(List(&Fixed(4)))])),
                ]),
            ),
            until(3, Text),
            until(3, Fixed(8)),
            until(3, Fixed(2)),
            until(3, Structs(&[all(Text), all(List(&Fixed(4)))])),
        ],
    ),
    (ApiKey::AddOffsetsToTxn, 3, &[all(Text), all(Fixed(8)), all(Fixed(2)), all(Text)]),
    (ApiKey::EndTxn, 3, &[all(Text), all(Fixed(8)), all(Fixed(2)), all(Fixed(1))]),
    (
        ApiKey::TxnOffsetCommit,
        3,
        &[
            all(Text),
            all(Text),
            all(Fixed(8)),
            all(Fixed(2)),
            since(3, Fixed(4)),
            since(3, Text),
            since(3, Text),
            all(Structs(&[
                all(Text),
                all(Structs(&[all(Fixed(4)), all(Fixed(8)), since(2, Fixed(4)), all(Text)])),
            ])),
        ],
    ),
    (
        ApiKey::DescribeAcls,
        2,
        &[
            all(Fixed(1)),
            all(Text),
            all(Fixed(1)),
            all(Text),
            all(Text),
            all(Fixed(1)),
            all(Fixed(1)),
        ],
    ),
    (
        ApiKey::DescribeConfigs,
        4,
        &[
            all(Structs(&[all(Fixed(1)), all(Text), all(List(&Text))])),
            all(Fixed(1)),
            since(3, Fixed(1)),
        ],
    ),
    (
        ApiKey::AlterConfigs,
        2,
        &[
            all(Structs(&[all(Fixed(1)), all(Text), all(Structs(&[all(Text), all(Text)]))])),
            all(Fixed(1)),
        ],
    ),
    (ApiKey::DescribeLogDirs, 2, &[all(Structs(&[all(Text), all(List(&Fixed(4)))]))]),
    (
        ApiKey::CreatePartitions,
        2,
        &[
            all(Structs(&[all(Text), all(Fixed(4)), all(Structs(&[all(List(&Fixed(4)))]))])),
            all(Fixed(4)),
            all(Fixed(1)),
        ],
    ),
    (ApiKey::DeleteGroups, 2, &[all(List(&Text))]),
    (
        ApiKey::IncrementalAlterConfigs,
        1,
        &[
            all(Structs(&[
                all(Fixed(1)),
                all(Text),
                all(Structs(&[all(Text), all(Fixed(1)), all(Text)])),
            ])),
            all(Fixed(1)),
        ],
    ),
    (
        ApiKey::OffsetDelete,
        99,
        &[all(Text), all(Structs(&[all(Text), all(Structs(&[all(Fixed(4))]))]))],
    ),
    (ApiKey::DescribeCluster, 0, &[all(Fixed(1)), since(1, Fixed(1)), since(2, Fixed(1))]),
    (ApiKey::DescribeProducers, 0, &[all(Structs(&[all(Text), all(List(&Fixed(4)))]))]),
    (ApiKey::DescribeTransactions, 0, &[all(List(&Text))]),
    (
        ApiKey::ListTransactions,
        0,
        &[all(List(&Text)), all(List(&Fixed(8))), since(1, Fixed(8)), since(2, Text)],
    ),
];
