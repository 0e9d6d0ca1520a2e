//! An operator at the levers: pause, resume, other limits, at any time.

use crate::plan::{ms, us};
use crate::world::World;
use rand::RngExt;
use stage_sdk::core::{Event, Limits, Time};

/// What a pace may let in at once: a handful, and what came too late.
const AT_ONCE: Time = Time::from_millis(120);

/// How the levers of a worker stand.
#[derive(Clone, Copy, Default)]
pub(crate) struct Levers {
    pub(crate) paused: bool,
    limits: Option<Limits>,
    /// Since then the limits hold; as many records had been taken.
    since: Time,
    taken: u64,
}

impl World {
    /// Pulls one of them.
    pub(crate) fn pull_a_lever(&mut self, number: usize) {
        self.counts.levers += 1;
        match self.random.random_range(0..4) {
            0 | 1 => self.pause(number, true),
            2 => self.pause(number, false),
            _ => {
                let each = match self.random.random_range(0..4) {
                    0 => None,
                    1 => Some(us(self.random.random_range(1..1000))),
                    _ => Some(ms(self.random.random_range(1..700))),
                };
                let max_in_flight = self.random.random_range(1..=self.plan.settings.max_in_flight);
                self.limit(number, Limits { max_in_flight, each });
            }
        }
    }

    /// Everything as it was at the start: nothing is to wait for an operator.
    pub(crate) fn let_go_of_levers(&mut self, number: usize) {
        if self.members[number].core.is_some() {
            self.pause(number, false);
            let max_in_flight = self.plan.settings.max_in_flight;
            self.limit(number, Limits { max_in_flight, each: None });
            self.wake(number);
        }
    }

    fn pause(&mut self, number: usize, paused: bool) {
        self.members[number].levers.paused = paused;
        self.step(number, if paused { Event::Pause } else { Event::Resume });
    }

    fn limit(&mut self, number: usize, limits: Limits) {
        let taken = self.taken_by(number);
        let levers = &mut self.members[number].levers;
        (levers.limits, levers.since, levers.taken) = (Some(limits), self.now, taken);
        self.step(number, Event::Limits(limits));
    }

    fn taken_by(&self, number: usize) -> u64 {
        self.members[number].core.as_ref().map_or(0, |core| core.counts().taken)
    }

    /// A record of the input reaches a worker.
    pub(crate) fn judge_taken(&mut self, number: usize) {
        let Levers { paused, limits, since, taken } = self.members[number].levers;
        let taken = (self.taken_by(number) - taken) as u32;
        self.oracle.hold(!paused, "who is paused takes nothing", || number.to_string());
        let each = limits.and_then(|limits| limits.each).unwrap_or_default();
        // A handful is one record at least.
        let in_time = each * taken.saturating_sub(1) <= self.now - since + AT_ONCE;
        self.oracle.hold(in_time, "a pace is kept", || {
            format!("{number}: {taken} of {each:?} since {since:?}")
        });
    }

    /// An attempt begins, besides those that run.
    pub(crate) fn judge_running(&mut self, number: usize) {
        let member = &self.members[number];
        let limits = member.levers.limits.map(|limits| limits.max_in_flight);
        let most = limits.unwrap_or(self.plan.settings.max_in_flight);
        let running = member.running.len();
        self.oracle.hold(running < most, "running is bounded", || {
            format!("{number}: {running} run, of {most}")
        });
    }
}
