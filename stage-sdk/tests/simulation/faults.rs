//! Mistakes that the driver makes on purpose, one at a time: the oracle must notice each.

use crate::courier::Commit;
use crate::input::TARGETS;
use crate::logs::Message;
use crate::plan::Plan;
use crate::transaction::Offset;
use crate::world::World;
use stage_sdk::core::{Position, Time};

/// One of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fault {
    /// The offsets are left out of the transaction.
    Empty,
    /// An unknown outcome counts as "nothing took effect", unseen.
    Blind,
    /// Every abort counts as the refusal of a record, as if purged neighbours were refused.
    Purge,
    /// A lost partition's part is committed with the others, under the newest generation.
    Lost,
    /// A new owner takes the unfinished offsets for the finished.
    Inverted,
    /// A new owner reads what is parked only as far as open transactions let it.
    Barrier,
    /// Two outputs of one key change places.
    Order,
    /// That a command is carried out is missing where what came of it is committed.
    Unanswered,
    /// That a command is carried out is written at once, in no transaction.
    Sooner,
    /// Of a partition that was added only what comes from now on is read.
    Latest,
    /// Workers start with a policy that parks nothing, whatever waits.
    Unasked,
    /// Each look at the redirect topic begins where the last did, and takes what is answered for open.
    Anew,
}

impl Fault {
    pub(crate) const ALL: [Fault; 12] = [
        Fault::Empty,
        Fault::Blind,
        Fault::Purge,
        Fault::Lost,
        Fault::Inverted,
        Fault::Barrier,
        Fault::Order,
        Fault::Unanswered,
        Fault::Sooner,
        Fault::Latest,
        Fault::Unasked,
        Fault::Anew,
    ];

    /// The oracle must notice it as one of these rules broken: whichever meets it first.
    pub(crate) fn rules(self) -> &'static [&'static str] {
        match self {
            Fault::Empty => &["no output without its offset"],
            Fault::Blind => &["no output twice"],
            Fault::Purge => &["no healthy record in the dead letters"],
            Fault::Lost => &["nothing finished is taken back", "nothing is lost"],
            Fault::Inverted => &["nothing finished is run again", "nothing is lost"],
            // An old note is taken for the last.
            Fault::Barrier => &[
                "attempts survive",
                "everything ends",
                "no attempt before its time",
                "no output twice",
                "nothing finished is run again",
                "nothing parked is deleted",
                "order per key",
                "a command and what comes of it are one",
            ],
            Fault::Order => &["order per key"],
            // Or nobody ever answers it.
            Fault::Unanswered => {
                &["a command and what comes of it are one", "everything ends", "no output twice"]
            }
            Fault::Sooner => &["a command and what comes of it are one"],
            Fault::Latest => &["nothing is lost", "everything ends"],
            Fault::Unasked => &["everything ends", "order per key"],
            Fault::Anew => &[
                "a command and what comes of it are one",
                "no healthy record in the dead letters",
                "no output twice",
            ],
        }
    }

    /// Swaps the outputs of two records of one key.
    pub(crate) fn swap(plan: &Plan, entries: &mut [Message]) {
        let key = |entry: &Message| plan.records[entry.partition][entry.index].key;
        for later in 1..entries.len() {
            let two = entries[later];
            let earlier = entries[..later].iter().position(|one| {
                (one.partition, one.target, key(one)) == (two.partition, two.target, key(&two))
                    && key(one).is_some()
                    && one.target < TARGETS
                    && one.index < two.index
            });
            if let Some(earlier) = earlier {
                return entries.swap(earlier, later);
            }
        }
    }
}

impl World {
    /// A commit on its way out, right or wrong.
    pub(crate) fn tamper(&mut self, number: usize, mut commit: Commit) -> Commit {
        match self.fault {
            Some(Fault::Empty) => commit.offsets.clear(),
            Some(Fault::Lost) => {
                let member = &mut self.members[number];
                let Some(core) = &member.core else { return commit };
                let held: Vec<usize> = core.partitions().map(|p| p.number as usize).collect();
                for (partition, offset) in &member.tried {
                    if !held.contains(partition) {
                        commit.offsets.push((*partition, offset.clone()));
                    }
                }
                member.tried.extend(commit.offsets.iter().cloned());
            }
            _ => {}
        }
        commit
    }

    /// The number of the record at which a partition is begun, right or wrong.
    pub(crate) fn begun(&self, of: usize, offset: Option<i64>) -> usize {
        let records = &self.plan.records[of];
        let added = self.plan.since[of] > Time::ZERO;
        if offset.is_none() && added && self.fault == Some(Fault::Latest) {
            return records.partition_point(|record| record.at <= self.now);
        }
        records.partition_point(|record| record.offset < offset.unwrap_or_default())
    }

    /// What a new owner is told of a partition, right or wrong.
    pub(crate) fn restored(&mut self, committed: Option<Offset>) -> Option<Position> {
        let (offset, metadata) = committed?;
        match Position::read(offset, &metadata) {
            Ok(mut position) => {
                self.counts.ahead += u64::from(position.upto > position.next);
                if self.fault == Some(Fault::Inverted) {
                    let unfinished = std::mem::take(&mut position.unfinished);
                    position.unfinished = (position.next..position.upto)
                        .filter(|o| !unfinished.contains(o))
                        .collect();
                }
                Some(position)
            }
            Err(error) => {
                self.oracle.accuse("metadata comes back", || error);
                None
            }
        }
    }
}
