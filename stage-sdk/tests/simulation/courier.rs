//! Carries one job after the other to the broker. Every step takes time, and any may go wrong.

use crate::agenda::{What, Who};
use crate::faults::Fault;
use crate::plan::ms;
use crate::say;
use crate::transaction::{Offset, Producer};
use crate::world::World;
use rand::RngExt;
use stage_sdk::core::{Ended, Position, Time, WindowId};
use std::collections::VecDeque;

#[derive(Debug)]
pub(crate) struct Commit {
    pub(crate) window: WindowId,
    pub(crate) producer: Producer,
    pub(crate) offsets: Vec<(usize, Offset)>,
    /// The membership as of when the window closed.
    pub(crate) generation: Option<u32>,
}

#[derive(Debug)]
pub(crate) enum Job {
    Commit(Commit),
    Abort(WindowId, Producer, Ended),
    Renew,
    Restore(Vec<usize>),
    Lookup(WindowId, Vec<usize>, String),
    Reread(WindowId, usize, usize, bool),
}

#[derive(Debug)]
pub(crate) enum Reply {
    Ended(WindowId, Ended),
    Renewed(Producer),
    Restored(Vec<(usize, Option<Offset>)>),
    Found(WindowId, bool),
    Reread(WindowId, usize, usize, bool),
}

/// What of a job reaches the broker next.
#[derive(Debug)]
pub(crate) enum Phase {
    /// The only question, or the first of a commit.
    Ask,
    /// A commit's messages and offsets arrive in any order.
    Messages(Other),
    Offsets(Other),
    End,
    Abort(Ended),
    /// The answer comes back.
    Answer(Reply),
}

/// Whether the other half of a commit has arrived.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Other {
    Due,
    Arrived,
}

#[derive(Default)]
pub(crate) struct Courier {
    jobs: VecDeque<Job>,
    phase: Option<Phase>,
    pub(crate) replies: VecDeque<Reply>,
}

impl World {
    pub(crate) fn ask(&mut self, number: usize, job: Option<Job>) {
        let courier = &mut self.members[number].courier;
        courier.jobs.extend(job);
        if courier.phase.is_none() && !courier.jobs.is_empty() {
            self.next_phase(number, Phase::Ask, ms(0));
        }
    }

    fn next_phase(&mut self, number: usize, phase: Phase, wait: Time) {
        self.members[number].courier.phase = Some(phase);
        let at = self.now + self.latency() + wait;
        self.agenda.note(at, What::Courier(self.who(number)));
    }

    /// A new producer: it ends what its predecessor left open, unless it takes another identity.
    fn renew(&mut self, number: usize) -> Phase {
        if self.random.random_ratio(1, 5) {
            self.members[number].identity = self.broker.new_identity();
        }
        match self.broker.renew(self.members[number].identity) {
            Ok(producer) => Phase::Answer(Reply::Renewed(producer)),
            Err(open) => {
                open.into_iter().for_each(|transaction| self.decide(transaction, false));
                Phase::Ask
            }
        }
    }

    /// What of a worker that ends was on its way may arrive all the same.
    pub(crate) fn leave_behind(&mut self, number: usize) {
        let courier = &self.members[number].courier;
        if let (Some(Phase::End), Some(Job::Commit(commit))) =
            (&courier.phase, courier.jobs.front())
            && self.random.random_bool(0.5)
        {
            let late = What::LateEnd(commit.producer);
            let at = self.now + self.some_time(1000);
            self.agenda.note(at, late);
        }
    }

    pub(crate) fn courier(&mut self, who: Who) {
        let number = who.member;
        let until = self.members[number].stalled_until.max(self.away_until);
        if until > self.now {
            return self.agenda.note(until, What::Courier(who));
        }
        let courier = &mut self.members[number].courier;
        let Some(phase) = courier.phase.take() else { return };
        if let Phase::Answer(reply) = phase {
            courier.jobs.pop_front();
            courier.replies.push_back(reply);
            self.wake(number);
            return self.ask(number, None);
        }
        let Some(job) = courier.jobs.pop_front() else { return };
        say!(self, "{number} courier {phase:?} {job:?}");
        let before = std::mem::discriminant(&phase);
        let next = self.carry(number, &job, phase);
        // Not yet: it is asked again, a little later.
        let again = before == std::mem::discriminant(&next);
        let wait = if again { ms(self.random.random_range(1..20)) } else { ms(0) };
        self.members[number].courier.jobs.push_front(job);
        self.next_phase(number, next, wait);
    }

    fn carry(&mut self, number: usize, job: &Job, phase: Phase) -> Phase {
        match (job, phase) {
            (Job::Commit(commit), Phase::Ask) if self.random.random_bool(0.5) => {
                self.send_offsets(number, commit, Other::Due)
            }
            (Job::Commit(commit), Phase::Ask) => self.flush(number, commit, Other::Due),
            (Job::Commit(commit), Phase::Messages(other)) => self.flush(number, commit, other),
            (Job::Commit(commit), Phase::Offsets(other)) => {
                self.send_offsets(number, commit, other)
            }
            (Job::Commit(commit), Phase::End) => self.commit_transaction(commit),
            (Job::Commit(commit), Phase::Abort(ended)) => {
                self.abort_transaction(number, commit.window, commit.producer, ended)
            }
            (Job::Abort(window, producer, ended), _) => {
                self.abort_transaction(number, *window, *producer, *ended)
            }
            (Job::Renew, _) => self.renew(number),
            (Job::Restore(all), _) => match self.broker.stable(all) {
                Some(offsets) => {
                    let all = all.iter().copied().zip(offsets).collect();
                    Phase::Answer(Reply::Restored(all))
                }
                None => Phase::Ask,
            },
            (Job::Lookup(window, all, tag), _) => match self.broker.stable(all) {
                Some(offsets) => {
                    let ours = |(offset, metadata): &Offset| {
                        Position::read(*offset, metadata).is_ok_and(|p| p.tag == *tag)
                    };
                    let found = offsets.iter().flatten().any(ours);
                    let found = found && self.fault != Some(Fault::Blind);
                    Phase::Answer(Reply::Found(*window, found))
                }
                None => Phase::Ask,
            },
            (Job::Reread(window, of, index, lane), _) => {
                Phase::Answer(Reply::Reread(*window, *of, *index, *lane))
            }
            (Job::Commit(_), Phase::Answer(reply)) => Phase::Answer(reply),
        }
    }
}
