//! Transactions described and listed.

use super::*;

fn three() -> Desk {
    let mut desk = Desk::new();
    for id in ["a", "b", "c"] {
        let init = Init { transactional_id: Some(id), timeout: TIMEOUT, producer: Producer::NONE };
        let step = desk.transactions.init(desk.now, &init);
        let producer = desk.follow(step).unwrap();
        if id != "a" {
            let step = desk.transactions.add_partitions(desk.now, id, producer, &[("t", 0)]);
            desk.follow(step).unwrap();
        }
        desk.now += 1_000;
    }
    desk
}

fn names(desk: &Desk, filter: Filter<'_>) -> Vec<String> {
    let listing = desk.transactions.list(desk.now, &filter);
    listing.transactions.into_iter().map(|listed| listed.transactional_id).collect()
}

#[test]
fn they_are_listed_by_state_producer_and_age() {
    let desk = three();
    let all = Filter::default();
    assert_eq!(names(&desk, all), ["a", "b", "c"]);
    assert_eq!(names(&desk, Filter { states: &["Ongoing"], ..all }), ["b", "c"]);
    assert_eq!(names(&desk, Filter { states: &["Empty", "Ongoing"], ..all }), ["a", "b", "c"]);
    assert_eq!(names(&desk, Filter { producer_ids: &[1, 7], ..all }), ["b"]);
    assert_eq!(names(&desk, Filter { longer_than: Some(-1), ..all }), ["a", "b", "c"]);
    let long = Filter { states: &["Ongoing"], longer_than: Some(1_000), ..all };
    assert_eq!(names(&desk, long), ["b"]);
}

#[test]
fn a_state_that_does_not_exist_is_named() {
    let desk = three();
    let filter = Filter { states: &["Ongoing", "ongoing", "Lost"], ..Filter::default() };
    let listing = desk.transactions.list(desk.now, &filter);
    assert_eq!(listing.unknown_states, ["ongoing", "Lost"]);
    assert_eq!(listing.transactions.len(), 2);
    let none = Filter { states: &["Lost"], ..Filter::default() };
    assert!(names(&desk, none).is_empty());
}

#[test]
fn a_transaction_shows_all() {
    let mut desk = Desk::new();
    let producer = desk.init().unwrap();
    desk.add(producer, 3).unwrap();
    desk.add_group(producer, "g").unwrap();
    let transaction = desk.transactions.describe("x").unwrap();
    assert_eq!((transaction.producer, transaction.timeout), (producer, TIMEOUT));
    assert_eq!((transaction.state.name(), transaction.started), ("Ongoing", desk.now));
    assert!(transaction.partitions.contains(&("t".into(), 3)));
    assert!(transaction.groups.contains("g"));
    let unknown = desk.transactions.describe("y");
    assert_eq!(unknown, Err(ResponseError::TransactionalIdNotFound));
    assert_eq!(desk.transactions.describe(""), Err(ResponseError::InvalidRequest));
}
