//! What is done to them, one thing after the other, as a seed says.

use crate::around::Around;
use crate::crew::Crew;
use crate::engine::Engine;
use crate::scene::Scene;
use crate::weather::{SHARES, Weather};
use anyhow::Result;
use rand::rngs::Xoshiro256PlusPlus;
use rand::seq::IteratorRandom;
use rand::{RngExt, SeedableRng};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

/// Longer than a session, and than a transaction, may be silent.
const ZOMBIE: Duration = Duration::from_secs(10);

/// How long it is between two strikes, in milliseconds.
#[derive(Clone, Copy)]
pub(crate) struct Pace {
    pub(crate) shortest: u64,
    pub(crate) longest: u64,
}

pub(crate) struct Storm {
    /// Draws what a strike is made of, and when the next comes.
    seeds: Xoshiro256PlusPlus,
    /// Draws one strike: how much it draws depends on who is up, and must not change the next one.
    random: Xoshiro256PlusPlus,
    log: File,
    pace: Pace,
    /// No node of the broker is killed.
    spares_brokers: bool,
    began: Instant,
    /// The weather clears then.
    clears: Option<Instant>,
    /// A node of the broker is started again then.
    node_back: Option<(usize, Instant)>,
    /// The database is started again then.
    database_back: Option<Instant>,
    /// There is room on the disk again then.
    disk_free: Option<Instant>,
    cuts: u64,
    /// How often each thing was done.
    pub(crate) faults: BTreeMap<&'static str, u32>,
}

impl Storm {
    pub(crate) fn new(seeds: Xoshiro256PlusPlus, log: &Path, pace: Pace) -> Result<Storm> {
        Ok(Storm {
            random: seeds.clone(),
            seeds,
            log: File::create(log)?,
            pace,
            spares_brokers: false,
            began: Instant::now(),
            clears: None,
            node_back: None,
            database_back: None,
            disk_free: None,
            cuts: 0,
            faults: BTreeMap::new(),
        })
    }

    /// From now on no node of the broker is killed.
    pub(crate) fn spare_brokers(&mut self) {
        self.spares_brokers = true;
    }

    /// Goes on while `goes_on`, which is told how many processes have been killed.
    pub(crate) fn rage(&mut self, scene: &mut Scene, goes_on: impl Fn(u32) -> bool) -> Result<()> {
        let mut next = Instant::now() + Duration::from_secs(2);
        while goes_on(scene.crew.killed()) {
            scene.crew.tick()?;
            self.pass(scene)?;
            scene.arrivals.look(Duration::from_millis(20));
            if Instant::now() >= next {
                self.strike(scene)?;
                let Pace { shortest, longest } = self.pace;
                next = Instant::now()
                    + Duration::from_millis(self.seeds.random_range(shortest..longest));
            }
        }
        Ok(())
    }

    /// What is over ends.
    fn pass(&mut self, scene: &mut Scene) -> Result<()> {
        let now = Instant::now();
        if self.clears.is_some_and(|at| at <= now) {
            self.clear(&scene.engine);
        }
        if let Some((node, at)) = self.node_back
            && at <= now
        {
            self.node_back = None;
            scene.engine.start_node()?;
            self.note(&format!("node {node} starts"))?;
        }
        if let (Some(at), Some(database)) = (self.database_back, &mut scene.around.database)
            && at <= now
        {
            self.database_back = None;
            database.begin()?;
            self.note("the database starts")?;
        }
        if let (Some(at), Some(disk)) = (self.disk_free, &scene.around.disk)
            && at <= now
        {
            self.disk_free = None;
            disk.free();
            self.note("there is room on the disk")?;
        }
        Ok(())
    }

    /// The weather is fair, all nodes and the database run, the disk has room and the clocks are right.
    pub(crate) fn end(&mut self, scene: &mut Scene) -> Result<()> {
        let Scene { engine, around, .. } = scene;
        self.clear(engine);
        engine.proxies.iter().for_each(|proxy| proxy.cut_ends(0, 0));
        self.disk_free = None;
        around.disk.iter().for_each(|disk| disk.free());
        self.node_back = None;
        engine.await_node()?;
        engine.start_node()?;
        engine.await_node()?;
        self.database_back = None;
        if let Some(database) = &mut around.database {
            database.await_it()?;
            database.begin()?;
            database.await_it()?;
        }
        if let Some(clocks) = &around.clocks {
            let mut names = clocks.names().iter();
            names.try_for_each(|name| clocks.set(name, Duration::ZERO, true))?;
        }
        self.note("the storm is over")
    }

    fn clear(&mut self, engine: &Engine) {
        self.clears = None;
        self.send(engine, Weather { cuts: self.cuts, ..Weather::FAIR });
    }

    fn send(&self, engine: &Engine, weather: Weather) {
        for proxy in &engine.proxies {
            proxy.weather.send_replace(weather);
        }
    }

    fn strike(&mut self, scene: &mut Scene) -> Result<()> {
        self.random = Xoshiro256PlusPlus::seed_from_u64(self.seeds.random());
        let Scene { crew, engine, around, .. } = scene;
        let (kind, text) = match self.random.random_range(0..112) {
            0..66 => ("kill", self.kill(crew)?),
            66..72 => ("freeze", self.freeze(crew)?),
            72..79 => ("join or leave", crew.join_or_leave(&mut self.random)?),
            79..82 => ("broker", self.node(engine)?),
            82..93 => ("network", self.network(engine)),
            93..100 => ("end of a transaction", self.ends(engine)),
            100..104 => ("database", self.database(around)?),
            104..108 => ("full disk", self.disk(around)?),
            _ => ("clock", self.clock(around)?),
        };
        let Some(text) = text else { return Ok(()) };
        *self.faults.entry(kind).or_default() += 1;
        self.note(&text)
    }

    /// Mostly a few at once; of twenty times all of them once.
    fn kill(&mut self, crew: &mut Crew) -> Result<Option<String>> {
        let count = match self.random.random_range(0..20) {
            0 => usize::MAX,
            _ => self.random.random_range(1..=7),
        };
        let longest = Duration::from_millis(if self.random.random_bool(0.2) { 3_000 } else { 300 });
        let killed = crew.kill(count, longest, &mut self.random)?;
        Ok(Some(format!("kill {}", killed.join(" "))).filter(|_| !killed.is_empty()))
    }

    fn freeze(&mut self, crew: &mut Crew) -> Result<Option<String>> {
        let time = match self.random.random_bool(0.5) {
            true => ZOMBIE,
            false => Duration::from_millis(self.random.random_range(100..4_000)),
        };
        let frozen = crew.freeze(time, &mut self.random)?;
        Ok(frozen.map(|name| format!("freeze {name} for {time:?}")))
    }

    fn node(&mut self, engine: &mut Engine) -> Result<Option<String>> {
        if self.spares_brokers || self.node_back.is_some() || engine.is_starting()? {
            return Ok(None);
        }
        let node = self.random.random_range(0..engine.nodes());
        let away = Duration::from_millis(self.random.random_range(0..3_000));
        engine.kill_node(node)?;
        self.node_back = Some((node, Instant::now() + away));
        Ok(Some(format!("kill node {node} for {away:?}")))
    }

    fn network(&mut self, engine: &Engine) -> Option<String> {
        let random = &mut self.random;
        let mut weather = Weather {
            share: random.random_range(1..=SHARES),
            from: random.random_range(0..SHARES),
            cuts: self.cuts,
            ..Weather::FAIR
        };
        let what = match random.random_range(0..5) {
            0 => {
                weather.delay = Duration::from_millis(random.random_range(5..300));
                "late"
            }
            1 => {
                weather.up = false;
                "one way: only answers"
            }
            2 => {
                weather.down = false;
                "one way: no answers"
            }
            3 => {
                (weather.up, weather.down) = (false, false);
                "silent"
            }
            _ => {
                weather.cuts += 1;
                "reset"
            }
        };
        let time = Duration::from_millis(random.random_range(200..8_000));
        self.cuts = weather.cuts;
        self.clears = Some(Instant::now() + time);
        self.send(engine, weather);
        Some(format!("network: {what}, {weather:?}, for {time:?}"))
    }

    fn ends(&mut self, engine: &Engine) -> Option<String> {
        let (half, unanswered) = (self.random.random_range(0..3), self.random.random_range(0..4));
        engine.proxies.iter().for_each(|proxy| proxy.cut_ends(half, unanswered));
        Some(format!("ends of transactions: {half} cut half-way, {unanswered} unanswered"))
    }

    fn database(&mut self, around: &mut Around) -> Result<Option<String>> {
        let Some(database) = &mut around.database else { return Ok(None) };
        if self.database_back.is_some() || database.is_starting()? {
            return Ok(None);
        }
        // An API that starts meanwhile waits four seconds for it, in which it has to be back.
        let away = Duration::from_millis(self.random.random_range(0..1_000));
        database.kill()?;
        self.database_back = Some(Instant::now() + away);
        Ok(Some(format!("kill the database for {away:?}")))
    }

    fn disk(&mut self, around: &Around) -> Result<Option<String>> {
        let Some(disk) = around.disk.as_ref().filter(|_| self.disk_free.is_none()) else {
            return Ok(None);
        };
        let time = Duration::from_millis(self.random.random_range(100..4_000));
        disk.fill()?;
        self.disk_free = Some(Instant::now() + time);
        Ok(Some(format!("the disk is full for {time:?}")))
    }

    /// One clock is set, and stays as it is.
    fn clock(&mut self, around: &Around) -> Result<Option<String>> {
        let Some(clocks) = &around.clocks else { return Ok(None) };
        let Some(name) = clocks.names().iter().choose(&mut self.random) else { return Ok(None) };
        // Kafka takes no record from more than an hour ahead. An API whose clock jumps by more than 20 s while
        // it sends an order, and that dies before it has noted that, may send it again.
        let most = if name.starts_with("api") { 20_000 } else { 3_000_000 };
        let longest = [200, 10_000, most][self.random.random_range(0..3)];
        let by = Duration::from_millis(self.random.random_range(0..longest));
        let ahead = self.random.random_bool(0.5);
        clocks.set(name, by, ahead)?;
        let how = if ahead { "ahead" } else { "behind" };
        Ok(Some(format!("the clock of {name} is {by:?} {how}")))
    }

    fn note(&mut self, text: &str) -> Result<()> {
        Ok(writeln!(self.log, "{:8.3} {text}", self.began.elapsed().as_secs_f64())?)
    }
}
