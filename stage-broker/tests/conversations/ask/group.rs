//! Groups as their members see them: join, sync, heartbeat, leave.

use crate::line::{Line, Sent};
use crate::said::{Said, bytes, group_id, said, text};
use crate::talk::{Talk, until};
use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::describe_groups_response::DescribedGroup;
use kafka_protocol::messages::find_coordinator_response::FindCoordinatorResponse;
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::{
    DescribeGroupsRequest, FindCoordinatorRequest, HeartbeatRequest, JoinGroupRequest,
    JoinGroupResponse, LeaveGroupRequest, SyncGroupRequest, SyncGroupResponse,
};

/// What a consumer says in its metadata: Apache Kafka reads it, and expects it to be right.
pub(crate) fn subscription(topics: &[&str], note: &str) -> Bytes {
    let mut out = BytesMut::new();
    out.put_i16(0);
    out.put_i32(topics.len() as i32);
    for topic in topics {
        out.put_i16(topic.len() as i16);
        out.put_slice(topic.as_bytes());
    }
    out.put_i32(note.len() as i32);
    out.put_slice(note.as_bytes());
    out.freeze()
}

/// A member as it introduces itself.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) group: String,
    pub(crate) id: String,
    pub(crate) instance: Option<String>,
    pub(crate) generation: i32,
    pub(crate) session: i32,
    pub(crate) rebalance: i32,
    pub(crate) kind: &'static str,
    pub(crate) protocols: Vec<&'static str>,
    pub(crate) metadata: Bytes,
}

impl Member {
    pub(crate) fn of(group: &str) -> Member {
        Member {
            group: group.to_owned(),
            id: String::new(),
            instance: None,
            generation: -1,
            session: 30_000,
            rebalance: 30_000,
            kind: "consumer",
            protocols: vec!["range"],
            metadata: subscription(&[], "note"),
        }
    }

    pub(crate) fn named(self, instance: &str) -> Member {
        Member { instance: Some(instance.to_owned()), ..self }
    }

    pub(crate) fn with_id(self, id: &str) -> Member {
        Member { id: id.to_owned(), ..self }
    }

    pub(crate) fn in_generation(self, generation: i32) -> Member {
        Member { generation, ..self }
    }

    /// How long it may be silent, and how long others wait for it.
    pub(crate) fn patient(self, session: i32, rebalance: i32) -> Member {
        Member { session, rebalance, ..self }
    }

    pub(crate) fn speaking(self, protocols: &[&'static str]) -> Member {
        Member { protocols: protocols.to_vec(), ..self }
    }

    /// With something else to say to the leader.
    pub(crate) fn noting(self, note: &str) -> Member {
        Member { metadata: subscription(&[], note), ..self }
    }

    pub(crate) fn joining(&self) -> JoinGroupRequest {
        let protocol = |name: &&str| {
            JoinGroupRequestProtocol::default()
                .with_name(text(name))
                .with_metadata(self.metadata.clone())
        };
        JoinGroupRequest::default()
            .with_group_id(group_id(&self.group))
            .with_session_timeout_ms(self.session)
            .with_rebalance_timeout_ms(self.rebalance)
            .with_member_id(text(&self.id))
            .with_group_instance_id(self.instance.as_deref().map(text))
            .with_protocol_type(text(self.kind))
            .with_protocols(self.protocols.iter().map(protocol).collect())
    }

    /// With assignments if it leads.
    pub(crate) fn syncing(&self, assignments: &[(&Member, &str)]) -> SyncGroupRequest {
        let assignment = |(member, what): &(&Member, &str)| {
            SyncGroupRequestAssignment::default()
                .with_member_id(text(&member.id))
                .with_assignment(bytes(what))
        };
        SyncGroupRequest::default()
            .with_group_id(group_id(&self.group))
            .with_generation_id(self.generation)
            .with_member_id(text(&self.id))
            .with_group_instance_id(self.instance.as_deref().map(text))
            .with_assignments(assignments.iter().map(assignment).collect())
    }

    /// What a join gave: an id and a generation.
    pub(crate) fn joined(&mut self, answer: &JoinGroupResponse) {
        assert_eq!(said(answer.error_code), Ok(()), "{answer:?}");
        self.id = answer.member_id.to_string();
        self.generation = answer.generation_id;
    }
}

pub(crate) fn assigned(answer: &SyncGroupResponse) -> Said<String> {
    said(answer.error_code).map(|()| String::from_utf8_lossy(&answer.assignment).into_owned())
}

impl Talk {
    /// A group whose coordinator answers.
    pub(crate) fn group(&mut self) -> String {
        let group = self.name("group");
        until("a coordinator", || {
            said(self.coordinator(&group, 0).error_code).ok()?;
            let described = self.describe_group(&group);
            let loading = [14, 15, 16].contains(&described.error_code);
            (!loading).then_some(())
        });
        group
    }

    /// A group with one member.
    pub(crate) fn member(&mut self) -> Member {
        let mut member = Member::of(&self.group());
        self.enter(&mut member);
        member
    }

    /// A group with a leader and a follower, on lines of their own.
    pub(crate) fn pair(&mut self, leader: Member, follower: Member) -> [(Line, Member); 2] {
        let (mut first, mut second) = ((self.line(), leader), (self.line(), follower));
        first.0.enter(&mut first.1);
        let joining = second.0.start_joining(&mut second.1);
        first.0.until_rebalance(&first.1);
        first.0.join(&mut first.1);
        second.0.finish_joining(&mut second.1, joining);
        let own = assigned(
            &first.0.ask(3, &first.1.syncing(&[(&first.1, "first"), (&second.1, "second")])),
        );
        assert_eq!(own, Ok("first".to_owned()));
        assert_eq!(second.0.sync(&second.1), Ok("second".to_owned()));
        [first, second]
    }
}

impl Line {
    pub(crate) fn coordinator(&mut self, key: &str, kind: i8) -> FindCoordinatorResponse {
        let request = FindCoordinatorRequest::default().with_key(text(key)).with_key_type(kind);
        self.ask(2, &request)
    }

    /// Joins, in a version that does not ask for a second request.
    pub(crate) fn join(&mut self, member: &mut Member) -> JoinGroupResponse {
        let joining = self.start_joining(member);
        self.finish_joining(member, joining)
    }

    /// Joins as the only member, and assigns "all" to itself.
    pub(crate) fn enter(&mut self, member: &mut Member) {
        self.join(member);
        let answer = self.ask(3, &member.syncing(&[(&*member, "all")]));
        assert_eq!(assigned(&answer), Ok("all".to_owned()));
    }

    /// Joins, and leaves the answer for later. A new member asks for its id first, so that it is
    /// known of when this returns.
    pub(crate) fn start_joining(&mut self, member: &mut Member) -> Sent<JoinGroupRequest> {
        if member.id.is_empty() && member.instance.is_none() {
            let answer = self.ask(5, &member.joining());
            assert_eq!(
                said(answer.error_code),
                Err(kafka_protocol::ResponseError::MemberIdRequired)
            );
            member.id = answer.member_id.to_string();
        }
        self.send(5, &member.joining())
    }

    pub(crate) fn finish_joining(
        &mut self,
        member: &mut Member,
        joining: Sent<JoinGroupRequest>,
    ) -> JoinGroupResponse {
        let answer = self.answer(joining);
        member.joined(&answer);
        answer
    }

    /// As a follower.
    pub(crate) fn sync(&mut self, member: &Member) -> Said<String> {
        assigned(&self.ask(3, &member.syncing(&[])))
    }

    pub(crate) fn heartbeat(&mut self, version: i16, member: &Member) -> Said {
        let request = HeartbeatRequest::default()
            .with_group_id(group_id(&member.group))
            .with_generation_id(member.generation)
            .with_member_id(text(&member.id))
            .with_group_instance_id(member.instance.as_deref().map(text));
        said(self.ask(version, &request).error_code)
    }

    /// Heartbeats until the answer is that the group rebalances.
    pub(crate) fn until_rebalance(&mut self, member: &Member) {
        let version = 3;
        until("a rebalance", || self.heartbeat(version, member).err());
    }

    /// What is said to a member that leaves.
    pub(crate) fn leave(&mut self, member: &Member) -> Said {
        let identity = MemberIdentity::default()
            .with_member_id(text(&member.id))
            .with_group_instance_id(member.instance.as_deref().map(text));
        let request = LeaveGroupRequest::default()
            .with_group_id(group_id(&member.group))
            .with_members(vec![identity]);
        let answer = self.ask(3, &request);
        said(answer.error_code)?;
        said(answer.members[0].error_code)
    }

    pub(crate) fn describe_group(&mut self, group: &str) -> DescribedGroup {
        let request = DescribeGroupsRequest::default().with_groups(vec![group_id(group)]);
        self.ask(5, &request).groups.remove(0)
    }

    /// Waits until the group is in this state: what was just done may not be told of yet.
    pub(crate) fn until_group(&mut self, group: &str, state: &str) {
        until(state, || (&*self.describe_group(group).group_state == state).then_some(()));
    }
}
