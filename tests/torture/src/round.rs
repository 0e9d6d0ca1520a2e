//! One round: a storm over both chains, all stages dead at once, all there again, and the judgement.

use crate::Options;
use crate::arrivals::Arrivals;
use crate::chain::{self, Chain};
use crate::crew::Crew;
use crate::engine::Engine;
use crate::history;
use crate::input::Source;
use crate::interrupt;
use crate::report::{self, Report};
use crate::storm::Storm;
use anyhow::{Context, Result, ensure};
use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// For everything to come out once nothing is hurt any more.
const LIMIT: Duration = Duration::from_secs(180);

pub(crate) fn run(
    options: &Options,
    seed: u64,
    dir: &Path,
    environment: BTreeMap<&'static str, String>,
) -> Result<Report> {
    let began = Instant::now();
    if dir.exists() {
        std::fs::remove_dir_all(dir)?;
    }
    std::fs::create_dir_all(dir)?;
    let dir = dir.canonicalize()?;
    let mut engine = Engine::start(options.engine, &dir)?;
    let brokers = engine.bootstrap();
    let chains = [chain::pizza(&dir), chain::hard(&dir)];
    chains.iter().try_for_each(|chain| chain.apply(&brokers))?;
    std::fs::write(dir.join("chains.json"), serde_json::to_vec_pretty(&chains)?)?;
    let mut crew = Crew::hire(&chains, &brokers, &dir)?;
    crew.tick()?;
    let orders = Source::orders(&crew.api, options.pace);
    let tasks = Source::tasks(&chains[1], &brokers, options.pace, seed);
    let mut arrivals = Arrivals::of(&chains, &brokers)?;

    let random = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut storm = Storm::new(random, &dir.join("storm.log"))?;
    let shown = std::io::stderr().is_terminal();
    let tell = |kills| {
        if shown {
            eprint!("\rseed {seed}: {kills} of {} kills ", options.kills);
        }
    };
    let mut phases = Phases::begin();
    storm.rage(options.kills, &mut crew, &mut engine, &mut arrivals, tell)?;
    if shown {
        eprintln!();
    }
    storm.end(&mut engine)?;

    phases.end();
    crew.kill_stages()?;
    history::write(&chains, &brokers, &dir.join("halted"))?;
    phases.end();
    crew.gather()?;
    let totals = [orders.total.clone(), tasks.total.clone()];
    let (ordered, tasked) = (orders.end()?, tasks.end()?);
    let totals = totals.map(|total| total.load(Ordering::Relaxed));
    let late = await_all(&chains, totals, &mut crew, &mut arrivals)?;
    let told = ask_api(&crew.api, &ordered)?;
    write_json(&dir, "acknowledged.json", &json!({ "pizza": ordered, "hard": tasked }))?;
    write_json(&dir, "orders.json", &told.into())?;
    phases.end();
    crew.stop()?;
    history::write(&chains, &brokers, &dir.join("end"))?;
    phases.end();

    let (halted, wrong) = report::judge(&dir.join("halted"), true)?;
    let mut troubles = std::mem::take(&mut crew.troubles);
    troubles.extend(late);
    troubles.extend(wrong.into_iter().map(|text| format!("halted: {text}")));
    let (end, wrong) = report::judge(&dir.join("end"), false)?;
    troubles.extend(wrong);
    Ok(Report {
        seed,
        engine: options.engine_name(),
        seconds: began.elapsed().as_secs(),
        phases: phases.took,
        kills: crew.kills.clone(),
        faults: storm.faults,
        ends_of_transactions_cut: engine.proxies.iter().map(|proxy| proxy.ends_cut()).sum(),
        fenced: crew.fenced(),
        most: crew.most(),
        halted,
        end,
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

/// Waits until as many records have come out as went in; what is missing at the deadline comes back.
fn await_all(
    chains: &[Chain],
    totals: [usize; 2],
    crew: &mut Crew,
    arrivals: &mut Arrivals,
) -> Result<Vec<String>> {
    let deadline = Instant::now() + LIMIT;
    loop {
        crew.tick()?;
        arrivals.look(Duration::from_millis(100));
        let missing = chains.iter().zip(totals).filter_map(|(chain, total)| {
            let there = arrivals.of_chain(chain.name);
            let text = || format!("{}: {there} of {total} came out in {LIMIT:?}", chain.name);
            (there < total).then(text)
        });
        let missing: Vec<String> = missing.collect();
        if missing.is_empty() || Instant::now() > deadline {
            return Ok(missing);
        }
    }
}

/// What the API tells of these orders, once it tells that they are complete, or does not in time.
fn ask_api(api: &str, orders: &[Value]) -> Result<Vec<Value>> {
    let config = ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(30)));
    let agent: ureq::Agent = config.build().into();
    let deadline = Instant::now() + LIMIT;
    let mut told = Vec::new();
    for order in orders {
        let id = order["order"].as_str().context("an order without an id")?;
        let url = format!("http://{api}/order/{id}");
        loop {
            ensure!(!interrupt::is_asked(), "interrupted");
            let asked = agent.get(&url).call();
            match asked.and_then(|mut answer| answer.body_mut().read_json::<Value>()) {
                Ok(answer) if answer["complete"] == true || Instant::now() > deadline => {
                    told.push(answer);
                    break;
                }
                Err(_) if Instant::now() > deadline => break,
                _ => std::thread::sleep(Duration::from_millis(50)),
            }
        }
    }
    Ok(told)
}

fn write_json(dir: &Path, name: &str, value: &Value) -> Result<()> {
    std::fs::write(dir.join(name), serde_json::to_vec(value)?)
        .with_context(|| format!("write {name}"))
}
