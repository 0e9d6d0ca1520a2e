//! Transactions as producers see them, without a clock.

use super::*;

fn begun() -> (Transaction, Claim) {
    let mut transaction = Transaction::new(7, 5_000, 0);
    let Ok(Init::Is(claim)) = transaction.init(None, 5_000, None, 0) else { panic!("refused") };
    (transaction, claim)
}

fn ongoing() -> (Transaction, Claim) {
    let (mut transaction, claim) = begun();
    assert_eq!(transaction.add_partitions(claim, [("t".to_owned(), 0)], 10), Ok(true));
    (transaction, claim)
}

#[test]
fn a_first_producer_has_epoch_zero_and_the_next_fences_it() {
    let (mut transaction, first) = begun();
    assert_eq!(first, Claim { producer: 7, epoch: 0 });
    let second = transaction.init(None, 5_000, None, 0);
    assert_eq!(second, Ok(Init::Is(Claim { producer: 7, epoch: 1 })));
    assert_eq!(transaction.check(first), Err(ResponseError::ProducerFenced));
}

#[test]
fn a_repeated_bump_gets_the_same_answer_and_a_stale_one_none() {
    let (mut transaction, first) = begun();
    let second = transaction.init(Some(first), 5_000, None, 0).unwrap();
    assert_eq!(transaction.init(Some(first), 5_000, None, 0), Ok(second));
    let Init::Is(claim) = second else { panic!("{second:?}") };
    transaction.init(Some(claim), 5_000, None, 0).unwrap();
    assert_eq!(transaction.init(Some(first), 5_000, None, 0), Err(ResponseError::ProducerFenced));
}

#[test]
fn who_begins_while_a_transaction_is_open_aborts_it_first() {
    let (mut transaction, old) = ongoing();
    assert_eq!(transaction.init(None, 5_000, None, 0), Ok(Init::AbortFirst));
    transaction.fence(20);
    assert_eq!(transaction.is_prepared(), Some(false));
    assert_eq!(transaction.init(None, 1, None, 0), Err(ResponseError::ConcurrentTransactions));
    transaction.complete(20);
    assert!(matches!(transaction.init(None, 5_000, None, 0), Ok(Init::Is(_))));
    assert_eq!(transaction.prepare(old, true, 30), Err(ResponseError::ProducerFenced));
}

#[test]
fn used_up_epochs_need_a_new_id() {
    let (mut transaction, _) = begun();
    transaction.epoch = i16::MAX - 1;
    assert_eq!(transaction.init(None, 5_000, None, 0), Ok(Init::NeedsId));
    let new = transaction.init(None, 5_000, Some(8), 0);
    assert_eq!(new, Ok(Init::Is(Claim { producer: 8, epoch: 0 })));
}

#[test]
fn only_what_was_added_is_in_it() {
    let (transaction, claim) = ongoing();
    assert_eq!(transaction.holds(claim, Holds::Partition("t", 0)), Ok(()));
    let other = transaction.holds(claim, Holds::Partition("t", 1));
    assert_eq!(other, Err(ResponseError::InvalidTxnState));
    assert_eq!(transaction.holds(claim, Holds::Group("g")), Err(ResponseError::InvalidTxnState));
    let old = Claim { epoch: -1, ..claim };
    let fenced = transaction.holds(old, Holds::Partition("t", 0));
    assert_eq!(fenced, Err(ResponseError::InvalidProducerEpoch));
}

#[test]
fn an_end_is_final_and_can_be_asked_for_twice() {
    for (commit, other) in [(true, false), (false, true)] {
        let (mut transaction, claim) = ongoing();
        assert_eq!(transaction.prepare(claim, commit, 20), Ok(true));
        let again = transaction.prepare(claim, commit, 20);
        assert_eq!(again, Err(ResponseError::ConcurrentTransactions));
        let opposite = transaction.prepare(claim, other, 20);
        assert_eq!(opposite, Err(ResponseError::InvalidTxnState));
        let more = transaction.add_partitions(claim, [("t".to_owned(), 1)], 20);
        assert_eq!(more, Err(ResponseError::ConcurrentTransactions));
        transaction.complete(30);
        assert_eq!(transaction.prepare(claim, commit, 40), Ok(false));
        let opposite = transaction.prepare(claim, other, 40);
        assert_eq!(opposite, Err(ResponseError::InvalidTxnState));
        assert_eq!(transaction.add_partitions(claim, [("t".to_owned(), 1)], 50), Ok(true));
        assert_eq!(transaction.times_out(), Some(5_050));
    }
}

#[test]
fn nothing_begun_cannot_end() {
    let (mut transaction, claim) = begun();
    assert_eq!(transaction.prepare(claim, true, 1), Err(ResponseError::InvalidTxnState));
    assert_eq!(transaction.times_out(), None);
}
