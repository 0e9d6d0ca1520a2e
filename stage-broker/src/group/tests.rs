//! Behaviours of groups, one a test.

mod abandon;
mod capacity;
mod commit;
mod delete;
mod describe;
mod initial_delay;
mod join;
mod leave;
mod model;
mod rejoin;
mod restart;
mod retention;
mod session;
mod static_member;
mod sync;
mod transaction;
mod unwritten;

use super::*;
use bytes::Bytes;
use kafka_protocol::error::ResponseError;
use std::collections::BTreeMap;

/// The broker around the groups: writes records down, keeps answers, lets time pass.
pub(crate) struct Desk {
    pub(crate) groups: Groups,
    pub(crate) now: Time,
    pub(crate) written: BTreeMap<Key, Value>,
    pub(crate) answers: BTreeMap<Token, Answer>,
    pub(crate) tokens: Token,
    /// Nothing can be written down.
    pub(crate) broken: bool,
    /// The latest record of a group was not written down.
    pub(crate) unwritten: bool,
    /// A group was deleted.
    pub(crate) deleted: bool,
}

/// A JoinGroup request to group `g`, of an old client: no member id required, nothing skipped.
pub(crate) fn joining(member: &str) -> Join {
    Join {
        group: "g".into(),
        member: member.into(),
        instance: None,
        unique: String::new(),
        client_id: "c".into(),
        client_host: "/127.0.0.1".into(),
        session_timeout: 10_000,
        rebalance_timeout: 60_000,
        protocol_type: "consumer".into(),
        protocols: vec![protocol("range", &["t"])],
        requires_member_id: false,
        can_skip_assignment: false,
    }
}

/// A protocol, with a consumer's subscription.
pub(crate) fn protocol(name: &str, topics: &[&str]) -> Protocol {
    let mut bytes = vec![0, 0, 0, 0, 0, topics.len() as u8];
    for topic in topics {
        bytes.extend([0, topic.len() as u8]);
        bytes.extend(topic.as_bytes());
    }
    Protocol { name: name.into(), metadata: bytes.into() }
}

pub(crate) fn who(member: &str, generation: i32) -> Who<'_> {
    Who { member, instance: None, generation }
}

pub(crate) fn offset(topic: &str, partition: i32, offset: i64) -> NewOffset<'_> {
    NewOffset { topic, partition, offset, leader_epoch: -1, metadata: None }
}

impl Desk {
    pub(crate) fn new() -> Desk {
        Desk::with(Settings::default())
    }

    pub(crate) fn with(settings: Settings) -> Desk {
        Desk {
            groups: Groups::new(settings, 1_000_000),
            now: 1_000_000,
            written: BTreeMap::new(),
            answers: BTreeMap::new(),
            tokens: 0,
            broken: false,
            unwritten: false,
            deleted: false,
        }
    }

    /// Writes down, then delivers.
    pub(crate) fn follow<T>(&mut self, step: Step<T>) -> T {
        let Step { answer, answers, records, undo } = step;
        if records.iter().any(|record| matches!(record.key, Key::Group(_))) {
            self.unwritten = self.broken;
        }
        let step = Step { answer: (), answers, records, undo };
        if self.broken && !step.records.is_empty() {
            let error = ResponseError::CoordinatorNotAvailable;
            let again = self.groups.not_written(self.now, step, error);
            self.follow(again);
            return answer;
        }
        for Record { key, value } in step.records {
            self.deleted |= matches!((&key, &value), (Key::Group(_), None));
            match value {
                Some(value) => self.written.insert(key, value),
                None => self.written.remove(&key),
            };
        }
        for (token, answer) in step.answers {
            assert!(token <= self.tokens, "an answer to nobody");
            let twice = self.answers.insert(token, answer);
            assert!(twice.is_none(), "answered twice");
        }
        answer
    }

    pub(crate) fn join(&mut self, mut join: Join) -> Token {
        self.tokens += 1;
        join.unique = format!("u{}", self.tokens);
        let step = self.groups.join(self.now, self.tokens, join);
        self.follow(step);
        self.tokens
    }

    pub(crate) fn joined(&self, token: Token) -> Joined {
        match self.answers.get(&token) {
            Some(Answer::Join(Ok(joined))) => joined.clone(),
            other => panic!("not joined: {other:?}"),
        }
    }

    pub(crate) fn join_refused(&self, token: Token) -> (ResponseError, String) {
        match self.answers.get(&token) {
            Some(Answer::Join(Err(refused))) => (refused.error, refused.member.clone()),
            other => panic!("not refused: {other:?}"),
        }
    }

    pub(crate) fn waits(&self, token: Token) -> bool {
        !self.answers.contains_key(&token)
    }

    pub(crate) fn sync(
        &mut self,
        member: &str,
        generation: i32,
        assignments: &[(&str, &str)],
    ) -> Token {
        self.sync_as(who(member, generation), assignments)
    }

    pub(crate) fn sync_as(&mut self, who: Who<'_>, assignments: &[(&str, &str)]) -> Token {
        let assignments = assignments.iter().map(|(id, a)| ((*id).into(), owned(a))).collect();
        let sync = Sync { group: "g", who, protocol_type: None, protocol: None, assignments };
        self.tokens += 1;
        let step = self.groups.sync(self.now, self.tokens, sync);
        self.follow(step);
        self.tokens
    }

    pub(crate) fn synced(&self, token: Token) -> Result<Bytes, ResponseError> {
        match self.answers.get(&token) {
            Some(Answer::Sync(synced)) => synced.clone().map(|synced| synced.assignment),
            other => panic!("not synced: {other:?}"),
        }
    }

    pub(crate) fn heartbeat(&mut self, member: &str, generation: i32) -> Result<(), ResponseError> {
        self.groups.heartbeat(self.now, "g", &who(member, generation))
    }

    pub(crate) fn leave(&mut self, member: &str) -> Result<(), ResponseError> {
        self.leave_as(&[Leaving { member, instance: None }]).remove(0)
    }

    pub(crate) fn leave_as(&mut self, leaving: &[Leaving<'_>]) -> Vec<Result<(), ResponseError>> {
        let step = self.groups.leave(self.now, "g", leaving);
        self.follow(step).unwrap()
    }

    pub(crate) fn commit(&mut self, who: Who<'_>, offsets: &[NewOffset<'_>]) -> Committed {
        let commit = Commit { group: "g", who, retention: None, offsets };
        let step = self.groups.commit(self.now, &commit);
        self.follow(step)
    }

    pub(crate) fn commit_in(
        &mut self,
        producer: i64,
        who: Who<'_>,
        offsets: &[NewOffset<'_>],
    ) -> Committed {
        let commit = Commit { group: "g", who, retention: None, offsets };
        let step = self.groups.commit_in_transaction(self.now, producer, &commit);
        self.follow(step)
    }

    pub(crate) fn end(&mut self, producer: i64, commit: bool) {
        let step = self.groups.end_transaction(self.now, producer, commit);
        self.follow(step);
    }

    /// The committed offset of partition 0 of a topic, or why it is not told.
    pub(crate) fn fetch(&self, topic: &str, stable: bool) -> Result<i64, ResponseError> {
        let fetched = self.groups.fetch("g", Some(&[(topic, vec![0])]), stable);
        let partition = &fetched[0].partitions[0];
        partition.error.map_or(Ok(partition.offset), Err)
    }

    /// Time passes, with everything that is due meanwhile.
    pub(crate) fn pass(&mut self, time: Time) {
        let until = self.now + time;
        while let Some(at) = self.groups.next_tick()
            && at <= until
        {
            self.now = self.now.max(at);
            let step = self.groups.tick(self.now);
            self.follow(step);
        }
        self.now = until;
    }

    pub(crate) fn state(&self) -> Option<State> {
        self.groups.describe("g").map(|group| group.state)
    }

    /// The process is killed and starts again.
    pub(crate) fn restart(&mut self) {
        let settings = self.groups.settings.clone();
        let (groups, step) = Groups::restore(settings, self.written.clone(), self.now);
        self.groups = groups;
        self.unwritten = false;
        self.follow(step);
    }

    /// A stable group of one: its member id.
    pub(crate) fn alone(&mut self) -> String {
        let joined = self.join(joining(""));
        let Joined { member, generation, .. } = self.joined(joined);
        let synced = self.sync(&member, generation, &[(&member, "all")]);
        assert_eq!(self.synced(synced), Ok(owned("all")));
        member
    }

    /// A stable group of two, in generation 2: the leader and the follower.
    pub(crate) fn two(&mut self) -> (String, String) {
        let one = self.alone();
        let second = self.join(joining(""));
        self.join(joining(&one));
        let two = self.joined(second).member;
        self.sync(&two, 2, &[]);
        self.sync(&one, 2, &[(&one, "one's"), (&two, "two's")]);
        assert_eq!(self.state(), Some(State::Stable));
        (one, two)
    }
}

pub(crate) type Committed = Result<Vec<Result<(), ResponseError>>, ResponseError>;

pub(crate) fn owned(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}
