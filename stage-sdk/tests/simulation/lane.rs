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
    /// Places, copies and numbers of records.
    Fetched(usize, i64, Vec<(i64, u64, usize)>),
}

#[derive(Default)]
pub(crate) struct Lane {
    jobs: VecDeque<Job>,
    busy: bool,
    /// How far each redirect log was looked through.
    looked: BTreeMap<usize, usize>,
    pub(crate) replies: VecDeque<Reply>,
}

/// The commands in a redirect log from this place on that are not answered there, with their places.
pub(crate) fn unanswered(log: &Log, from: usize) -> Vec<(usize, Command)> {
    open(log.read(from))
}

fn open<'m>(messages: impl Iterator<Item = (usize, &'m Message)>) -> Vec<(usize, Command)> {
    let mut commands: Vec<(usize, Command)> = Vec::new();
    for (place, message) in messages {
        match message.form {
            Form::Control(command) => {
                commands.retain(|(_, known)| known.id != command.id);
                commands.push((place, command));
            }
            Form::Answered(answer) => commands.retain(|(_, c)| c.id != answer.command),
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
                Some(self.read_lane(number, of))
            }
            Job::Look(of) => {
                let looked = self.members[number].lane.looked.get(&of).copied();
                Some(Reply::Commanded(of, self.commands(number, of, looked.unwrap_or_default())))
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

    /// Commands from this place on; sometimes not all, and then the next look begins there.
    fn commands(&mut self, number: usize, of: usize, from: usize) -> Vec<Command> {
        let log = &self.broker.logs[self.broker.log(REDIRECT, of)];
        let mut commands = unanswered(log, from);
        let mut looked = log.stable();
        if commands.len() > 1 && self.random.random_bool(0.5) {
            let most = self.random.random_range(1..commands.len());
            looked = commands[most].0;
            commands.truncate(most);
        }
        if self.fault == Some(Fault::Anew) {
            looked = from;
            commands = open(log.read(from).filter(|(_, message)| !message.is_answer()));
        }
        self.members[number].lane.looked.insert(of, looked);
        commands.into_iter().map(|(_, command)| command).collect()
    }

    fn read_lane(&mut self, number: usize, of: usize) -> Reply {
        let commands = self.commands(number, of, 0);
        let pending = self.parked(of).into_iter().map(|(index, note)| Pending {
            offset: self.plan.records[of][index].offset,
            key: self.key(of, index),
            note,
        });
        let start = self.broker.logs[self.broker.log(RETRY, of)].cleaned;
        Reply::Parked(of, pending.collect(), start as i64, commands)
    }

    fn fetch(&mut self, of: usize, from: i64) -> Reply {
        let most = self.random.random_range(1..8);
        let retry = &self.broker.logs[self.broker.log(RETRY, of)];
        let from = (from as usize).max(retry.cleaned);
        let copy = |message: &Message| match message.form {
            Form::Parked(edition) => edition,
            _ => 0,
        };
        let back = |(place, m): (usize, &Message)| (place as i64, copy(m), m.index);
        let records: Vec<_> = retry.read(from).take(most).map(back).collect();
        let next = records.last().map_or(from as i64, |(place, ..)| place + 1);
        Reply::Fetched(of, next, records)
    }

    fn clean(&mut self, of: usize, place: i64) {
        let at = self.broker.log(RETRY, of);
        let log = &mut self.broker.logs[at];
        log.cleaned = log.cleaned.max(place as usize);
        let known = &self.oracle.records[of];
        let needed = log.deleted().find(|m| {
            // What was replayed is there anew.
            matches!(known[m.index].fate, Fate::Open | Fate::Parked) && !log.keeps(m.index)
        });
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
                    for (place, edition, index) in records {
                        let record = &self.plan.records[of][index];
                        let (offset, bytes, key) =
                            (record.offset, record.bytes, self.key(of, index));
                        let partition = partition(of);
                        let back = Event::Back { partition, offset, place, edition, key, bytes };
                        self.tell(number, back);
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
            let form = Form::Parked(note.edition);
            let parked = Message { target: RETRY, form, ..message };
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
