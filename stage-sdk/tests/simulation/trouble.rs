//! What goes wrong around a worker: rebalances, expiries, crashes, stops, stalls.

use crate::agenda::{What, Who};
use crate::plan::ms;
use crate::say;
use crate::world::World;
use rand::RngExt;
use rand::rngs::Xoshiro256PlusPlus as Random;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Trouble {
    /// Partitions are to change their owners.
    Move,
    /// A worker is told to stop, and started again.
    Stop,
    /// A worker ends without a word.
    Crash,
    /// A partition is lost to a worker, the others are not.
    Take,
    /// The group gives up a worker that goes on, for a while, as if nothing were.
    Expire,
    /// Nothing of a worker moves for a while; perhaps the group gives it up meanwhile.
    Stall,
    /// The broker answers nobody for a while; sometimes for longer than a hand-over waits.
    Outage,
    /// What the stage depends on is away for a while.
    Dependency,
    /// An operator pauses a worker, resumes it, or gives it other limits.
    Lever,
}

impl Trouble {
    const ALL: [Trouble; 9] = [
        Trouble::Move,
        Trouble::Stop,
        Trouble::Crash,
        Trouble::Take,
        Trouble::Expire,
        Trouble::Stall,
        Trouble::Outage,
        Trouble::Dependency,
        Trouble::Lever,
    ];

    /// What goes wrong in one schedule; in a quiet one only what is not wrong really.
    pub(crate) fn some(random: &mut Random, quiet: bool) -> Vec<Trouble> {
        let all = if quiet { &Trouble::ALL[..2] } else { &Trouble::ALL[..] };
        let chosen: Vec<_> = all.iter().copied().filter(|_| random.random_bool(0.6)).collect();
        if chosen.is_empty() { vec![all[0]] } else { chosen }
    }
}

impl World {
    pub(crate) fn next_trouble(&mut self) {
        if let Some(mean) = self.plan.rates.trouble {
            let wait = mean.mul_f64(self.random.random_range(0.1..2.0));
            self.agenda.note(self.now + wait, What::Trouble);
        }
    }

    pub(crate) fn trouble(&mut self) {
        if self.calm {
            return;
        }
        self.next_trouble();
        let kind = self.plan.troubles[self.random.random_range(0..self.plan.troubles.len())];
        let member = self.random.random_range(0..self.members.len());
        if self.members[member].core.is_none() {
            return;
        }
        say!(self, "TROUBLE {kind:?} {member}");
        match kind {
            Trouble::Move => self.regroup(0.7),
            Trouble::Stop => {
                self.members[member].stop = true;
                self.wake(member);
            }
            Trouble::Crash => self.crash(member),
            Trouble::Take => self.take_one(member),
            Trouble::Expire => self.zombie(member),
            Trouble::Outage => {
                self.counts.outages += 1;
                self.away_until = self.now + self.some_time(6000);
            }
            Trouble::Dependency => {
                self.dependency_away_until = self.now + self.some_time(3000);
            }
            Trouble::Lever => {
                self.pull_a_lever(member);
                self.wake(member);
            }
            Trouble::Stall => {
                let until = self.now + self.some_time(1500);
                self.members[member].stalled_until = until;
                if self.random.random_bool(0.5) && until > self.now + self.plan.session {
                    self.zombie(member);
                }
            }
        }
    }

    /// The group goes on without a worker, which learns of it later.
    fn zombie(&mut self, member: usize) {
        if !self.group.members[member].joined {
            return;
        }
        self.counts.expired += 1;
        self.expel(member);
        let session = self.group.members[member].session;
        let at = self.now + self.some_time(600);
        self.agenda.note(at, What::Expelled(self.who(member), session));
    }

    fn crash(&mut self, member: usize) {
        self.counts.crashed += 1;
        self.end_life(member);
        let session = self.group.members[member].session;
        self.agenda.note(self.now + self.plan.session, What::Expire(member, session));
    }

    pub(crate) fn expire(&mut self, member: usize, session: u32) {
        if self.group.members[member].session == session {
            self.expel(member);
        }
    }

    /// Nothing of this life is left but what is on its way; a next one follows.
    pub(crate) fn end_life(&mut self, member: usize) {
        self.leave_behind(member);
        self.members[member].end();
        let at = self.now + self.some_time(800);
        self.agenda.note(at, What::Restart(member));
    }

    /// Mostly short, sometimes up to this many milliseconds.
    pub(crate) fn some_time(&mut self, longest: u64) -> stage_sdk::core::Time {
        let longest = if self.random.random_bool(0.6) { 1 + longest / 20 } else { longest };
        ms(self.random.random_range(0..longest)) + self.latency()
    }

    /// Started again: in its old place, or as somebody new.
    pub(crate) fn restart(&mut self, member: usize) {
        if self.ending {
            return;
        }
        let new = self.random.random_bool(0.4);
        if new {
            self.expel(member);
            self.members[member].identity = self.broker.new_identity();
        }
        let who = self.who(member);
        self.open(who);
    }

    /// Asks for a producer, as a worker does before it joins.
    pub(crate) fn open(&mut self, who: Who) {
        if self.away_until > self.now {
            return self.agenda.note(self.away_until, What::Open(who));
        }
        let identity = self.members[who.member].identity;
        match self.broker.renew(identity) {
            Ok(producer) => self.begin_life(who.member, producer),
            Err(open) => {
                if let Some(number) = open {
                    self.decide(number, false);
                }
                let at = self.now + ms(self.random.random_range(1..20));
                self.agenda.note(at, What::Open(who));
            }
        }
    }
}
