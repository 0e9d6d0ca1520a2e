//! The retry lanes as a worker's reader of them sees them: the redirect topic to its end, the retry
//! topic piece by piece.

use crate::agenda::{What, Who};
use crate::faults::Fault;
use crate::input::{REDIRECT, RETRY};
use crate::logs::{Form, Log, Message};
use crate::oracle::Fate;
use crate::plan::ms;
use crate::say;
use crate::turn::partition;
use crate::world::World;
use rand::RngExt;
use stage_sdk::core::{Command, Event, Id, Note, Pending};
use std::collections::{BTreeMap, VecDeque};

#[derive(Clone, Copy, Debug)]
pub(crate) enum Job {
    /// What is parked of a partition; up to this end, once that is known.
    Read(usize, Option<usize>),
    /// Commands since the last look.
    Look(usize),
    /// From this place on.
    Fetch(usize, i64),
    /// Delete what is below.
    Clean(usize, i64),
}

#[derive(Debug)]
pub(crate) enum Reply {
    Parked(usize, Vec<Pending>, i64, Vec<Command>),
    Commanded(usize, Vec<Command>),
    /// Places and numbers of records.
    Fetched(usize, i64, Vec<(i64, usize)>),
}

#[derive(Default)]
pub(crate) struct Lane {
    jobs: VecDeque<Job>,
    busy: bool,
    /// How far each redirect log was looked through.
    looked: BTreeMap<usize, usize>,
    pub(crate) replies: VecDeque<Reply>,
}

/// The commands in a redirect log from this place on that are not answered there.
fn unanswered(log: &Log, from: usize) -> Vec<Command> {
    let mut commands: Vec<Command> = Vec::new();
    for (_, message) in log.read(from) {
        match message.form {
            Form::Control(command) => commands.push(command),
            Form::Answered(answer) => commands.retain(|command| command.id != answer.command),
            _ => {}
        }
    }
    commands
}

impl World {
    pub(crate) fn ask_lane(&mut self, number: usize, job: Job) {
        let lane = &mut self.members[number].lane;
        lane.jobs.push_back(job);
        if !std::mem::replace(&mut lane.busy, true) {
            self.lane_later(number, 0);
        }
    }

    fn lane_later(&mut self, number: usize, wait: u64) {
        let at = self.now + self.latency() + ms(wait);
        self.agenda.note(at, What::Lane(self.who(number)));
    }

    pub(crate) fn lane(&mut self, who: Who) {
        let number = who.member;
        let until = self.members[number].stalled_until.max(self.away_until);
        if until > self.now {
            return self.agenda.note(until, What::Lane(who));
        }
        let Some(job) = self.members[number].lane.jobs.pop_front() else { return };
        say!(self, "{number} lane {job:?}");
        let reply = match job {
            Job::Read(of, None) => {
                let log = &self.broker.logs[self.broker.log(REDIRECT, of)];
                let end = if self.fault == Some(Fault::Barrier) { 0 } else { log.end() };
                self.members[number].lane.jobs.push_front(Job::Read(of, Some(end)));
                return self.lane_later(number, 0);
            }
            Job::Read(of, Some(end)) => {
                if self.broker.logs[self.broker.log(REDIRECT, of)].stable() < end {
                    self.counts.barred += 1;
                    self.members[number].lane.jobs.push_front(job);
                    return self.lane_later(number, 1);
                }
                let log = &self.broker.logs[self.broker.log(REDIRECT, of)];
                self.members[number].lane.looked.insert(of, log.stable());
                Some(self.read_lane(of))
            }
            Job::Look(of) => {
                let log = &self.broker.logs[self.broker.log(REDIRECT, of)];
                let looked = self.members[number].lane.looked.insert(of, log.stable());
                Some(Reply::Commanded(of, unanswered(log, looked.unwrap_or_default())))
            }
            Job::Fetch(of, from) => Some(self.fetch(of, from)),
            Job::Clean(of, place) => {
                self.clean(of, place);
                None
            }
        };
        let lane = &mut self.members[number].lane;
        lane.replies.extend(reply);
        lane.busy = !lane.jobs.is_empty();
        if lane.busy {
            self.lane_later(number, 0);
        }
        self.wake(number);
    }

    /// What is parked of a partition, as far as can be read.
    pub(crate) fn parked(&self, of: usize) -> BTreeMap<usize, Note> {
        let mut notes: BTreeMap<usize, Note> = BTreeMap::new();
        let redirect = &self.broker.logs[self.broker.log(REDIRECT, of)];
        for (_, message) in redirect.read(0) {
            match message.form {
                Form::Noted(note) => _ = notes.insert(message.index, note),
                Form::Freed => _ = notes.remove(&message.index),
                _ => {}
            }
        }
        notes
    }

    fn read_lane(&self, of: usize) -> Reply {
        let redirect = &self.broker.logs[self.broker.log(REDIRECT, of)];
        let pending = self.parked(of).into_iter().map(|(index, note)| Pending {
            offset: self.plan.records[of][index].offset,
            key: self.key(of, index),
            attempts: note.attempts,
            first: note.first,
            rest: note.rest,
        });
        let start = self.broker.logs[self.broker.log(RETRY, of)].cleaned;
        Reply::Parked(of, pending.collect(), start as i64, unanswered(redirect, 0))
    }

    fn fetch(&mut self, of: usize, from: i64) -> Reply {
        let most = self.random.random_range(1..8);
        let retry = &self.broker.logs[self.broker.log(RETRY, of)];
        let from = (from as usize).max(retry.cleaned);
        let records: Vec<(i64, usize)> =
            retry.read(from).take(most).map(|(place, m)| (place as i64, m.index)).collect();
        let next = records.last().map_or(from as i64, |(place, _)| place + 1);
        Reply::Fetched(of, next, records)
    }

    fn clean(&mut self, of: usize, place: i64) {
        let at = self.broker.log(RETRY, of);
        let log = &mut self.broker.logs[at];
        log.cleaned = log.cleaned.max(place as usize);
        let known = &self.oracle.records[of];
        let needed =
            log.deleted().find(|m| matches!(known[m.index].fate, Fate::Open | Fate::Parked));
        let needed = needed.copied();
        self.counts.cleaned += 1;
        self.oracle.hold(needed.is_none(), "nothing parked is deleted", || format!("{needed:?}"));
    }

    pub(crate) fn lane_replies(&mut self, number: usize) -> bool {
        let mut any = false;
        while let Some(reply) = self.members[number].lane.replies.pop_front() {
            any = true;
            say!(self, "{number} reply {reply:?}");
            match reply {
                Reply::Parked(of, pending, start, commands) => {
                    self.inherit(number, of, &pending);
                    self.step(number, Event::Parked(partition(of), pending, start));
                    if !commands.is_empty() {
                        self.step(number, Event::Commanded(partition(of), commands));
                    }
                }
                Reply::Commanded(of, commands) => {
                    self.step(number, Event::Commanded(partition(of), commands));
                }
                Reply::Fetched(of, next, records) => {
                    let found = !records.is_empty();
                    for (place, index) in records {
                        let record = &self.plan.records[of][index];
                        let (offset, bytes, key) =
                            (record.offset, record.bytes, self.key(of, index));
                        let partition = partition(of);
                        self.tell(number, Event::Back { partition, offset, place, key, bytes });
                        self.act(number, Some((of, index)));
                    }
                    self.step(number, Event::Fetched(partition(of), next, found));
                }
            }
        }
        any
    }

    /// The hash of a record's key.
    pub(crate) fn key(&self, of: usize, index: usize) -> Option<u64> {
        self.plan.records[of][index].key.map(|key| (of * self.plan.keys + key) as u64)
    }

    /// A record is parked, or how it stands is noted.
    pub(crate) fn note(
        &mut self,
        number: usize,
        id: Id,
        note: Note,
        hand: Option<(usize, usize)>,
        parks: bool,
    ) {
        let Some((of, index)) = self.members[number].drop_kept(id).or(hand) else {
            return self.oracle.accuse("a note has its record", || format!("{number} {id:?}"));
        };
        let message = Message {
            partition: of,
            index,
            offset: self.plan.records[of][index].offset,
            target: REDIRECT,
            nth: 0,
            why: None,
            refused: false,
            lane: !parks,
            form: Form::Noted(note),
        };
        if parks {
            self.counts.parked += 1;
            let parked = Message { target: RETRY, form: Form::Parked, ..message };
            self.filling(number).push(parked);
        } else {
            self.counts.again += 1;
        }
        self.filling(number).push(message);
    }

    /// A record is no longer parked.
    pub(crate) fn freed(&self, of: usize, offset: i64) -> Message {
        let index = self.plan.records[of].partition_point(|r| r.offset < offset);
        Message {
            partition: of,
            index,
            offset,
            target: REDIRECT,
            nth: 0,
            why: None,
            refused: false,
            lane: true,
            form: Form::Freed,
        }
    }
}
