//! One round: a storm over both chains, all stages dead at once, all there again, and the judgement.

use crate::Options;
use crate::history;
use crate::input::Source;
use crate::report::{self, Report};
use crate::scene::{self, Scene};
use crate::storm::{Pace, Storm};
use anyhow::Result;
use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;
use serde_json::json;
use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Instant;

const FAULTS: Pace = Pace { shortest: 300, longest: 1_300 };

pub(crate) fn run(
    options: &Options,
    seed: u64,
    dir: &Path,
    environment: BTreeMap<&'static str, String>,
) -> Result<Report> {
    let began = Instant::now();
    let mut scene = Scene::set(options, dir)?;
    let orders = Source::orders(&scene.crew.api, options.pace, 0, 0);
    let tasks = Source::tasks(&scene.chains[1], &scene.brokers, options.pace, seed, 0);

    let random = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut storm = Storm::new(random, &scene.dir.join("storm.log"), FAULTS)?;
    let shown = std::io::stderr().is_terminal();
    let mut phases = Phases::begin();
    storm.rage(&mut scene, |killed| {
        if shown {
            eprint!("\rseed {seed}: {killed} of {} kills ", options.kills);
        }
        killed < options.kills
    })?;
    if shown {
        eprintln!();
    }
    storm.end(&mut scene)?;

    let Scene { dir, brokers, .. } = &scene;
    let (dir, brokers) = (dir.clone(), brokers.clone());
    phases.end();
    scene.crew.kill_stages()?;
    history::write(&scene.chains, &brokers, &dir.join("halted"))?;
    phases.end();
    scene.crew.gather()?;
    let totals = [orders.total.clone(), tasks.total.clone()];
    let (ordered, tasked) = (orders.end()?, tasks.end()?);
    let totals = totals.map(|total| total.load(Ordering::Relaxed));
    let late = scene.await_all(totals)?;
    scene::ask_api(&scene.crew.api, &ordered, &dir.join("orders.jsonl"))?;
    history::write_json(&dir, "acknowledged.json", &json!({ "pizza": ordered, "hard": tasked }))?;
    phases.end();
    scene.crew.stop()?;
    history::write(&scene.chains, &brokers, &dir.join("end"))?;
    phases.end();

    let (halted, wrong) = report::judge(&dir.join("halted"), true)?;
    let mut troubles = std::mem::take(&mut scene.crew.troubles);
    troubles.extend(late);
    troubles.extend(wrong.into_iter().map(|text| format!("halted: {text}")));
    let (end, wrong) = report::judge(&dir.join("end"), false)?;
    troubles.extend(wrong);
    Ok(Report {
        seed,
        engine: options.engine_name(),
        seconds: began.elapsed().as_secs(),
        phases: phases.took,
        pace: options.pace,
        kills: scene.crew.kills.clone(),
        faults: storm.faults,
        ends_of_transactions_cut: scene.engine.proxies.iter().map(|proxy| proxy.ends_cut()).sum(),
        fenced: scene.crew.fenced()?,
        most: scene.crew.most(),
        halted,
        end,
        soak: Vec::new(),
        troubles,
        environment,
    })
}

/// How long each part of the round took.
struct Phases {
    took: [f64; 4],
    ended: usize,
    since: Instant,
}

impl Phases {
    fn begin() -> Phases {
        Phases { took: [0.0; 4], ended: 0, since: Instant::now() }
    }

    fn end(&mut self) {
        self.took[self.ended] = self.since.elapsed().as_secs_f64();
        self.ended += 1;
        self.since = Instant::now();
    }
}
