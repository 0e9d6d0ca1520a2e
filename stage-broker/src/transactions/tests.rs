//! What reaches store and log, and what is told when it does not.

use crate::group::{Commit, NewOffset, Who};
use crate::node::Node;
use crate::testing::{Dir, on_node};
use crate::transaction::{Ended, Init, Producer, State};
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::TopicName;
use kafka_protocol::protocol::StrBytes;
use std::collections::BTreeMap;
use std::rc::Rc;

const REFUSED: ResponseError = ResponseError::CoordinatorNotAvailable;

/// A transaction of a partition and a group's offset.
fn begin(node: &Rc<Node>) -> Producer {
    node.create_topic("t", 1, BTreeMap::new()).unwrap();
    let init = Init { transactional_id: Some("x"), timeout: 60_000, producer: Producer::NONE };
    let producer = node.step_transactions(|all, now| all.init(now, &init)).unwrap().unwrap();
    let add =
        node.step_transactions(|all, now| all.add_partitions(now, "x", producer, &[("t", 0)]));
    assert_eq!(add, Ok(Ok(())));
    assert_eq!(
        node.step_transactions(|all, now| all.add_group(now, "x", producer, "g")),
        Ok(Ok(()))
    );
    let offsets =
        [NewOffset { topic: "t", partition: 0, offset: 5, leader_epoch: -1, metadata: None }];
    let who = Who { member: "", instance: None, generation: -1 };
    let commit = Commit { group: "g", who, retention: None, offsets: &offsets };
    let held = node.step_groups(|all, now| all.commit_in_transaction(now, producer.id, &commit));
    assert_eq!(held, Ok(Ok(vec![Ok(())])));
    producer
}

/// Decides to commit; where the answer will come.
fn end(
    node: &Rc<Node>,
    producer: Producer,
) -> Result<tokio::sync::oneshot::Receiver<Ended>, ResponseError> {
    let (token, waiting) = node.transactions.waiting.begin();
    node.step_transactions(|all, now| all.end(now, token, "x", producer, true))?;
    Ok(waiting)
}

/// Where the transaction stands, the group's stable offset, and where the log ends.
fn all(node: &Node) -> (State, i64, i64) {
    let state = node.transactions.transactions().describe("x").unwrap().state;
    let offset = node.groups.groups().fetch("g", Some(&[("t", vec![0])]), true);
    let topic = TopicName(StrBytes::from_static_str("t"));
    let partition = node.topics.borrow().partition(&topic, 0).unwrap();
    let end = partition.log.borrow().end();
    (state, offset[0].partitions[0].offset, end)
}

#[test]
fn an_end_is_answered_when_all_of_it_is_done() {
    let dir = Dir::new();
    on_node(&dir, async |node: Rc<Node>| {
        let producer = begin(&node);
        let ended = end(&node, producer).unwrap();
        assert_eq!(all(&node), (State::PrepareCommit, -1, 0));
        assert_eq!(ended.await, Ok(Ok(producer)));
        assert_eq!(all(&node), (State::CompleteCommit, 5, 1));
    });
}

#[test]
fn what_was_decided_is_done_after_a_kill() {
    let dir = Dir::new();
    on_node(&dir, async |node: Rc<Node>| {
        let producer = begin(&node);
        drop(end(&node, producer).unwrap());
        assert_eq!(all(&node), (State::PrepareCommit, -1, 0));
    });
    for _ in 0..2 {
        on_node(&dir, async |node: Rc<Node>| {
            // Nothing was written there, so the log needs no marker.
            assert_eq!(all(&node), (State::CompleteCommit, 5, 0));
        });
    }
}

#[test]
fn a_decision_that_is_not_written_is_refused_and_not_made() {
    let dir = Dir::new();
    on_node(&dir, async |node: Rc<Node>| {
        let producer = begin(&node);
        node.store.borrow_mut().broken = true;
        assert_eq!(end(&node, producer).err(), Some(REFUSED));
        node.store.borrow_mut().broken = false;
        assert_eq!(all(&node), (State::Ongoing, -1, 0));
        assert_eq!(end(&node, producer).unwrap().await, Ok(Ok(producer)));
    });
}

#[test]
fn what_could_not_be_completed_is_completed_later_and_marked_once() {
    let dir = Dir::new();
    on_node(&dir, async |node: Rc<Node>| {
        let producer = begin(&node);
        let ended = end(&node, producer).unwrap();
        node.store.borrow_mut().broken = true;
        assert_eq!(ended.await, Ok(Err(REFUSED)));
        node.complete_left().await;
        assert_eq!(all(&node), (State::PrepareCommit, -1, 1));
        node.store.borrow_mut().broken = false;
        node.complete_left().await;
        assert_eq!(all(&node), (State::CompleteCommit, 5, 1));
    });
}
