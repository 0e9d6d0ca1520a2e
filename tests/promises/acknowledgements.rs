//! An acknowledgement that is lost on its way, and the window goes again: what then?

use crate::rig::broker;
use crate::rig::chain::{Chain, in_doubt};
use crate::rig::judge::{Judge, exactly_once};
use crate::rig::orders::Orders;
use crate::rig::proxy::Proxy;
use crate::rig::until;
use rdkafka::ClientConfig;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(30);

#[test]
fn a_window_whose_acknowledgement_is_lost_goes_again_and_arrives() {
    let mut chain = Chain::new(&broker::shared(), &["in", "out"], &["sauce"], "");
    let direct = chain.brokers.clone();
    let way = Proxy::start(&direct);
    chain.brokers = way.address.clone();
    let mut stage = chain.start("sauce", 0);
    let mut orders = Orders::new(&direct, chain.first(), 1);
    let mut out = Judge::of(&direct, chain.last());
    // Numbers have been used when it happens.
    orders.write(1);
    out.expect(1, LIMIT);
    way.loses_acknowledgements(true);
    orders.write(1);
    let mut all = Judge::of_aborted_too(&direct, chain.last());
    until("the second arrives", LIMIT, || (all.look(Duration::from_millis(50)) == 2).then_some(()));
    let open = || in_doubt(&direct, chain.last());
    until("its window is aborted", LIMIT, || (open() == 0).then_some(()));
    way.loses_acknowledgements(false);
    orders.write(20);
    exactly_once("the output", out.expect(orders.total(), LIMIT), &orders.written);
    assert!(stage.stop(Duration::from_secs(10)).success(), "{}", stage.log.display());
}

/// Why a stage takes a new producer where an abort purged a message. Should this fail one day, librdkafka no
/// longer gives the number of such a message to the next one, and `Producer` need not know of it.
#[test]
fn librdkafka_alone_loses_what_follows_a_purge() {
    let chain = Chain::new(&broker::shared(), &["out", "unused"], &["sauce"], "");
    let way = Proxy::start(&chain.brokers);
    let producer: ThreadedProducer<DefaultProducerContext> = ClientConfig::new()
        .set("bootstrap.servers", &way.address)
        .set("transactional.id", &chain.name)
        .create()
        .unwrap();
    producer.init_transactions(LIMIT).unwrap();
    let send = |value: &str| {
        producer.begin_transaction().unwrap();
        producer
            .send(BaseRecord::<(), str>::to(chain.first()).partition(0).payload(value))
            .unwrap();
    };
    send("first");
    producer.commit_transaction(LIMIT).unwrap();
    way.loses_acknowledgements(true);
    send("second");
    until("it has arrived and was sent again", LIMIT, || (way.lost() > 1).then_some(()));
    producer.abort_transaction(LIMIT).unwrap();
    way.loses_acknowledgements(false);
    send("third");
    producer.commit_transaction(LIMIT).expect("it is acknowledged");
    let mut out = Judge::of(&chain.brokers, chain.first());
    out.expect(1, LIMIT);
    let values: Vec<&[u8]> = out.seen.iter().filter_map(|seen| seen.value.as_deref()).collect();
    assert_eq!(values, [b"first"], "and is nowhere");
}
