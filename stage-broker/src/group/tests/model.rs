//! Random clients against the groups; what must hold whatever they do.

mod clients;
mod laws;

use super::*;
use clients::Client;
use std::collections::BTreeSet;

/// Numbers that look random; the same for the same seed.
pub(super) struct Dice(u64);

impl Dice {
    /// One of `0..sides`.
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % sides as u64) as usize
    }

    fn once_in(&mut self, sides: usize) -> bool {
        self.roll(sides) == 0
    }
}

/// What we know must be so, from answers alone.
#[derive(Default)]
struct Known {
    /// The highest generation that anybody joined, since the last restart.
    generation: i32,
    /// The protocol of each generation.
    protocols: BTreeMap<i32, Option<String>>,
    /// The latest member id of each instance.
    owners: BTreeMap<String, String>,
    /// Members that were told that they are none.
    gone: BTreeSet<String>,
    /// Who was given which assignment: an instance, or a dynamic member.
    holders: BTreeMap<(i32, Bytes), String>,
    offsets: BTreeMap<i32, (i64, u64)>,
    open: BTreeMap<i64, BTreeMap<i32, (i64, u64)>>,
    commits: u64,
}

struct World {
    dice: Dice,
    desk: Desk,
    clients: Vec<Client>,
    known: Known,
}

#[test]
fn whatever_clients_do_the_laws_hold() {
    let mut seen = [0_usize; 4];
    for seed in 0..60 {
        let mut world = World::new(seed);
        for _ in 0..400 {
            world.step();
            world.check();
            seen[world.desk.state().map_or(0, |state| state as usize)] += 1;
        }
        world.calm_down();
    }
    assert!(seen.iter().all(|times| *times > 1_000), "all states were there: {seen:?}");
}

impl World {
    fn new(seed: u64) -> World {
        let mut dice = Dice(seed);
        let settings = Settings {
            initial_rebalance_delay: [0, 3_000][dice.roll(2)],
            max_size: [3, 100][dice.roll(2)],
            ..Settings::default()
        };
        let instances = [None, None, None, Some("i"), Some("i"), Some("j")];
        let clients = instances.into_iter().map(Client::new).collect();
        World { dice, desk: Desk::with(settings), clients, known: Known::default() }
    }

    fn step(&mut self) {
        self.desk.broken = self.dice.once_in(15);
        let client = self.dice.roll(self.clients.len());
        match self.dice.roll(27) {
            0..=6 => self.join(client),
            7..=11 => self.sync(client),
            12..=13 => self.heartbeat(client),
            14 if self.dice.once_in(2) => self.leave(client),
            14 => self.hang_up(client),
            15..=17 => self.commit(client),
            18 => self.commit_as_nobody(),
            19..=20 => self.end_transaction(),
            21 => self.pass(),
            22 if self.dice.once_in(3) => self.restart(),
            22 => self.pass(),
            23 => self.delete(),
            _ => self.settle(),
        }
        self.desk.broken = false;
        self.listen();
    }

    /// All clients do what they should, until most are in.
    fn settle(&mut self) {
        for _ in 0..2 {
            (0..self.clients.len()).for_each(|client| self.join(client));
            self.listen();
        }
        for _ in 0..61 {
            if self.clients.iter().any(|client| client.waiting.is_some()) {
                self.desk.pass(1_000);
                self.listen();
            }
        }
        for client in 0..self.clients.len() {
            self.sync(client);
            self.listen();
        }
    }

    fn pass(&mut self) {
        let time = [10, 1_000, 7_000, 20_000, 61_000][self.dice.roll(5)];
        self.desk.pass(time);
    }

    fn restart(&mut self) {
        self.desk.broken = false;
        self.desk.restart();
        self.clients.iter_mut().for_each(|client| client.waiting = None);
        self.known.gone.clear();
        self.known.owners.clear();
        self.known.generation = 0;
        self.known.protocols.clear();
        if let Some(Value::Group(stored)) = self.desk.written.get(&Key::Group("g".into())) {
            self.known.generation = stored.generation;
            for member in &stored.members {
                if let Some(instance) = &member.instance {
                    self.known.owners.insert(instance.clone(), member.id.clone());
                }
            }
        }
    }

    fn delete(&mut self) {
        let step = self.desk.groups.delete("g");
        let deleted = self.desk.follow(step);
        if deleted.is_ok() && !self.desk.broken {
            self.known.offsets.clear();
            self.known.open.clear();
        }
    }
}
