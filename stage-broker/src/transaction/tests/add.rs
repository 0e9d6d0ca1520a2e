//! What transactions write to.

use super::*;

#[test]
fn the_first_partition_begins_it() {
    let mut desk = Desk::new();
    let producer = desk.init().unwrap();
    assert_eq!(desk.add(producer, 0), Ok(()));
    let started = desk.now;
    desk.pass(5);
    assert_eq!(desk.add(producer, 1), Ok(()));
    let transaction = desk.transactions.describe("x").unwrap();
    assert_eq!((transaction.state, transaction.started), (State::Ongoing, started));
    assert_eq!(transaction.partitions.len(), 2);
}

#[test]
fn so_does_a_group() {
    let mut desk = Desk::new();
    let producer = desk.init().unwrap();
    assert_eq!(desk.add_group(producer, "g"), Ok(()));
    assert_eq!(desk.state(), Some(State::Ongoing));
}

#[test]
fn what_is_in_it_needs_no_record() {
    let mut desk = Desk::new();
    let producer = desk.init().unwrap();
    desk.add(producer, 0).unwrap();
    let step = desk.transactions.add_partitions(desk.now, "x", producer, &[("t", 0)]);
    assert!(step.records.is_empty());
    assert_eq!(desk.follow(step), Ok(()));
}

#[test]
fn strangers_are_refused() {
    let mut desk = Desk::new();
    let unknown = Err(ResponseError::InvalidProducerIdMapping);
    assert_eq!(desk.add(at(0, 0), 0), unknown);
    let producer = desk.init().unwrap();
    assert_eq!(desk.add(at(producer.id + 1, 0), 0), unknown);
    assert_eq!(desk.add(at(producer.id, 1), 0), Err(ResponseError::ProducerFenced));
    let step = desk.transactions.add_partitions(desk.now, "", producer, &[("t", 0)]);
    assert_eq!(desk.follow(step), Err(ResponseError::InvalidRequest));
    assert_eq!(desk.add_group(at(producer.id, 1), "g"), Err(ResponseError::ProducerFenced));
}

#[test]
fn while_it_is_being_ended_nothing_is_added() {
    let mut desk = Desk::new();
    let producer = desk.init().unwrap();
    desk.add(producer, 0).unwrap();
    desk.end(producer, true);
    assert_eq!(desk.add(producer, 1), Err(ResponseError::ConcurrentTransactions));
    assert_eq!(desk.add(producer, 0), Err(ResponseError::ConcurrentTransactions));
    desk.mark();
    desk.pass(7);
    assert_eq!(desk.add(producer, 1), Ok(()), "the next one");
    let transaction = desk.transactions.describe("x").unwrap();
    assert_eq!((transaction.partitions.len(), transaction.started), (1, desk.now));
}

#[test]
fn only_what_was_added_is_written() {
    let mut desk = Desk::new();
    let producer = desk.init().unwrap();
    let may = |desk: &Desk, producer| desk.transactions.holds_partition("x", producer, "t", 0);
    let may_commit = |desk: &Desk, group| desk.transactions.holds_group("x", producer, group);
    assert_eq!(may(&desk, producer), Err(ResponseError::TransactionAbortable));
    desk.add(producer, 0).unwrap();
    desk.add_group(producer, "g").unwrap();
    assert_eq!(may(&desk, producer), Ok(()));
    assert_eq!(may_commit(&desk, "g"), Ok(()));
    assert_eq!(may_commit(&desk, "h"), Err(ResponseError::TransactionAbortable));
    assert_eq!(may(&desk, at(9, 0)), Err(ResponseError::InvalidProducerIdMapping));
    assert_eq!(may(&desk, at(0, 1)), Err(ResponseError::InvalidProducerEpoch));
    desk.end(producer, true);
    assert_eq!(may(&desk, producer), Err(ResponseError::ConcurrentTransactions));
    desk.mark();
    assert_eq!(may(&desk, producer), Err(ResponseError::TransactionAbortable));
}
