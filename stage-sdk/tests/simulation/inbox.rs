//! What comes to a worker: replies, news of the group, records.

use crate::courier::Reply;
use crate::faults::Fault;
use crate::member::{Note, Tally};
use crate::say;
use crate::turn::{partition, partitions};
use crate::world::World;
use rand::RngExt;
use stage_sdk::core::{Core, Ended, Event, Outcome};

/// Records taken before anything else is looked at again.
const TURN: usize = 16;

impl World {
    pub(crate) fn replies(&mut self, number: usize) -> bool {
        let mut any = false;
        while let Some(reply) = self.members[number].courier.replies.pop_front() {
            any = true;
            say!(self, "{number} reply {reply:?}");
            match reply {
                Reply::Ended(window, ended) => {
                    let purged = ended == Ended::Aborted && self.fault == Some(Fault::Purge);
                    let ended = if purged { Ended::Refused } else { ended };
                    self.counts.ended(ended);
                    self.judge_end(number, window, ended);
                    self.step(number, Event::Ended(window, ended));
                }
                Reply::Renewed(producer) => {
                    let member = &mut self.members[number];
                    member.producer = Some(producer);
                    member.sending = None;
                    member.outbox.clear();
                    self.step(number, Event::Renewed);
                }
                Reply::Restored(all) => {
                    for (of, position) in all {
                        let position = self.restored(position);
                        self.step(number, Event::Restored(partition(of), position));
                    }
                }
                Reply::Found(window, found) => {
                    self.counts.looked_up[usize::from(found)] += 1;
                    self.step(number, Event::Found(window, found));
                }
                Reply::Reread(window, of, index, lane) => {
                    self.counts.replaced += 1;
                    self.replace(number, window, (of, index), lane);
                    self.step(number, Event::Replaced(window));
                }
            }
        }
        any
    }

    pub(crate) fn notes(&mut self, number: usize) -> bool {
        let mut any = false;
        while let Some(note) = self.members[number].notes.pop_front() {
            any = true;
            say!(self, "{number} {note:?}");
            match note {
                Note::Assigned(all) => {
                    for of in &all {
                        let count = self.plan.records[*of].len();
                        let tallies = &mut self.members[number].tallies[*of];
                        tallies.clear();
                        tallies.resize(count, Tally::default());
                    }
                    self.step(number, Event::Assigned(&partitions(&all)));
                }
                Note::Revoked(all) => {
                    self.counts.revoked += 1;
                    for of in &all {
                        self.members[number].revoked_at[*of] = Some(self.now);
                    }
                    self.step(number, Event::Revoked(&partitions(&all)));
                }
                Note::Lost(all) => {
                    self.counts.lost += 1;
                    self.step(number, Event::Lost(&partitions(&all)));
                }
            }
        }
        any
    }

    /// Records come from a partition in offset order, and not while it is paused; between
    /// partitions in any order.
    pub(crate) fn receive(&mut self, number: usize) -> bool {
        let count = self.plan.records.len();
        let mut of = self.random.random_range(0..count);
        for taken in 0..TURN {
            if !self.members[number].core.as_ref().is_some_and(Core::wants_records) {
                return taken > 0;
            }
            if self.random.random_bool(0.3) {
                of = self.random.random_range(0..count);
            }
            let next = (0..count).map(|add| (of + add) % count);
            let mut next = next.filter_map(|of| Some((of, self.fetched(number, of)?)));
            let Some((found, index)) = next.next() else { return taken > 0 };
            of = found;
            if let Some(fetch) = &mut self.members[number].fetching[of] {
                fetch.next = index + 1;
            }
            self.take(number, of, index);
        }
        true
    }

    /// The next record of a partition, if it is here.
    fn fetched(&self, number: usize, of: usize) -> Option<usize> {
        let fetch = self.members[number].fetching[of].filter(|fetch| !fetch.paused)?;
        let records = self.plan.records[of].iter().enumerate().skip(fetch.next);
        let (index, record) = records.into_iter().find(|(_, r)| !r.is_gone(self.now))?;
        (record.at <= self.now).then_some(index)
    }

    fn take(&mut self, number: usize, of: usize, index: usize) {
        self.judge_taken(number);
        let record = &self.plan.records[of][index];
        let key = self.key(of, index);
        let (offset, bytes) = (record.offset, record.bytes);
        if self.is_free(number, of, index) && self.finished_at_once(number, of, index) {
            return self.act(number, None);
        }
        self.tell(number, Event::Record { partition: partition(of), offset, key, bytes });
        self.act(number, Some((of, index)));
        self.members[number].failed_early = None;
    }

    /// Whether the core lets an inline handler run before it is told; that it need not is kept alive.
    fn is_free(&mut self, number: usize, of: usize, index: usize) -> bool {
        let core = self.members[number].core.as_ref();
        let offset = self.plan.records[of][index].offset;
        let key = || self.key(of, index);
        core.is_some_and(|core| core.is_free(partition(of), offset, key))
            && self.random.random_bool(0.8)
    }

    /// Runs the handler; whether the record is finished, or failed and takes the ordinary way.
    fn finished_at_once(&mut self, number: usize, of: usize, index: usize) -> bool {
        self.members[number].attempts += 1;
        self.judge_start(number, (of, index), false);
        let outcome = self.outcome(of, index);
        let Outcome::Output(bytes) = outcome else {
            self.members[number].failed_early = Some(outcome);
            return false;
        };
        self.counts.at_once += 1;
        self.handled(number, (of, index), false);
        let offset = self.plan.records[of][index].offset;
        self.tell(number, Event::Finished { partition: partition(of), offset, bytes });
        true
    }
}
