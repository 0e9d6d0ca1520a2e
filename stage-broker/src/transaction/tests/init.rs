//! Producers begin.

use super::*;

#[test]
fn a_producer_that_is_only_idempotent_gets_a_new_id_each_time() {
    let mut desk = Desk::new();
    let init = Init { transactional_id: None, timeout: -1, producer: Producer::NONE };
    for id in 0..2_500 {
        let step = desk.transactions.init(desk.now, &init);
        assert_eq!(desk.follow(step), Ok(at(id, 0)));
    }
    assert!(desk.transactions.all.is_empty());
    desk.restart();
    let step = desk.transactions.init(desk.now, &init);
    let Ok(Producer { id, .. }) = desk.follow(step) else { panic!() };
    assert!((2_500..=3_000).contains(&id), "never one that was given out: {id}");
}

#[test]
fn a_new_transactional_id_begins_with_epoch_0() {
    let mut desk = Desk::new();
    assert_eq!(desk.init(), Ok(at(0, 0)));
    assert_eq!(desk.state(), Some(State::Empty));
}

#[test]
fn the_next_one_fences_it() {
    let mut desk = Desk::new();
    let old = desk.init().unwrap();
    let new = desk.init().unwrap();
    assert_eq!(new, at(old.id, 1));
    assert_eq!(desk.add(old, 0), Err(ResponseError::ProducerFenced));
    assert_eq!(desk.end(old, true), Some(Err(ResponseError::ProducerFenced)));
    assert_eq!(desk.add(new, 0), Ok(()));
}

#[test]
fn an_open_transaction_is_aborted_first() {
    let mut desk = Desk::new();
    let old = desk.init().unwrap();
    desk.add(old, 3).unwrap();
    desk.add_group(old, "g").unwrap();
    assert_eq!(desk.init(), Err(ResponseError::ConcurrentTransactions));
    let marker = WriteMarkers {
        transactional_id: "x".into(),
        producer: at(old.id, 1),
        number: 1,
        commit: false,
        partitions: vec![("t".into(), 3)],
        groups: vec!["g".into()],
    };
    assert_eq!(desk.markers, [marker], "in an epoch that fences the old producer");
    assert_eq!(desk.init(), Err(ResponseError::ConcurrentTransactions), "until it is written");
    assert_eq!(desk.markers.len(), 1, "once");
    desk.mark();
    assert_eq!(desk.init(), Ok(at(old.id, 2)));
    assert_eq!(desk.end(old, true), Some(Err(ResponseError::ProducerFenced)));
}

#[test]
fn while_a_transaction_is_being_ended_it_waits() {
    for commit in [true, false] {
        let mut desk = Desk::new();
        let producer = desk.init().unwrap();
        desk.add(producer, 0).unwrap();
        desk.end(producer, commit);
        assert_eq!(desk.init(), Err(ResponseError::ConcurrentTransactions));
        desk.mark();
        assert_eq!(desk.init(), Ok(at(producer.id, 1)));
    }
}

#[test]
fn timeouts_have_limits() {
    let mut desk = Desk::new();
    for (timeout, fits) in [(0, false), (-1, false), (900_001, false), (1, true), (900_000, true)] {
        let init = Init { transactional_id: Some("x"), timeout, producer: Producer::NONE };
        let step = desk.transactions.init(desk.now, &init);
        let result = desk.follow(step);
        assert_eq!(result == Err(ResponseError::InvalidTransactionTimeout), !fits, "{timeout}");
    }
}

#[test]
fn an_empty_transactional_id_and_half_a_producer_are_no_requests() {
    let mut desk = Desk::new();
    let init = Init { transactional_id: Some(""), timeout: 1, producer: Producer::NONE };
    let step = desk.transactions.init(desk.now, &init);
    assert_eq!(desk.follow(step), Err(ResponseError::InvalidRequest));
    assert_eq!(desk.init_as(at(5, -1)), Err(ResponseError::InvalidRequest));
    assert_eq!(desk.init_as(at(-1, 5)), Err(ResponseError::InvalidRequest));
    assert_eq!(desk.add(Producer::NONE, 0), Err(ResponseError::InvalidProducerIdMapping));
}

#[test]
fn its_answer_follows_its_record() {
    let mut desk = Desk::new();
    let init = Init { transactional_id: Some("x"), timeout: 1, producer: Producer::NONE };
    let step = desk.transactions.init(desk.now, &init);
    let keys: Vec<&Key> = step.records.iter().map(|record| &record.key).collect();
    assert_eq!(keys, [&Key::ProducerIds, &Key::Transaction("x".into())]);
}
