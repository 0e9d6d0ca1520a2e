//! What survives `kill -9`.

use super::*;

#[test]
fn what_was_prepared_is_completed() {
    for commit in [true, false] {
        let mut desk = Desk::new();
        let producer = desk.init().unwrap();
        desk.add(producer, 0).unwrap();
        desk.add_group(producer, "g").unwrap();
        desk.end(producer, commit);
        let markers = desk.markers.clone();
        desk.restart();
        assert_eq!(desk.markers, markers);
        assert_eq!(desk.end(producer, commit), Some(Err(ResponseError::ConcurrentTransactions)));
        assert_eq!(desk.transactions.unfinished().collect::<Vec<_>>(), markers);
        desk.mark();
        assert_eq!(desk.end(producer, commit), Some(Ok(producer)));
        assert_eq!(desk.transactions.unfinished().next(), None);
        desk.restart();
        assert!(desk.markers.is_empty(), "once");
    }
}

#[test]
fn what_was_open_goes_on_and_takes_no_longer() {
    let mut desk = Desk::new();
    let producer = desk.init().unwrap();
    desk.add(producer, 0).unwrap();
    desk.pass(TIMEOUT / 2);
    desk.restart();
    assert_eq!(desk.add(producer, 1), Ok(()));
    desk.pass(TIMEOUT / 2 + 1);
    assert_eq!(desk.state(), Some(State::PrepareAbort));
    assert_eq!(desk.markers[0].partitions.len(), 2);
}

#[test]
fn what_took_too_long_meanwhile_is_aborted_at_once() {
    let mut desk = Desk::new();
    let producer = desk.init().unwrap();
    desk.add(producer, 0).unwrap();
    desk.now += 2 * TIMEOUT;
    desk.restart();
    assert!(desk.transactions.next_tick().unwrap() <= desk.now);
    desk.pass(0);
    assert_eq!(desk.state(), Some(State::PrepareAbort));
}

#[test]
fn fenced_is_fenced() {
    let mut desk = Desk::new();
    let old = desk.init().unwrap();
    let new = desk.init().unwrap();
    desk.restart();
    assert_eq!(desk.add(old, 0), Err(ResponseError::ProducerFenced));
    assert_eq!(desk.add(new, 0), Ok(()));
}

#[test]
fn no_id_is_given_out_twice_even_if_the_reservation_was_lost() {
    let mut desk = Desk::new();
    let old = desk.init().unwrap();
    desk.written.remove(&Key::ProducerIds);
    desk.restart();
    let init = Init { transactional_id: None, timeout: 0, producer: Producer::NONE };
    let step = desk.transactions.init(desk.now, &init);
    assert!(desk.follow(step).unwrap().id > old.id);
}
