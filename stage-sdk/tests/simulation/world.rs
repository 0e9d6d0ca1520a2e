//! One schedule from its beginning to its end.

use crate::agenda::{Agenda, What, Who};
use crate::broker::Broker;
use crate::case::Case;
use crate::faults::Fault;
use crate::group::Group;
use crate::input::REDIRECT;
use crate::member::Member;
use crate::oracle::{Broken, Oracle};
use crate::plan::{Plan, ms};
use crate::run::Counts;
use rand::RngExt;
use rand::rngs::Xoshiro256PlusPlus as Random;
use stage_sdk::core::Time;

/// Once nothing goes wrong any more, everything must have ended after this long.
const PATIENCE: Time = Time::from_secs(60);

/// Tells what happens, where a single schedule is looked at.
#[macro_export]
macro_rules! say {
    ($world:expr, $($text:tt)*) => {
        if $world.talks {
            eprintln!("{:>10.3?} {}", $world.now, format_args!($($text)*));
        }
    };
}

pub(crate) struct World {
    pub(crate) now: Time,
    pub(crate) random: Random,
    pub(crate) plan: Plan,
    pub(crate) agenda: Agenda,
    pub(crate) broker: Broker,
    pub(crate) group: Group,
    pub(crate) members: Vec<Member>,
    pub(crate) oracle: Oracle,
    /// What the driver does wrong on purpose.
    pub(crate) fault: Option<Fault>,
    /// Nothing reaches the broker until then.
    pub(crate) away_until: Time,
    /// Every attempt finds that what it depends on is away, until then.
    pub(crate) dependency_away_until: Time,
    /// Nothing goes wrong any more.
    pub(crate) calm: bool,
    /// All is done, the workers are told to stop.
    pub(crate) ending: bool,
    pub(crate) counts: Counts,
    pub(crate) talks: bool,
}

impl World {
    pub(crate) fn new(case: &Case, talks: bool) -> World {
        let (plan, random) = case.draw();
        let partitions = plan.records.len();
        let mut world = World {
            now: Time::ZERO,
            agenda: Agenda::default(),
            broker: Broker::new(partitions, REDIRECT + 1),
            group: Group::new(plan.workers, partitions),
            members: (0..plan.workers)
                .map(|_| Member::new(partitions, plan.settings.retry.clone()))
                .collect(),
            oracle: Oracle::new(&plan),
            random,
            plan,
            fault: case.fault,
            away_until: Time::ZERO,
            dependency_away_until: Time::ZERO,
            calm: false,
            ending: false,
            counts: Counts::default(),
            talks,
        };
        for member in 0..world.members.len() {
            world.members[member].identity = world.broker.new_identity();
            let at = world.some_time(100);
            world.agenda.note(at, What::Restart(member));
        }
        let mut arrivals: Vec<Time> =
            world.plan.records.iter().flatten().map(|record| record.at).collect();
        arrivals.dedup_by(|later, earlier| *later < *earlier + ms(1));
        arrivals.iter().for_each(|at| world.agenda.note(*at, What::Arrival));
        world.agenda.note(world.plan.calm, What::Calm);
        world.add_later();
        world.next_trouble();
        world.next_operator(ms(0));
        world
    }

    /// Runs to the end; gives what of the rules was broken first.
    pub(crate) fn run(&mut self) -> Result<Counts, Broken> {
        let last = self.plan.records.iter().flatten().map(|record| record.at).max();
        let patience = self.plan.calm.max(last.unwrap_or_default()) + PATIENCE;
        while let Some((at, what)) = self.agenda.next() {
            self.now = at;
            self.oracle.now = at;
            self.happen(what);
            if let Some(broken) = self.oracle.broken.take() {
                say!(self, "{broken}");
                return Err(broken);
            }
            if self.oracle.is_done(&self.plan) && !self.ending {
                self.finish();
            }
            if self.ending && self.members.iter().all(|member| member.core.is_none()) {
                self.counts.schedules = 1;
                self.counts.passed = self.oracle.passed;
                return Ok(self.counts);
            }
            if at > patience {
                break;
            }
        }
        Err(Broken { rule: "everything ends", what: self.oracle.left(&self.plan) })
    }

    fn happen(&mut self, what: What) {
        let at_hand = self.now >= self.away_until;
        match what {
            What::Arrival => (0..self.members.len()).for_each(|member| self.wake(member)),
            What::Added => self.added(),
            What::Turn(who) if self.lives(who) => self.turn(who.member),
            What::Ready(who, id, attempt) if self.lives(who) => self.ready(who.member, id, attempt),
            What::Lane(who) if self.lives(who) => self.lane(who),
            What::Courier(who) if self.lives(who) => self.courier(who),
            What::Deliver(who, producer) if self.lives(who) && at_hand => {
                self.deliver(who.member, producer).ok();
            }
            What::LateEnd(producer) => {
                self.end_transaction(producer, true).ok();
            }
            What::Marker(number, place) => self.mark(number, place),
            What::TimeOut(number) => self.time_out(number),
            What::Sync(who, sync) if self.lives(who) => self.sync(who, sync),
            What::Expire(member, session) => self.expire(member, session),
            What::Expelled(who, session) if self.lives(who) => self.expelled(who, session),
            What::Taken(who, partition) if self.lives(who) => self.taken(who, partition),
            What::Rejoin(who) if self.lives(who) => self.rejoin(who),
            What::Restart(member) => self.restart(member),
            What::Open(who) => self.open(who),
            What::Operator => self.operator(),
            What::Control(of, command) => self.control(of, command),
            What::Trouble => self.trouble(),
            What::Calm => {
                self.calm = true;
                (0..self.members.len()).for_each(|member| self.let_go_of_levers(member));
                self.change_the_rest();
            }
            _ => {}
        }
    }

    /// All records are done and seen: now the workers are to stop.
    fn finish(&mut self) {
        self.calm = true;
        self.ending = true;
        (0..self.members.len()).for_each(|member| self.let_go_of_levers(member));
        for member in 0..self.members.len() {
            self.members[member].stop = true;
            self.wake(member);
        }
    }

    pub(crate) fn who(&self, member: usize) -> Who {
        Who { member, life: self.members[member].life }
    }

    fn lives(&self, who: Who) -> bool {
        self.members[who.member].life == who.life && self.members[who.member].core.is_some()
    }

    /// How long a request takes on its way.
    pub(crate) fn latency(&mut self) -> Time {
        let usual = self.plan.rates.latency.as_micros() as u64;
        let mut latency = self.random.random_range(usual / 4..usual * 2);
        if !self.calm && self.random.random_bool(self.plan.rates.stall) {
            latency += self.random.random_range(0..400_000);
        }
        Time::from_micros(latency)
    }
}
