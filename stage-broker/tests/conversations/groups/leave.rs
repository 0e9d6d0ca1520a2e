//! LeaveGroup: alone, several at once, by instance.

use crate::ask::group::Member;
use crate::said::{group_id, said, text};
use kafka_protocol::ResponseError::{FencedInstanceId, UnknownMemberId};
use kafka_protocol::messages::LeaveGroupRequest;
use kafka_protocol::messages::leave_group_request::MemberIdentity;

fn leaving(group: &str, members: &[(&str, Option<&str>)]) -> LeaveGroupRequest {
    let identity = |(id, instance): &(&str, Option<&str>)| {
        MemberIdentity::default()
            .with_member_id(text(id))
            .with_group_instance_id(instance.map(text))
    };
    let members = members.iter().map(identity).collect();
    LeaveGroupRequest::default().with_group_id(group_id(group)).with_members(members)
}

conversation!(a_member_leaves, [0, 1, 2], |k, v| {
    let member = k.member();
    let request = LeaveGroupRequest::default().with_group_id(group_id(&member.group));
    let request = request.with_member_id(text(&member.id));
    assert_eq!(said(k.ask(v, &request).error_code), Ok(()));
    k.until_group(&member.group, "Empty");
    assert_eq!(said(k.ask(v, &request).error_code), Err(UnknownMemberId));
});

conversation!(who_left_is_unknown, |k| {
    let member = k.member();
    assert_eq!(k.leave(&member), Ok(()));
    assert_eq!(k.heartbeat(3, &member), Err(UnknownMemberId));
    assert_eq!(k.sync(&member), Err(UnknownMemberId));
    assert_eq!(said(k.ask(5, &member.joining()).error_code), Err(UnknownMemberId));
});

conversation!(several_leave_at_once, [3, 4, 5], |k, v| {
    let group = k.group();
    let [(_, first), (_, second)] = k.pair(Member::of(&group), Member::of(&group));
    let members = [(&*first.id, None), ("nobody", None), (&*second.id, None)];
    let answer = k.ask(v, &leaving(&group, &members));
    assert_eq!(said(answer.error_code), Ok(()));
    let codes: Vec<_> = answer.members.iter().map(|m| said(m.error_code)).collect();
    assert_eq!(codes, [Ok(()), Err(UnknownMemberId), Ok(())]);
    k.until_group(&group, "Empty");
});

conversation!(nobody_leaves_an_unknown_group, [3, 5], |k, v| {
    let group = k.group();
    let answer = k.ask(v, &leaving(&group, &[("nobody", None)]));
    let code = answer.members.first().map_or(answer.error_code, |member| member.error_code);
    assert_eq!(said(code), Err(UnknownMemberId));
});

conversation!(an_instance_leaves_without_its_id, [3, 5], |k, v| {
    let mut member = Member::of(&k.group()).named("instance");
    k.enter(&mut member);
    let answer = k.ask(v, &leaving(&member.group, &[("", Some("instance"))]));
    assert_eq!(said(answer.members[0].error_code), Ok(()));
    assert_eq!(answer.members[0].group_instance_id.as_deref(), Some("instance"));
    k.until_group(&member.group, "Empty");
});

conversation!(an_instance_leaves_with_the_right_id_only, [3, 5], |k, v| {
    let mut member = Member::of(&k.group()).named("instance");
    k.enter(&mut member);
    let answer = k.ask(v, &leaving(&member.group, &[("nobody", Some("instance"))]));
    assert_eq!(said(answer.members[0].error_code), Err(FencedInstanceId));
    let answer = k.ask(v, &leaving(&member.group, &[(&*member.id, Some("instance"))]));
    assert_eq!(said(answer.members[0].error_code), Ok(()));
});

conversation!(an_unknown_instance_cannot_leave, [3, 5], |k, v| {
    let member = k.member();
    let answer = k.ask(v, &leaving(&member.group, &[("", Some("stranger"))]));
    assert_eq!(said(answer.members[0].error_code), Err(UnknownMemberId));
});

conversation!(the_others_rebalance, |k| {
    let group = k.group();
    let [(mut one, first), (mut two, mut second)] = k.pair(Member::of(&group), Member::of(&group));
    assert_eq!(one.leave(&first), Ok(()));
    two.until_rebalance(&second);
    let answer = two.join(&mut second);
    assert_eq!((answer.generation_id, answer.members.len()), (3, 1));
    assert_eq!(&*answer.leader, second.id);
});

conversation!(who_has_an_id_and_did_not_join_can_leave, |k| {
    let mut member = Member::of(&k.group());
    member.id = k.ask(5, &member.joining()).member_id.to_string();
    assert_eq!(k.leave(&member), Ok(()));
    assert_eq!(said(k.ask(5, &member.joining()).error_code), Err(UnknownMemberId));
});
