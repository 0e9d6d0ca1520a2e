//! Records that could not be written.

use super::*;

const ERROR: ResponseError = ResponseError::CoordinatorNotAvailable;

#[test]
fn a_decision_that_was_not_written_was_not_made() {
    let mut desk = Desk::new();
    let producer = desk.init().unwrap();
    desk.add(producer, 0).unwrap();
    let step = desk.transactions.end(desk.now, 1, "x", producer, true);
    let refused = desk.transactions.not_written(desk.now, step, ERROR);
    assert_eq!(refused, [(1, Err(ERROR))]);
    assert_eq!(desk.state(), Some(State::Ongoing));
    assert_eq!(desk.end(producer, false), None, "it may still decide otherwise");
    desk.mark();
    assert_eq!(desk.state(), Some(State::CompleteAbort));
}

#[test]
fn a_completion_that_was_not_written_is_said_again() {
    let mut desk = Desk::new();
    let producer = desk.init().unwrap();
    desk.add(producer, 0).unwrap();
    desk.end(producer, true);
    let step = desk.transactions.markers_written(desk.now, &desk.markers[0]);
    let refused = desk.transactions.not_written(desk.now, step, ERROR);
    assert_eq!(refused, [(desk.tokens, Err(ERROR))]);
    assert_eq!(desk.state(), Some(State::PrepareCommit));
    assert_eq!(desk.transactions.unfinished().count(), 1);
    desk.mark();
    assert_eq!(desk.end(producer, true), Some(Ok(producer)));
}

#[test]
fn a_new_producer_that_was_not_written_never_was() {
    let mut desk = Desk::new();
    let init = Init { transactional_id: Some("x"), timeout: 1, producer: Producer::NONE };
    let step = desk.transactions.init(desk.now, &init);
    assert!(desk.transactions.not_written(desk.now, step, ERROR).is_empty());
    assert_eq!((desk.state(), desk.written.len()), (None, 0));
    let first = desk.init().unwrap();
    assert!(desk.written.contains_key(&Key::ProducerIds), "ids are reserved anew");
    let step = desk.transactions.init(desk.now, &init);
    assert!(desk.transactions.not_written(desk.now, step, ERROR).is_empty());
    assert_eq!(desk.add(first, 0), Ok(()), "nobody fenced it");
}

#[test]
fn an_abort_that_was_not_written_is_tried_again_a_little_later() {
    let mut desk = Desk::new();
    let producer = desk.init().unwrap();
    desk.add(producer, 0).unwrap();
    desk.now += TIMEOUT + 1;
    let step = desk.transactions.tick(desk.now);
    assert_eq!(step.markers.len(), 1);
    assert!(desk.transactions.not_written(desk.now, step, ERROR).is_empty());
    assert_eq!(desk.transactions.next_tick(), Some(desk.now + 1_000));
    desk.pass(1_000);
    assert_eq!(desk.state(), Some(State::PrepareAbort));
    assert_eq!(desk.markers[0].producer.epoch, 1, "fenced once");
}

#[test]
fn who_waits_for_markers_that_cannot_be_written_is_told_and_it_stays_decided() {
    let mut desk = Desk::new();
    let producer = desk.init().unwrap();
    desk.add(producer, 0).unwrap();
    assert_eq!(desk.end(producer, true), None);
    assert_eq!(desk.transactions.not_marked("x", ERROR), [(desk.tokens, Err(ERROR))]);
    assert!(desk.transactions.not_marked("x", ERROR).is_empty(), "told once");
    assert_eq!(desk.end(producer, true), Some(Err(ResponseError::ConcurrentTransactions)));
    desk.mark();
    assert_eq!(desk.state(), Some(State::CompleteCommit));
}
