//! What reaches the store, and what is told when it does not.

use crate::group::{Answer, Commit, Join, Joined, NewOffset, Protocol, Sync, Synced, Who};
use crate::node::Node;
use crate::testing::{Dir, on_node};
use bytes::Bytes;
use kafka_protocol::error::ResponseError;
use std::collections::BTreeMap;
use std::rc::Rc;

const NOBODY: Who<'static> = Who { member: "", instance: None, generation: -1 };
const REFUSED: ResponseError = ResponseError::CoordinatorNotAvailable;

fn commit(node: &Node, who: Who<'_>, offset: i64) -> Result<(), ResponseError> {
    let offsets =
        [NewOffset { topic: "t", partition: 0, offset, leader_epoch: 0, metadata: Some("m") }];
    let commit = Commit { group: "g", who, retention: None, offsets: &offsets };
    node.step_groups(|groups, now| groups.commit(now, &commit))??.remove(0)
}

fn committed(node: &Node) -> i64 {
    node.groups.groups().fetch("g", Some(&[("t", vec![0])]), true)[0].partitions[0].offset
}

async fn join(node: &Node) -> Joined {
    let join = Join {
        group: "g".into(),
        member: String::new(),
        instance: None,
        unique: "1".into(),
        client_id: "c".into(),
        client_host: "/127.0.0.1".into(),
        session_timeout: 10_000,
        rebalance_timeout: 10_000,
        protocol_type: "consumer".into(),
        protocols: vec![Protocol { name: "range".into(), metadata: Bytes::from_static(b"topics") }],
        requires_member_id: false,
        can_skip_assignment: true,
    };
    let (token, waiting) = node.groups.waiting.begin();
    node.step_groups(|groups, now| groups.join(now, token, join)).unwrap();
    match waiting.await {
        Ok(Answer::Join(Ok(joined))) => joined,
        other => panic!("not joined: {other:?}"),
    }
}

/// The leader assigns everything to itself.
async fn sync(node: &Node, who: Who<'_>) -> Result<Synced, ResponseError> {
    let assignments = vec![(who.member.to_owned(), Bytes::from_static(b"all"))];
    let sync = Sync { group: "g", who, protocol_type: None, protocol: None, assignments };
    let (token, waiting) = node.groups.waiting.begin();
    let step = node.step_groups(|groups, now| groups.sync(now, token, sync));
    match waiting.await {
        Ok(Answer::Sync(synced)) => step.and(synced),
        other => panic!("no answer: {other:?}"),
    }
}

fn who(joined: &Joined) -> Who<'_> {
    Who { member: &joined.member, instance: None, generation: joined.generation }
}

#[test]
fn members_and_offsets_are_there_again_after_a_kill() {
    let dir = Dir::new();
    let mut known = None;
    on_node(&dir, async |node: Rc<Node>| {
        let joined = join(&node).await;
        sync(&node, who(&joined)).await.unwrap();
        commit(&node, who(&joined), 5).unwrap();
        known = Some(joined);
    });
    let joined = known.unwrap();
    on_node(&dir, async |node: Rc<Node>| {
        assert_eq!(committed(&node), 5);
        let now = node.steady_now();
        assert_eq!(node.groups.groups_mut().heartbeat(now, "g", &who(&joined)), Ok(()));
        let synced = sync(&node, who(&joined)).await.unwrap();
        assert_eq!(synced.assignment, "all");
    });
}

#[test]
fn an_offset_that_is_not_written_is_refused_and_not_committed() {
    let dir = Dir::new();
    on_node(&dir, async |node: Rc<Node>| {
        commit(&node, NOBODY, 5).unwrap();
        node.store.borrow_mut().broken = true;
        assert_eq!(commit(&node, NOBODY, 6), Err(REFUSED));
        assert_eq!(node.step_groups(|groups, _| groups.delete("g")).err(), Some(REFUSED));
        assert_eq!(committed(&node), 5);
    });
    on_node(&dir, async |node: Rc<Node>| assert_eq!(committed(&node), 5));
}

#[test]
fn an_assignment_that_is_not_written_is_refused_and_the_group_begins_again() {
    let dir = Dir::new();
    on_node(&dir, async |node: Rc<Node>| {
        let joined = join(&node).await;
        node.store.borrow_mut().broken = true;
        assert_eq!(sync(&node, who(&joined)).await, Err(REFUSED));
        node.store.borrow_mut().broken = false;
        let now = node.steady_now();
        let beat = node.groups.groups_mut().heartbeat(now, "g", &who(&joined));
        assert_eq!(beat, Err(ResponseError::RebalanceInProgress));
    });
}

#[test]
fn a_topic_and_its_offsets_are_forgotten_in_one_write() {
    let dir = Dir::new();
    on_node(&dir, async |node: Rc<Node>| {
        let topic = node.create_topic("t", 1, BTreeMap::new()).unwrap();
        commit(&node, NOBODY, 5).unwrap();
        node.store.borrow_mut().broken = true;
        assert!(node.delete_topic(&topic).is_err());
        assert_eq!((node.topics.borrow().partitions(), committed(&node)), (1, 5));
        node.store.borrow_mut().broken = false;
        node.delete_topic(&topic).unwrap();
        assert_eq!((node.topics.borrow().partitions(), committed(&node)), (0, -1));
    });
    // Killed before the last write was whole.
    let state = dir.path().join("state");
    let whole = std::fs::read(&state).unwrap();
    std::fs::write(&state, &whole[..whole.len() - 1]).unwrap();
    on_node(&dir, async |node: Rc<Node>| {
        assert_eq!((node.topics.borrow().partitions(), committed(&node)), (1, 5));
    });
    std::fs::write(&state, whole).unwrap();
    on_node(&dir, async |node: Rc<Node>| {
        assert_eq!((node.topics.borrow().partitions(), committed(&node)), (0, -1));
    });
}
