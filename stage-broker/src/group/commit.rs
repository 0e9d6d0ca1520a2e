//! OffsetCommit and TxnOffsetCommit: how far somebody has read.

use super::record::CommittedOffset;
use super::state::{Group, State};
use super::{Groups, Step, Time, Who};
use kafka_protocol::error::ResponseError;

/// An OffsetCommit or TxnOffsetCommit request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Commit<'a> {
    /// For which group.
    pub(crate) group: &'a str,
    /// By whom; generation -1 and no member: by somebody outside any group.
    pub(crate) who: Who<'a>,
    /// How long the offsets are kept (OffsetCommit versions 2 to 4, if not -1).
    pub(crate) retention: Option<Time>,
    /// What.
    pub(crate) offsets: &'a [NewOffset<'a>],
}

/// An offset to be committed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewOffset<'a> {
    /// Of this topic.
    pub(crate) topic: &'a str,
    /// Of this partition.
    pub(crate) partition: i32,
    /// The next offset to be read.
    pub(crate) offset: i64,
    /// Leader epoch of the last read record; -1: unknown.
    pub(crate) leader_epoch: i32,
    /// To be remembered beside it.
    pub(crate) metadata: Option<&'a str>,
}

/// One result for each offset, in order, or one for all.
type Committed = Result<Vec<Result<(), ResponseError>>, ResponseError>;

impl Groups {
    /// Answers OffsetCommit. A group that nobody knows is GROUP_ID_NOT_FOUND; clients expect that
    /// from version 9 on, and of TxnOffsetCommit never: before, it is ILLEGAL_GENERATION.
    pub(crate) fn commit(&mut self, now: Time, commit: &Commit<'_>) -> Step<Committed> {
        self.commit_to(now, None, commit)
    }

    /// Answers TxnOffsetCommit: the offsets take effect with the producer's transaction.
    pub(crate) fn commit_in_transaction(
        &mut self,
        now: Time,
        producer: i64,
        commit: &Commit<'_>,
    ) -> Step<Committed> {
        if commit.group.is_empty() {
            return Step::default().with(Err(ResponseError::InvalidGroupId));
        }
        self.commit_to(now, Some(producer), commit)
    }

    fn commit_to(
        &mut self,
        now: Time,
        producer: Option<i64>,
        commit: &Commit<'_>,
    ) -> Step<Committed> {
        let mut step = Step::default();
        let checked = match self.all.get_mut(commit.group) {
            Some(group) => group.check_commit(now, &commit.who, producer.is_some()),
            // Somebody who keeps offsets here and needs no group otherwise.
            None if commit.who.generation < 0 => Ok(()),
            None => Err(ResponseError::GroupIdNotFound),
        };
        if let Err(error) = checked {
            return step.with(Err(error));
        }
        self.order += 1;
        let mut results = Vec::with_capacity(commit.offsets.len());
        for new in commit.offsets {
            let metadata = new.metadata.unwrap_or_default();
            let max = self.settings.max_metadata;
            if metadata.len() > max && metadata.encode_utf16().count() > max {
                results.push(Err(ResponseError::OffsetMetadataTooLarge));
                continue;
            }
            let offset = Some(CommittedOffset {
                offset: new.offset,
                leader_epoch: new.leader_epoch,
                metadata: metadata.to_owned(),
                committed: now,
                expires: commit.retention.map(|retention| now.saturating_add(retention)),
                order: self.order,
            });
            let (id, topic, partition) = (commit.group, new.topic, new.partition);
            match producer {
                None => self.put_offset(now, id, topic, partition, offset, &mut step),
                Some(producer) => {
                    self.put_open_offset(now, producer, id, topic, partition, offset, &mut step);
                }
            }
            results.push(Ok(()));
        }
        step.with(Ok(results))
    }
}

impl Group {
    /// Whether offsets may be committed in this name. An ordinary commit is a sign of life.
    fn check_commit(
        &mut self,
        now: Time,
        who: &Who<'_>,
        transactional: bool,
    ) -> Result<(), ResponseError> {
        if who.generation < 0 && self.state == State::Empty {
            return Ok(());
        }
        if who.generation >= 0 || !who.member.is_empty() || who.instance.is_some() {
            self.check(who)?;
        } else if !transactional {
            return Err(ResponseError::UnknownMemberId);
        }
        if !transactional {
            if self.state == State::CompletingRebalance {
                return Err(ResponseError::RebalanceInProgress);
            }
            if let Some(member) = self.members.get_mut(who.member) {
                member.alive(now);
            }
        }
        Ok(())
    }
}
