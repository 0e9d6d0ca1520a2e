//! Transactions end.

use super::*;

#[test]
fn the_answer_waits_for_the_markers() {
    for commit in [true, false] {
        let mut desk = Desk::new();
        let producer = desk.init().unwrap();
        desk.add(producer, 3).unwrap();
        desk.add_group(producer, "g").unwrap();
        assert_eq!(desk.end(producer, commit), None);
        let marker = WriteMarkers {
            transactional_id: "x".into(),
            producer,
            number: 1,
            commit,
            partitions: vec![("t".into(), 3)],
            groups: vec!["g".into()],
        };
        assert_eq!(desk.markers, [marker]);
        desk.mark();
        assert_eq!(desk.answers[&desk.tokens], Ok(producer));
        let state = if commit { State::CompleteCommit } else { State::CompleteAbort };
        assert_eq!(desk.state(), Some(state));
    }
}

#[test]
fn asked_again_meanwhile_it_says_so_and_later_that_it_is_done() {
    for commit in [true, false] {
        let mut desk = Desk::new();
        let producer = desk.init().unwrap();
        desk.add(producer, 0).unwrap();
        desk.end(producer, commit);
        let first = desk.tokens;
        let concurrent = Some(Err(ResponseError::ConcurrentTransactions));
        assert_eq!(desk.end(producer, commit), concurrent);
        assert_eq!(desk.end(producer, !commit), Some(Err(ResponseError::InvalidTxnState)));
        assert_eq!(desk.markers.len(), 1);
        desk.mark();
        assert_eq!(desk.answers[&first], Ok(producer));
        assert_eq!(desk.end(producer, commit), Some(Ok(producer)));
        assert_eq!(desk.end(producer, !commit), Some(Err(ResponseError::InvalidTxnState)));
        assert!(desk.markers.is_empty());
    }
}

#[test]
fn where_nothing_began_nothing_ends() {
    let mut desk = Desk::new();
    assert_eq!(desk.end(at(0, 0), true), Some(Err(ResponseError::InvalidProducerIdMapping)));
    let producer = desk.init().unwrap();
    assert_eq!(desk.end(producer, true), Some(Err(ResponseError::InvalidTxnState)));
    assert_eq!(desk.end(producer, false), Some(Err(ResponseError::InvalidTxnState)));
}

#[test]
fn strangers_are_refused() {
    let mut desk = Desk::new();
    let producer = desk.init().unwrap();
    desk.add(producer, 0).unwrap();
    assert_eq!(desk.end(at(9, 0), true), Some(Err(ResponseError::InvalidProducerIdMapping)));
    assert_eq!(desk.end(at(0, 1), true), Some(Err(ResponseError::ProducerFenced)));
    let step = desk.transactions.end(desk.now, 99, "", producer, true);
    desk.follow(step);
    assert_eq!(desk.answers[&99], Err(ResponseError::InvalidRequest));
    assert_eq!(desk.state(), Some(State::Ongoing));
}

#[test]
fn one_after_the_other() {
    let mut desk = Desk::new();
    let producer = desk.init().unwrap();
    for commit in [true, false, false, true, true] {
        desk.whole(producer, commit);
    }
}

#[test]
fn markers_of_another_time_end_nothing() {
    let mut desk = Desk::new();
    let producer = desk.init().unwrap();
    desk.add(producer, 0).unwrap();
    desk.end(producer, true);
    let first = desk.markers[0].clone();
    for producer in [at(producer.id, 1), at(producer.id + 1, 0)] {
        let other = WriteMarkers { producer, ..first.clone() };
        let step = desk.transactions.markers_written(desk.now, &other);
        assert!(step.records.is_empty());
    }
    desk.mark();
    let step = desk.transactions.markers_written(desk.now, &first);
    assert!(step.records.is_empty() && step.answers.is_empty(), "said twice");
    desk.add(producer, 0).unwrap();
    let step = desk.transactions.markers_written(desk.now, &first);
    assert!(step.records.is_empty(), "it is not being ended");
    assert_eq!(desk.end(producer, true), None);
    let step = desk.transactions.markers_written(desk.now, &first);
    assert!(step.records.is_empty(), "that was the transaction before");
    let unknown = WriteMarkers { transactional_id: "nobody".into(), ..first };
    let step = desk.transactions.markers_written(desk.now, &unknown);
    assert!(step.records.is_empty());
}

#[test]
fn nobody_writes_markers_before_the_decision_is_written() {
    let mut desk = Desk::new();
    let producer = desk.init().unwrap();
    desk.add(producer, 0).unwrap();
    let step = desk.transactions.end(desk.now, 1, "x", producer, true);
    assert_eq!((step.records.len(), step.markers.len(), step.answers.len()), (1, 1, 0));
    let Some(Value::Transaction(written)) = &step.records[0].value else { panic!() };
    assert_eq!(written.state, State::PrepareCommit);
}
