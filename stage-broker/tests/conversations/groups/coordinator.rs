//! FindCoordinator: of a group, of a transactional id, of several at once.

use crate::ask::topic::metadata;
use crate::said::{said, text};
use crate::talk::until;
use kafka_protocol::ResponseError::InvalidRequest;
use kafka_protocol::messages::FindCoordinatorRequest;

const GROUP: i8 = 0;
const TRANSACTION: i8 = 1;

conversation!(a_group_has_a_coordinator, [0, 1, 3], |k, v| {
    let request = FindCoordinatorRequest::default().with_key(text(&k.group()));
    let answer = k.ask(v, &request);
    assert_eq!(said(answer.error_code), Ok(()));
    let brokers = k.ask(1, &metadata(&[])).brokers;
    let found = (answer.node_id, answer.host, answer.port);
    assert_eq!(found, (brokers[0].node_id, brokers[0].host.clone(), brokers[0].port));
});

conversation!(a_transaction_has_a_coordinator, [1, 2, 3], |k, v| {
    let id = k.transaction().id;
    let request = FindCoordinatorRequest::default().with_key(text(&id));
    let answer = k.ask(v, &request.with_key_type(TRANSACTION));
    assert_eq!(said(answer.error_code), Ok(()));
    assert!(answer.port > 0);
});

conversation!(several_coordinators_are_found_at_once, [4, 5], |k, v| {
    let names = [k.group(), k.group(), k.name("group")];
    let keys = names.iter().map(|name| text(name)).collect();
    let request = FindCoordinatorRequest::default().with_coordinator_keys(keys);
    let answer = until("coordinators", || {
        let answer = k.ask(v, &request);
        answer.coordinators.iter().all(|c| c.error_code == 0).then_some(answer)
    });
    let found: Vec<_> = answer.coordinators.iter().map(|c| c.key.to_string()).collect();
    assert_eq!(found, names);
    assert!(answer.coordinators.iter().all(|c| c.node_id.0 >= 0 && c.port > 0));
});

conversation!(no_keys_have_no_coordinators, [4, 5], |k, v| {
    let answer = k.ask(v, &FindCoordinatorRequest::default().with_key_type(GROUP));
    assert_eq!((answer.error_code, answer.coordinators.len()), (0, 0));
});

conversation!(an_unknown_kind_of_key_is_refused, [1, 3], |k, v| {
    let request = FindCoordinatorRequest::default().with_key(text("key")).with_key_type(9);
    assert_eq!(said(k.ask(v, &request).error_code), Err(InvalidRequest));
});

conversation!(an_empty_transactional_id_has_a_coordinator, |k| {
    let answer = until("a coordinator", || {
        let answer = k.coordinator("", TRANSACTION);
        (answer.error_code != 15).then_some(answer)
    });
    assert_eq!(said(answer.error_code), Ok(()));
});

conversation!(an_empty_group_has_a_coordinator, |k| {
    k.group();
    assert_eq!(said(k.coordinator("", GROUP).error_code), Ok(()));
});
