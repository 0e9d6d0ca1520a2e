//! Heartbeat: how a member learns where its group is.

use crate::ask::group::Member;
use kafka_protocol::ResponseError::{IllegalGeneration, RebalanceInProgress, UnknownMemberId};

const VERSIONS: [i16; 3] = [0, 3, 4];

conversation!(a_member_is_alive, VERSIONS, |k, v| {
    let member = k.member();
    assert_eq!(k.heartbeat(v, &member), Ok(()));
});

conversation!(an_unknown_member_is_not, VERSIONS, |k, v| {
    let member = k.member();
    assert_eq!(k.heartbeat(v, &member.clone().with_id("nobody")), Err(UnknownMemberId));
    let elsewhere = Member { group: k.name("group"), ..member };
    assert_eq!(k.heartbeat(v, &elsewhere), Err(UnknownMemberId));
});

conversation!(another_generation_is_illegal, VERSIONS, |k, v| {
    let member = k.member();
    for generation in [-1, 0, 2] {
        let member = member.clone().in_generation(generation);
        assert_eq!(k.heartbeat(v, &member), Err(IllegalGeneration));
    }
});

conversation!(a_rebalance_shows, VERSIONS, |k, v| {
    let member = k.member();
    let mut other = k.line();
    other.start_joining(&mut Member::of(&member.group));
    k.until_rebalance(&member);
    assert_eq!(k.heartbeat(v, &member), Err(RebalanceInProgress));
    k.until_group(&member.group, "PreparingRebalance");
});

conversation!(between_join_and_sync_all_is_well, VERSIONS, |k, v| {
    let mut member = Member::of(&k.group());
    k.join(&mut member);
    k.until_group(&member.group, "CompletingRebalance");
    assert_eq!(k.heartbeat(v, &member), Ok(()));
});

conversation!(who_has_an_id_and_did_not_join_is_unknown, VERSIONS, |k, v| {
    let mut member = Member::of(&k.group());
    member.id = k.ask(5, &member.joining()).member_id.to_string();
    assert_eq!(k.heartbeat(v, &member), Err(UnknownMemberId));
});
