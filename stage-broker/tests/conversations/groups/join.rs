//! JoinGroup: who may join, who leads, and what is agreed on.

use crate::ask::group::Member;
use crate::said::said;
use kafka_protocol::ResponseError::{
    InconsistentGroupProtocol, InvalidGroupId, InvalidSessionTimeout, MemberIdRequired,
    UnknownMemberId,
};

conversation!(an_old_client_joins_at_once, [2, 3], |k, v| {
    let member = Member::of(&k.group());
    let answer = k.ask(v, &member.joining());
    assert_eq!((said(answer.error_code), answer.generation_id), (Ok(()), 1));
    assert_eq!(answer.leader, answer.member_id);
    assert_eq!(answer.protocol_name.as_deref(), Some("range"));
    assert_eq!(answer.members[0].metadata, member.metadata);
});

conversation!(a_new_client_is_given_an_id_first, [4, 5, 7, 9], |k, v| {
    let member = Member::of(&k.group());
    let answer = k.ask(v, &member.joining());
    assert_eq!((said(answer.error_code), answer.generation_id), (Err(MemberIdRequired), -1));
    let member = member.with_id(&answer.member_id);
    let joined = k.ask(v, &member.joining());
    assert_eq!((said(joined.error_code), joined.generation_id), (Ok(()), 1));
    assert_eq!(joined.member_id, answer.member_id);
    assert_eq!(joined.leader, answer.member_id);
    assert_eq!(joined.members.len(), 1);
});

conversation!(an_id_begins_with_the_clients_name, |k| {
    let member = Member::of(&k.group());
    let answer = k.ask(5, &member.joining());
    assert!(answer.member_id.starts_with("conversation-"), "{}", answer.member_id);
});

conversation!(the_kind_of_group_is_answered, [7, 9], |k, v| {
    let member = Member::of(&k.group()).named("instance");
    let answer = k.ask(v, &member.joining());
    assert_eq!(answer.protocol_type.as_deref(), Some("consumer"));
    assert!(!answer.skip_assignment);
});

conversation!(an_unknown_member_cannot_join, [2, 5, 9], |k, v| {
    let member = Member::of(&k.group()).with_id("nobody");
    let answer = k.ask(v, &member.joining());
    assert_eq!((said(answer.error_code), answer.generation_id), (Err(UnknownMemberId), -1));
    let member = Member { group: k.member().group, ..member };
    assert_eq!(said(k.ask(v, &member.joining()).error_code), Err(UnknownMemberId));
});

conversation!(a_group_has_a_name, [2, 5, 9], |k, v| {
    k.group();
    let answer = k.ask(v, &Member::of("").joining());
    assert_eq!(said(answer.error_code), Err(InvalidGroupId));
});

conversation!(a_session_may_be_too_short_or_too_long, [2, 5, 9], |k, v| {
    let member = Member::of(&k.group());
    for session in [1, 3_600_000] {
        let answer = k.ask(v, &member.clone().patient(session, 30_000).joining());
        assert_eq!(said(answer.error_code), Err(InvalidSessionTimeout));
    }
});

conversation!(without_protocols_there_is_no_agreement, [2, 5, 9], |k, v| {
    let member = Member::of(&k.group());
    let answer = k.ask(v, &member.clone().speaking(&[]).joining());
    assert_eq!(said(answer.error_code), Err(InconsistentGroupProtocol));
    let answer = k.ask(v, &Member { kind: "", ..member }.joining());
    assert_eq!(said(answer.error_code), Err(InconsistentGroupProtocol));
});

conversation!(a_member_without_a_common_protocol_is_refused, [2, 5, 9], |k, v| {
    let first = k.member();
    let other = Member::of(&first.group).speaking(&["cooperative-sticky"]);
    let answer = k.ask(v, &other.joining());
    assert_eq!(said(answer.error_code), Err(InconsistentGroupProtocol));
    assert_eq!(k.heartbeat(3, &first), Ok(()));
});

conversation!(a_member_of_another_kind_is_refused, [2, 5, 9], |k, v| {
    let first = k.member();
    let other = Member { kind: "connect", ..Member::of(&first.group) };
    let answer = k.ask(v, &other.joining());
    assert_eq!(said(answer.error_code), Err(InconsistentGroupProtocol));
});

conversation!(the_first_member_leads, |k| {
    let group = k.group();
    let [(_, first), (_, second)] = k.pair(Member::of(&group), Member::of(&group));
    let described = k.describe_group(&group);
    assert_eq!(&*described.group_state, "Stable");
    assert_eq!(described.members.len(), 2);
    assert_ne!(first.id, second.id);
    assert_eq!((first.generation, second.generation), (2, 2));
});

conversation!(only_the_leader_is_told_of_the_members, |k| {
    let group = k.group();
    let (mut one, mut other) = (k.line(), k.line());
    let (mut leader, mut follower) = (Member::of(&group), Member::of(&group));
    one.enter(&mut leader);
    let joining = other.start_joining(&mut follower);
    one.until_rebalance(&leader);
    let led = one.join(&mut leader);
    let followed = other.finish_joining(&mut follower, joining);
    assert_eq!((led.members.len(), followed.members.len()), (2, 0));
    assert_eq!((&*led.leader, &*followed.leader), (&*leader.id, &*leader.id));
});

conversation!(the_protocol_that_most_prefer_is_chosen, |k| {
    let group = k.group();
    let first = Member::of(&group).speaking(&["range", "roundrobin", "sticky"]);
    let second = Member::of(&group).speaking(&["sticky", "roundrobin"]);
    let third = Member::of(&group).speaking(&["sticky"]);
    let [(mut one, mut first), (mut two, mut second)] = k.pair(first, second);
    let mut third = third;
    let joining = k.start_joining(&mut third);
    one.until_rebalance(&first);
    let (again, also) = (one.start_joining(&mut first), two.start_joining(&mut second));
    let chosen = one.finish_joining(&mut first, again).protocol_name;
    assert_eq!(chosen.as_deref(), Some("sticky"));
    assert_eq!(two.finish_joining(&mut second, also).protocol_name, chosen);
    assert_eq!(k.finish_joining(&mut third, joining).protocol_name, chosen);
});

conversation!(a_follower_that_joins_again_unchanged_changes_nothing, [2, 5, 9], |k, v| {
    let group = k.group();
    let [_, (mut line, follower)] = k.pair(Member::of(&group), Member::of(&group));
    let answer = line.ask(v, &follower.joining());
    assert_eq!((said(answer.error_code), answer.generation_id), (Ok(()), follower.generation));
    assert_eq!(answer.members.len(), 0);
    k.until_group(&group, "Stable");
});

conversation!(a_follower_that_changes_its_mind_starts_a_rebalance, |k| {
    let group = k.group();
    let [(mut one, mut leader), (mut two, follower)] =
        k.pair(Member::of(&group), Member::of(&group));
    let mut follower = follower.noting("other");
    let joining = two.start_joining(&mut follower);
    one.until_rebalance(&leader);
    assert_eq!(one.join(&mut leader).generation_id, 3);
    assert_eq!(two.finish_joining(&mut follower, joining).generation_id, 3);
});

conversation!(a_leader_that_joins_again_starts_a_rebalance, [2, 5, 9], |k, v| {
    let member = k.member();
    let answer = k.ask(v, &member.joining());
    assert_eq!((said(answer.error_code), answer.generation_id), (Ok(()), 2));
});

conversation!(a_group_goes_on_where_it_was_left, |k| {
    let member = k.member();
    assert_eq!(k.leave(&member), Ok(()));
    let mut next = Member::of(&member.group);
    k.enter(&mut next);
    assert_eq!(next.generation, 3);
});
