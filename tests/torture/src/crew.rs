//! All processes of both chains: the stages, two of each, and the API.

use crate::around::Around;
use crate::chain::Chain;
use crate::interrupt;
use crate::place::program;
use crate::process::{Most, Process, Usage};
use anyhow::{Result, ensure};
use rand::Rng;
use rand::seq::IteratorRandom;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::time::{Duration, Instant};

/// What every client of theirs is told: to be missed, and to lose its transaction, sooner than by default.
const SOONER: [&str; 3] =
    ["session.timeout.ms=6000", "heartbeat.interval.ms=1000", "transaction.timeout.ms=8000"];

pub(crate) struct Crew {
    processes: Vec<Process>,
    /// Where the API listens.
    pub(crate) api: String,
    pub(crate) kills: BTreeMap<String, u32>,
    /// Whether only the second process of a stage is ever killed.
    spares: bool,
    /// Ends nobody asked for, and stops that took too long or ended badly.
    pub(crate) troubles: Vec<String>,
}

impl Crew {
    pub(crate) fn hire(
        chains: &[Chain],
        brokers: &str,
        dir: &Path,
        around: &mut Around,
    ) -> Result<Crew> {
        let mut processes = Vec::new();
        for chain in chains {
            for (stage, instance) in chain.stages.iter().flat_map(|stage| [(stage, 0), (stage, 1)])
            {
                let name = format!("{}-{instance}", stage.name);
                let state = dir.join("state").join(&name);
                let mut args = vec!["--stage".to_owned(), stage.name.to_owned()];
                args.extend(["--brokers".into(), brokers.into(), "--config".into()]);
                args.extend([chain.map.display().to_string(), "--state-dir".into()]);
                args.push(state.display().to_string());
                SOONER.iter().for_each(|one| args.extend(["-X".into(), (*one).into()]));
                let log = dir.join(format!("{name}.log"));
                let mut environment = around.environment(&name)?;
                environment.push(("STAGE_NAME", stage.name.to_owned()));
                processes.push(Process::new(name, stage.program()?, args, environment, log));
            }
        }
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let api = format!("127.0.0.1:{port}");
        let map = chains[0].map.display().to_string();
        let data = around.data("api").display().to_string();
        let args = ["--brokers", brokers, "--config", &map, "--listen", &api, "--data", &data];
        let args = args.map(String::from).to_vec();
        let log = dir.join("api.log");
        let environment = around.environment("api")?;
        processes.push(Process::new("api".into(), program("pizza-api")?, args, environment, log));
        Ok(Crew { processes, api, kills: BTreeMap::new(), spares: false, troubles: Vec::new() })
    }

    /// Looks after all of them.
    pub(crate) fn tick(&mut self) -> Result<()> {
        ensure!(!interrupt::is_asked(), "interrupted");
        let now = Instant::now();
        for process in &mut self.processes {
            self.troubles.extend(process.tick(now)?);
        }
        Ok(())
    }

    /// From now on the first process of each stage, and the API, are not killed.
    pub(crate) fn spare(&mut self) {
        self.spares = true;
    }

    /// What those use now that are not killed.
    pub(crate) fn usage(&self) -> BTreeMap<String, Usage> {
        let spared = self.processes.iter().filter(|process| is_spared(process));
        spared.filter_map(|process| Some((process.name.clone(), process.usage()?))).collect()
    }

    pub(crate) fn killed(&self) -> u32 {
        self.kills.values().sum()
    }

    /// Kills up to `count` of those that run; each starts again within `longest`.
    pub(crate) fn kill(
        &mut self,
        count: usize,
        longest: Duration,
        random: &mut impl Rng,
    ) -> Result<Vec<String>> {
        let may = |process: &Process| process.is_up() && !(self.spares && is_spared(process));
        let up = (0..self.processes.len()).filter(|at| may(&self.processes[*at]));
        let chosen = up.sample(random, count);
        let mut killed = Vec::new();
        for at in chosen {
            let after = longest.mul_f64(rand::RngExt::random(random));
            killed.extend(self.kill_one(at, after)?);
        }
        Ok(killed)
    }

    fn kill_one(&mut self, at: usize, after: Duration) -> Result<Option<String>> {
        let process = &mut self.processes[at];
        if !process.kill(after)? {
            return Ok(None);
        }
        let (kind, _) = process.name.split_once('-').unwrap_or((&process.name, ""));
        *self.kills.entry(kind.to_owned()).or_default() += 1;
        Ok(Some(process.name.clone()))
    }

    /// Kills every stage, and starts none of them.
    pub(crate) fn kill_stages(&mut self) -> Result<()> {
        for at in 0..self.processes.len() {
            if self.processes[at].name != "api" {
                self.kill_one(at, Duration::ZERO)?;
                self.processes[at].stays_down();
            }
        }
        Ok(())
    }

    /// One that runs stands still for so long.
    pub(crate) fn freeze(
        &mut self,
        time: Duration,
        random: &mut impl Rng,
    ) -> Result<Option<String>> {
        let Some(process) = self.processes.iter_mut().filter(|one| one.is_up()).choose(random)
        else {
            return Ok(None);
        };
        process.freeze(time)?;
        Ok(Some(process.name.clone()))
    }

    /// A second instance of a stage leaves, or comes back if it is away.
    pub(crate) fn join_or_leave(&mut self, random: &mut impl Rng) -> Result<Option<String>> {
        let second = self.processes.iter_mut().filter(|one| one.name.ends_with("-1"));
        let Some(process) = second.choose(random) else { return Ok(None) };
        let name = process.name.clone();
        if process.is_away() {
            process.come();
            return Ok(Some(format!("{name} comes")));
        }
        process.leave(false)?;
        Ok(Some(format!("{name} leaves")))
    }

    /// All are to be there; returns once they run.
    pub(crate) fn gather(&mut self) -> Result<()> {
        while !self.processes.iter().all(Process::is_up) {
            for process in &mut self.processes {
                process.wake()?;
                process.come();
            }
            self.tick()?;
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// SIGTERM to all; returns when they have ended.
    pub(crate) fn stop(&mut self) -> Result<()> {
        self.processes.iter_mut().try_for_each(|process| process.leave(true))?;
        while !self.processes.iter().all(Process::is_away) {
            self.tick()?;
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// How often the identity of one was taken, by what was asked for before and came late.
    pub(crate) fn fenced(&self) -> Result<usize> {
        self.processes.iter().map(Process::fenced).sum()
    }

    /// The most any has used, by program.
    pub(crate) fn most(&self) -> BTreeMap<String, Most> {
        let mut all: BTreeMap<String, Most> = BTreeMap::new();
        for process in &self.processes {
            let (kind, _) = process.name.split_once('-').unwrap_or((&process.name, ""));
            let most = all.entry(kind.to_owned()).or_default();
            most.memory_kib = most.memory_kib.max(process.most.memory_kib);
            most.files = most.files.max(process.most.files);
        }
        all
    }
}

/// Whether a soak kills it not.
fn is_spared(process: &Process) -> bool {
    !process.name.ends_with("-1")
}
