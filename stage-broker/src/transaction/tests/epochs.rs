//! Producers that say who they were (KIP-360), and epochs that run out.

use super::*;

const LAST: i16 = i16::MAX - 1;

#[test]
fn a_producer_that_says_who_it_was_goes_on_with_the_next_epoch() {
    let mut desk = Desk::new();
    let first = desk.init().unwrap();
    assert_eq!(desk.init_as(first), Ok(at(0, 1)));
    assert_eq!(desk.init_as(at(0, 1)), Ok(at(0, 2)));
}

#[test]
fn asking_again_it_gets_the_same_answer() {
    let mut desk = Desk::new();
    let first = desk.init().unwrap();
    assert_eq!(desk.init_as(first), Ok(at(0, 1)));
    assert_eq!(desk.init_as(first), Ok(at(0, 1)));
    desk.restart();
    assert_eq!(desk.init_as(first), Ok(at(0, 1)), "also after a restart");
}

#[test]
fn it_is_fenced_if_another_came_meanwhile() {
    let mut desk = Desk::new();
    let first = desk.init().unwrap();
    desk.init_as(first).unwrap();
    let other = desk.init().unwrap();
    assert_eq!(desk.init_as(first), Err(ResponseError::ProducerFenced));
    assert_eq!(desk.init_as(at(0, 1)), Err(ResponseError::ProducerFenced));
    assert_eq!(desk.init_as(other), Ok(at(0, 3)));
}

#[test]
fn another_producer_id_is_fenced() {
    let mut desk = Desk::new();
    desk.init().unwrap();
    assert_eq!(desk.init_as(at(77, 0)), Err(ResponseError::ProducerFenced));
}

#[test]
fn where_nothing_is_known_any_producer_begins_anew() {
    let mut desk = Desk::new();
    assert_eq!(desk.init_as(at(77, 5)), Ok(at(0, 0)));
}

#[test]
fn after_the_last_epoch_comes_a_new_id() {
    let mut desk = Desk::new();
    desk.init().unwrap();
    desk.wear(LAST - 1);
    assert_eq!(desk.init(), Ok(at(0, LAST)));
    assert_eq!(desk.init(), Ok(at(1, 0)));
    assert_eq!(desk.add(at(0, LAST), 0), Err(ResponseError::InvalidProducerIdMapping));
}

#[test]
fn a_new_id_is_told_again_to_who_did_not_hear_it() {
    let mut desk = Desk::new();
    desk.init().unwrap();
    let worn = desk.wear(LAST);
    assert_eq!(desk.init_as(worn), Ok(at(1, 0)));
    assert_eq!(desk.init_as(worn), Ok(at(1, 0)));
    desk.restart();
    assert_eq!(desk.init_as(worn), Ok(at(1, 0)));
    desk.init().unwrap();
    assert_eq!(desk.init_as(worn), Err(ResponseError::ProducerFenced), "unless another came");
}

#[test]
fn with_the_last_epoch_used_a_former_one_is_fenced() {
    let mut desk = Desk::new();
    desk.init().unwrap();
    desk.wear(LAST);
    assert_eq!(desk.init_as(at(0, 7)), Err(ResponseError::ProducerFenced));
}

#[test]
fn the_owner_of_the_last_epoch_can_still_be_fenced() {
    let mut desk = Desk::new();
    desk.init().unwrap();
    let worn = desk.wear(LAST);
    desk.add(worn, 0).unwrap();
    assert_eq!(desk.init(), Err(ResponseError::ConcurrentTransactions));
    assert_eq!(desk.markers[0].producer, at(0, i16::MAX));
    desk.mark();
    assert_eq!(desk.init(), Ok(at(1, 0)));
}

#[test]
fn who_was_fenced_by_us_goes_on_with_the_epoch_that_fenced_it() {
    for by_another in [true, false] {
        let mut desk = Desk::new();
        let producer = desk.init().unwrap();
        desk.add(producer, 0).unwrap();
        let concurrent = Err(ResponseError::ConcurrentTransactions);
        match by_another {
            true => assert_eq!(desk.init(), concurrent),
            false => desk.pass(TIMEOUT + 1),
        }
        assert_eq!(desk.init_as(producer), concurrent);
        desk.mark();
        assert_eq!(desk.init_as(producer), Ok(at(0, 1)));
        assert_eq!(desk.init_as(producer), Ok(at(0, 1)), "asked again");
        desk.whole(at(0, 1), true);
        assert_eq!(desk.init(), Ok(at(0, 2)));
        assert_eq!(desk.init_as(producer), Err(ResponseError::ProducerFenced));
    }
}

#[test]
fn but_not_if_another_began_meanwhile() {
    let mut desk = Desk::new();
    let producer = desk.init().unwrap();
    desk.add(producer, 0).unwrap();
    desk.init().unwrap_err();
    desk.mark();
    assert_eq!(desk.init(), Ok(at(0, 2)));
    assert_eq!(desk.init_as(producer), Err(ResponseError::ProducerFenced));
}

#[test]
fn a_former_epoch_aborts_what_is_open_but_gets_nothing_as_in_kafka() {
    let mut desk = Desk::new();
    let former = desk.init().unwrap();
    let present = desk.init().unwrap();
    desk.add(present, 0).unwrap();
    assert_eq!(desk.init_as(former), Err(ResponseError::ConcurrentTransactions));
    desk.mark();
    assert_eq!(desk.init_as(former), Err(ResponseError::ProducerFenced));
    assert_eq!(desk.init_as(present), Ok(at(0, 2)));
}

#[test]
fn the_very_last_epoch_is_never_given_out() {
    let mut desk = Desk::new();
    desk.init().unwrap();
    let worn = desk.wear(LAST);
    desk.add(worn, 0).unwrap();
    desk.pass(TIMEOUT + 1);
    desk.mark();
    assert_eq!(desk.init_as(worn), Ok(at(1, 0)));
    assert_eq!(desk.init_as(worn), Ok(at(1, 0)), "asked again");
}

#[test]
fn with_a_new_id_former_epochs_of_the_old_one_are_fenced() {
    let mut desk = Desk::new();
    desk.init().unwrap();
    let worn = desk.wear(LAST);
    assert_eq!(desk.init_as(worn), Ok(at(1, 0)));
    assert_eq!(
        desk.init_as(at(0, 0)),
        Err(ResponseError::ProducerFenced),
        "though epoch 0 is present"
    );
    assert_eq!(desk.init_as(at(1, 0)), Ok(at(1, 1)));
}

#[test]
fn a_new_id_is_nobodys_who_did_not_ask_for_it() {
    let mut desk = Desk::new();
    desk.init().unwrap();
    let worn = desk.wear(LAST);
    assert_eq!(desk.init(), Ok(at(1, 0)), "another producer");
    assert_eq!(desk.init_as(worn), Err(ResponseError::ProducerFenced));
}
