//! Transactions that take too long, and transactional ids that nobody uses.

use super::*;

#[test]
fn what_takes_too_long_is_aborted_and_its_producer_fenced() {
    let mut desk = Desk::new();
    let producer = desk.init().unwrap();
    desk.add(producer, 0).unwrap();
    desk.pass(TIMEOUT);
    assert_eq!(desk.state(), Some(State::Ongoing));
    desk.pass(1);
    assert_eq!(desk.state(), Some(State::PrepareAbort));
    assert_eq!((desk.markers.len(), desk.markers[0].commit), (1, false));
    assert_eq!(desk.markers[0].producer, at(producer.id, 1));
    assert_eq!(desk.add(producer, 1), Err(ResponseError::ProducerFenced));
    desk.mark();
    assert_eq!(desk.end(producer, true), Some(Err(ResponseError::ProducerFenced)));
    assert_eq!(desk.end(producer, false), Some(Err(ResponseError::ProducerFenced)));
    assert_eq!(desk.init(), Ok(at(producer.id, 2)));
}

#[test]
fn adding_to_it_does_not_prolong_it() {
    let mut desk = Desk::new();
    let producer = desk.init().unwrap();
    for partition in 0..6 {
        desk.add(producer, partition).unwrap();
        desk.pass(TIMEOUT / 6);
    }
    desk.pass(1);
    assert_eq!(desk.state(), Some(State::PrepareAbort));
}

#[test]
fn what_is_being_ended_does_not_take_too_long() {
    let mut desk = Desk::new();
    let producer = desk.init().unwrap();
    desk.add(producer, 0).unwrap();
    desk.end(producer, true);
    desk.pass(10 * TIMEOUT);
    assert_eq!(desk.state(), Some(State::PrepareCommit));
    assert_eq!(desk.markers.len(), 1);
}

#[test]
fn each_transaction_has_its_own_time() {
    let mut desk = Desk::new();
    let producer = desk.init().unwrap();
    desk.whole(producer, true);
    desk.pass(TIMEOUT / 2);
    desk.add(producer, 0).unwrap();
    desk.pass(TIMEOUT / 2 + 10);
    assert_eq!(desk.state(), Some(State::Ongoing));
    assert!(desk.transactions.due.len() == 1);
}

#[test]
fn the_latest_timeout_counts() {
    let mut desk = Desk::new();
    desk.init().unwrap();
    let init = Init { transactional_id: Some("x"), timeout: 5, producer: Producer::NONE };
    let step = desk.transactions.init(desk.now, &init);
    let producer = desk.follow(step).unwrap();
    desk.add(producer, 0).unwrap();
    desk.pass(6);
    assert_eq!(desk.state(), Some(State::PrepareAbort));
}

#[test]
fn ids_that_nobody_uses_are_forgotten() {
    let Settings { id_expiration, id_expiration_check, .. } = Settings::default();
    let mut desk = Desk::new();
    let producer = desk.init().unwrap();
    desk.pass(id_expiration / 2);
    desk.whole(producer, true);
    desk.pass(id_expiration / 2 + id_expiration_check);
    assert_eq!(desk.state(), Some(State::CompleteCommit));
    desk.pass(id_expiration / 2);
    assert_eq!(desk.state(), None);
    assert!(!desk.written.contains_key(&Key::Transaction("x".into())));
    assert_eq!(desk.add(producer, 0), Err(ResponseError::InvalidProducerIdMapping));
    assert_eq!(desk.init(), Ok(at(1, 0)), "begins anew, with another producer id");
}

#[test]
fn what_is_being_ended_is_not_forgotten() {
    let mut desk = Desk::new();
    let producer = desk.init().unwrap();
    desk.add(producer, 0).unwrap();
    desk.end(producer, true);
    desk.pass(2 * Settings::default().id_expiration);
    assert_eq!(desk.state(), Some(State::PrepareCommit));
}
