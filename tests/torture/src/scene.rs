//! The brokers, the chains and their processes: what a round and a soak take place in.

use crate::Options;
use crate::around::{self, Around};
use crate::arrivals::Arrivals;
use crate::chain::{self, Chain};
use crate::crew::Crew;
use crate::engine::Engine;
use crate::interrupt;
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// For everything to come out once nothing is hurt any more.
const LIMIT: Duration = Duration::from_secs(180);

pub(crate) struct Scene {
    pub(crate) dir: PathBuf,
    pub(crate) brokers: String,
    pub(crate) chains: [Chain; 2],
    pub(crate) crew: Crew,
    pub(crate) arrivals: Arrivals,
    /// Dropped after the crew, as is what is around.
    pub(crate) engine: Engine,
    pub(crate) around: Around,
}

impl Scene {
    /// Empties the directory; everything runs when this returns.
    pub(crate) fn set(options: &Options, dir: &Path) -> Result<Scene> {
        if dir.exists() {
            around::clear(dir);
            std::fs::remove_dir_all(dir)?;
        }
        std::fs::create_dir_all(dir)?;
        let dir = dir.canonicalize()?;
        let mut around = Around::lay(options, &dir)?;
        let engine = Engine::start(options.engine, &dir, &mut around)?;
        let brokers = engine.bootstrap();
        let chains = [chain::pizza(&dir), chain::hard(&dir)];
        chains.iter().try_for_each(|chain| chain.apply(&brokers))?;
        std::fs::write(dir.join("chains.json"), serde_json::to_vec_pretty(&chains)?)?;
        let mut crew = Crew::hire(&chains, &brokers, &dir, &mut around)?;
        crew.tick()?;
        let arrivals = Arrivals::of(&chains, &brokers)?;
        Ok(Scene { dir, brokers, chains, crew, arrivals, engine, around })
    }

    /// Waits until as many records have come out of each chain as went in; what is missing at the deadline
    /// comes back.
    pub(crate) fn await_all(&mut self, totals: [usize; 2]) -> Result<Vec<String>> {
        let deadline = Instant::now() + LIMIT;
        loop {
            self.crew.tick()?;
            self.arrivals.look(Duration::from_millis(100));
            let missing = self.chains.iter().zip(totals).filter_map(|(chain, total)| {
                let there = self.arrivals.of_chain(chain.name);
                let text = || format!("{}: {there} of {total} came out in {LIMIT:?}", chain.name);
                (there < total).then(text)
            });
            let missing: Vec<String> = missing.collect();
            if missing.is_empty() || Instant::now() > deadline {
                return Ok(missing);
            }
        }
    }
}

/// Writes to a file what the API tells of these orders, once it tells that they are complete, or does not in time.
pub(crate) fn ask_api(api: &str, orders: &[Value], file: &Path) -> Result<()> {
    let config = ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(30)));
    let agent: ureq::Agent = config.build().into();
    let deadline = Instant::now() + LIMIT;
    let mut file = BufWriter::new(File::create(file)?);
    for order in orders {
        let id = order["order"].as_str().context("an order without an id")?;
        let url = format!("http://{api}/order/{id}");
        loop {
            ensure!(!interrupt::is_asked(), "interrupted");
            let asked = agent.get(&url).call();
            match asked.and_then(|mut answer| answer.body_mut().read_json::<Value>()) {
                Ok(answer) if answer["complete"] == true || Instant::now() > deadline => {
                    writeln!(file, "{answer}")?;
                    break;
                }
                Err(_) if Instant::now() > deadline => break,
                _ => std::thread::sleep(Duration::from_millis(50)),
            }
        }
    }
    Ok(file.flush()?)
}
