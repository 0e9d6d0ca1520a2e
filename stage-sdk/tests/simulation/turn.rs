//! A worker's loop, one round at a time, as the acting half goes it: replies, the group, records,
//! handlers, time.

use crate::agenda::What;
use crate::plan::{ms, us};
use crate::say;
use crate::world::World;
use rand::RngExt;
use stage_sdk::core::{Event, Partition, Time};

pub(crate) fn partition(number: usize) -> Partition {
    Partition { input: number as u16 % 2, number: number as i32 }
}

pub(crate) fn partitions(numbers: &[usize]) -> Vec<Partition> {
    numbers.iter().map(|number| partition(*number)).collect()
}

impl World {
    /// Something is there for a worker.
    pub(crate) fn wake(&mut self, member: usize) {
        let at = self.now + us(self.random.random_range(5..100));
        self.turn_at(member, at);
    }

    fn turn_at(&mut self, number: usize, at: Time) {
        let member = &mut self.members[number];
        let at = at.max(member.stalled_until);
        if member.core.is_some() && member.next_turn.is_none_or(|next| at < next) {
            member.next_turn = Some(at);
            let who = self.who(number);
            self.agenda.note(at, What::Turn(who));
        }
    }

    pub(crate) fn turn(&mut self, number: usize) {
        let member = &mut self.members[number];
        if member.next_turn != Some(self.now) {
            return;
        }
        member.next_turn = None;
        if self.now < member.stalled_until {
            return self.wake(number);
        }
        if member.stop && member.stopped_at.is_none() {
            member.stopped_at = Some(self.now);
            say!(self, "{number} STOP");
            self.step(number, Event::Stop);
        }
        let news = self.replies(number) | self.lane_replies(number) | self.notes(number);
        let busy = self.receive(number) | self.finish_ready(number);
        let due = self.deadline(number).is_some_and(|due| due <= self.now);
        if due {
            self.step(number, Event::Tick);
        }
        if !busy {
            self.step(number, Event::Quiet);
        }
        self.judge(number, due && !news && !busy);
        let member = &self.members[number];
        if member.exit.is_some() {
            return self.leave(number);
        }
        let soon = self.now + us(20);
        let next = match (busy, self.deadline(number)) {
            (true, _) => soon,
            (false, due) => due.map_or(self.now + ms(100), |due| due.min(self.now + ms(100))),
        };
        self.turn_at(number, next.max(soon));
    }

    /// The worker has ended: it leaves the group, and another takes its place.
    fn leave(&mut self, number: usize) {
        self.judge_exit(number);
        self.expel(number);
        self.end_life(number);
    }
}
