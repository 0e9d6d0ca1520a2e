//! InitProducerId: an id of one's own, and taking over from a former self.

use crate::ask::fetch::Fetch;
use crate::ask::transaction::{END, PRODUCE, init};
use crate::batch::Batch;
use crate::said::said;
use kafka_protocol::ResponseError::{
    InvalidProducerEpoch, InvalidProducerIdMapping, InvalidRequest, InvalidTransactionTimeout,
    ProducerFenced,
};

const VERSIONS: [i16; 4] = [0, 2, 4, 5];

conversation!(each_producer_has_its_own_id, VERSIONS, |k, v| {
    let (one, other) = (k.init(v, &init(None, 0)), k.init(v, &init(None, 0)));
    let (one, other) = (one.expect("an id"), other.expect("an id"));
    assert_ne!(one.id, other.id);
    assert_eq!((one.epoch, other.epoch), (0, 0));
    assert!(one.id >= 0 && other.id >= 0);
});

conversation!(a_transactional_id_keeps_its_producer_id, VERSIONS, |k, v| {
    let transaction = k.transaction();
    assert_eq!(transaction.producer.epoch, 0);
    let again = k.init(v, &init(Some(&transaction.id), 60_000)).expect("a producer id");
    assert_eq!(again, transaction.producer.with_epoch(1));
});

conversation!(transactional_ids_have_their_own_producer_ids, |k| {
    assert_ne!(k.transaction().producer.id, k.transaction().producer.id);
});

conversation!(a_time_out_has_limits, VERSIONS, |k, v| {
    let id = k.transaction().id;
    for timeout in [0, -1, 3_600_000] {
        let answer = k.init(v, &init(Some(&id), timeout));
        assert_eq!(answer, Err(InvalidTransactionTimeout), "{timeout}");
    }
});

conversation!(a_transactional_id_is_not_empty, VERSIONS, |k, v| {
    assert_eq!(k.init(v, &init(Some(""), 60_000)), Err(InvalidRequest));
});

conversation!(a_takeover_fences_the_former_self, VERSIONS, |k, v| {
    let (topic, former) = (k.topic(1), k.transaction());
    k.write(&former, &topic, 0, &["a"]);
    k.finish(&former, true);
    let next = k.init(v, &init(Some(&former.id), 60_000)).expect("a producer id");
    assert_eq!(next.id, former.producer.id);
    assert!(next.epoch > former.producer.epoch);
    assert_eq!(k.add(3, &former, &topic), Err(ProducerFenced));
    assert_eq!(k.add(1, &former, &topic), Err(InvalidProducerEpoch));
    assert_eq!(k.end(END, &former, true), Err(ProducerFenced));
});

conversation!(a_takeover_aborts_what_is_open, VERSIONS, |k, v| {
    let topic = k.topic(1);
    let (former, _) = k.open(&topic, &["a"]);
    let next = k.init(v, &init(Some(&former.id), 60_000)).expect("a producer id");
    assert_eq!(next, former.producer.with_epoch(2));
    let fetch = Fetch::from(&topic, 0).committed();
    let read = k.fetch(12, &fetch).expect("a fetch");
    assert_eq!(read.aborted, [(former.producer.id, 0)]);
    assert_eq!((read.markers(), read.last_stable), (vec![false], 2));
    let late = Batch::of(&["late"]).within(former.producer, 1);
    let late = k.produce_in(PRODUCE, &former.id, &topic, late);
    assert_eq!(late, Err(InvalidProducerEpoch));
});

conversation!(a_producer_bumps_its_own_epoch, [3, 4, 5], |k, v| {
    let transaction = k.transaction();
    let request = init(Some(&transaction.id), 60_000)
        .with_producer_id(transaction.producer.id.into())
        .with_producer_epoch(transaction.producer.epoch);
    assert_eq!(k.init(v, &request), Ok(transaction.producer.with_epoch(1)));
});

conversation!(a_bump_can_be_repeated, [3, 4, 5], |k, v| {
    let transaction = k.transaction();
    let request = init(Some(&transaction.id), 60_000)
        .with_producer_id(transaction.producer.id.into())
        .with_producer_epoch(transaction.producer.epoch);
    assert_eq!(k.init(v, &request), Ok(transaction.producer.with_epoch(1)));
    assert_eq!(k.init(v, &request), Ok(transaction.producer.with_epoch(1)));
});

conversation!(a_bump_from_an_older_epoch_is_fenced, [3, 4, 5], |k, v| {
    let transaction = k.transaction();
    k.takeover(&transaction);
    k.takeover(&transaction);
    let request = init(Some(&transaction.id), 60_000)
        .with_producer_id(transaction.producer.id.into())
        .with_producer_epoch(transaction.producer.epoch);
    let wanted = if v >= 4 { ProducerFenced } else { InvalidProducerEpoch };
    assert_eq!(k.init(v, &request), Err(wanted));
});

conversation!(a_bump_by_another_producer_is_refused, [3, 4, 5], |k, v| {
    let (transaction, stranger) = (k.transaction(), k.producer());
    let request = init(Some(&transaction.id), 60_000)
        .with_producer_id(stranger.id.into())
        .with_producer_epoch(stranger.epoch);
    let answer = k.ask(v, &request);
    let wanted = if v >= 4 { ProducerFenced } else { InvalidProducerEpoch };
    assert_eq!(said(answer.error_code), Err(wanted));
});

conversation!(a_bump_aborts_what_is_open, [3, 4, 5], |k, v| {
    let topic = k.topic(1);
    let (transaction, _) = k.open(&topic, &["a"]);
    let request = init(Some(&transaction.id), 60_000)
        .with_producer_id(transaction.producer.id.into())
        .with_producer_epoch(transaction.producer.epoch);
    let next = k.init(v, &request).expect("a producer id");
    assert_eq!(next, transaction.producer.with_epoch(1));
    k.until_state(&transaction.id, "Empty");
    let fetch = Fetch::from(&topic, 0).committed();
    assert_eq!(k.fetch(12, &fetch).expect("a fetch").aborted, [(next.id, 0)]);
});

conversation!(half_an_identity_is_refused, [3, 4, 5], |k, v| {
    let transaction = k.transaction();
    let request = init(Some(&transaction.id), 60_000);
    let id_only = request.clone().with_producer_id(transaction.producer.id.into());
    assert_eq!(k.init(v, &id_only), Err(InvalidRequest));
    let epoch_only = request.with_producer_epoch(0);
    assert_eq!(k.init(v, &epoch_only), Err(InvalidRequest));
});

conversation!(an_unknown_transactional_id_is_no_producer, |k| {
    let (transaction, topic) = (k.transaction(), k.topic(1));
    let stranger = crate::ask::transaction::Transaction {
        id: k.name("transaction"),
        producer: transaction.producer,
    };
    assert_eq!(k.add(3, &stranger, &topic), Err(InvalidProducerIdMapping));
    assert_eq!(k.end(END, &stranger, true), Err(InvalidProducerIdMapping));
});
