//! Random producers against the transactions; what must hold whatever they do.

mod laws;
mod producers;

use super::*;
use std::collections::BTreeSet;

/// Numbers that look random; the same for the same seed.
struct Dice(u64);

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

/// What we know of one transactional id, from answers alone.
#[derive(Default)]
struct Known {
    /// Who was last told to go on; none: it was fenced since.
    owner: Option<Producer>,
    partitions: BTreeSet<(String, i32)>,
    groups: BTreeSet<String>,
    open: bool,
    /// What was decided, until its markers are written.
    decided: Option<WriteMarkers>,
    /// How the last transaction of the owner ended.
    ended: Option<bool>,
}

struct World {
    dice: Dice,
    desk: Desk,
    ids: Vec<String>,
    known: BTreeMap<String, Known>,
    /// Every producer that ever was, with its transactional id.
    producers: BTreeMap<Producer, String>,
    /// EndTxn requests that wait.
    waiting: BTreeMap<Token, (String, Producer, bool)>,
    /// Markers on their way.
    way: Vec<WriteMarkers>,
    counts: BTreeMap<&'static str, usize>,
}

#[test]
fn whatever_producers_do_the_laws_hold() {
    let mut counts = BTreeMap::new();
    for seed in 0..150 {
        let mut world = World::new(seed);
        for _ in 0..400 {
            world.step();
            world.check();
        }
        for (name, count) in world.counts {
            *counts.entry(name).or_insert(0) += count;
        }
    }
    for name in ["begun", "commit", "abort", "fenced", "rotated", "restarted", "unwritten"] {
        assert!(counts.get(name).is_some_and(|count| *count > 100), "{name} was there: {counts:?}");
    }
}

impl World {
    fn new(seed: u64) -> World {
        let ids: Vec<String> = ["x", "y", "z"].map(str::to_owned).to_vec();
        let known = ids.iter().map(|id| (id.clone(), Known::default())).collect();
        let mut world = World {
            dice: Dice(seed),
            desk: Desk::new(),
            ids,
            known,
            producers: BTreeMap::new(),
            waiting: BTreeMap::new(),
            way: Vec::new(),
            counts: BTreeMap::new(),
        };
        world.init("x".into(), Producer::NONE);
        // The epochs of x run out soon.
        let worn = world.desk.wear(i16::MAX - 4);
        world.known.get_mut("x").unwrap().owner = Some(worn);
        world.producers.insert(worn, "x".into());
        world
    }

    fn count(&mut self, name: &'static str) {
        *self.counts.entry(name).or_insert(0) += 1;
    }

    fn step(&mut self) {
        self.desk.broken = self.dice.once_in(15);
        let id = self.ids[self.dice.roll(3)].clone();
        let producer = self.some_producer(&id);
        match self.dice.roll(20) {
            0..=2 => {
                let claimed = if self.dice.once_in(2) { producer } else { Producer::NONE };
                self.init(id, claimed);
            }
            3..=7 => self.add(id, producer),
            8..=11 => self.end(id, producer),
            12..=16 => self.mark(),
            17 => self.pass(),
            18 if self.dice.once_in(4) => self.restart(),
            _ => self.pass(),
        }
        self.desk.broken = false;
        self.listen();
    }
}
