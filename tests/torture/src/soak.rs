//! Hours under load and faults, in parts: at the end of each all has come out, and is judged while the next one
//! runs. One of the two processes of each stage, the API and the broker are never killed; what they use is noted
//! whenever a part has ended.

use crate::Options;
use crate::history::{self, Span};
use crate::input::Source;
use crate::process::Usage;
use crate::report::{self, Report};
use crate::scene::{self, Scene};
use crate::storm::{Pace, Storm};
use anyhow::{Context, Result};
use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// What a judge takes at once.
const PART: Duration = Duration::from_secs(300);

/// A fault about every five seconds.
const FAULTS: Pace = Pace { shortest: 4_000, longest: 6_000 };

/// The harder chain, of whose records every tenth fails somewhere, gets one for this many pizzas.
const PIZZAS_TO_TASKS: usize = 10;

/// What a process may have more of in the end than after the first quarter: what leaks over hours has far more.
const MORE_MEMORY: u64 = 32 << 10;
const MORE_FILES: u64 = 64;

/// Before as many parts have passed nobody can tell.
const PARTS: usize = 4;

#[derive(Serialize)]
pub(crate) struct Part {
    seconds: f64,
    /// Until all had come out, after the last fault.
    rest: f64,
    /// Records that went in and came out by now, by chain.
    records: [usize; 2],
    /// At its end, of those that are never killed.
    usage: BTreeMap<String, Usage>,
}

type Verdict = JoinHandle<Result<(Value, Vec<String>)>>;

pub(crate) fn run(
    options: &Options,
    seed: u64,
    time: Duration,
    dir: &Path,
    environment: BTreeMap<&'static str, String>,
) -> Result<Report> {
    let began = Instant::now();
    let mut scene = Scene::set(options, dir)?;
    scene.crew.spare();
    let random = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut storm = Storm::new(random, &scene.dir.join("storm.log"), FAULTS)?;
    storm.spare_brokers();
    let mut from = history::beginning(&scene.chains);
    let mut verdict: Option<Verdict> = None;
    let (mut parts, mut counted, mut troubles) = (Vec::new(), Counted::default(), Vec::new());
    let mut totals = [0, 0];
    while began.elapsed() < time {
        let part = Instant::now();
        let until = part + PART.min(time - began.elapsed());
        let orders = Source::orders(&scene.crew.api, options.pace, parts.len(), totals[0]);
        let pace = options.pace.div_ceil(PIZZAS_TO_TASKS);
        let tasks = Source::tasks(&scene.chains[1], &scene.brokers, pace, seed, totals[1]);
        storm.rage(&mut scene, |_| Instant::now() < until)?;
        let rest = Instant::now();
        storm.end(&mut scene)?;
        scene.crew.gather()?;
        let records = [orders.total.clone(), tasks.total.clone()];
        let acknowledged = [orders.end()?, tasks.end()?];
        totals = records.map(|total| total.load(Ordering::Relaxed));
        troubles.extend(scene.await_all(totals)?);
        let span = history::mark(&scene.chains, &scene.brokers, from)?;
        from = span.to.clone();
        let done = Part {
            seconds: part.elapsed().as_secs_f64(),
            rest: rest.elapsed().as_secs_f64(),
            records: totals,
            usage: usage(&scene)?,
        };
        done.tell(parts.len(), began.elapsed());
        parts.push(done);
        troubles.append(&mut scene.crew.troubles);
        if let Some(verdict) = verdict.take() {
            counted.add(verdict, parts.len() - 1, &mut troubles)?;
        }
        let dir = scene.dir.join(format!("part-{}", parts.len()));
        verdict = Some(judge(&scene, dir, span, acknowledged, options.keep)?);
    }
    if let Some(verdict) = verdict.take() {
        counted.add(verdict, parts.len(), &mut troubles)?;
    }
    scene.crew.stop()?;
    troubles.append(&mut scene.crew.troubles);
    troubles.extend(leaks(&parts));
    Ok(Report {
        seed,
        engine: options.engine_name(),
        seconds: began.elapsed().as_secs(),
        phases: [0.0; 4],
        pace: options.pace,
        kills: scene.crew.kills.clone(),
        faults: storm.faults,
        ends_of_transactions_cut: scene.engine.proxies.iter().map(|proxy| proxy.ends_cut()).sum(),
        fenced: scene.crew.fenced()?,
        most: scene.crew.most(),
        halted: json!({ "counted": { "in flight": 0 } }),
        end: json!({ "counted": counted.0 }),
        soak: parts,
        troubles,
        environment,
    })
}

/// What was counted of each topic, over all parts.
#[derive(Default)]
struct Counted(BTreeMap<String, u64>);

impl Counted {
    /// Waits for the judge of a part.
    fn add(&mut self, verdict: Verdict, part: usize, troubles: &mut Vec<String>) -> Result<()> {
        let (said, wrong) = verdict.join().ok().context("a judge's thread panicked")??;
        let mut judged = 0;
        for (topic, count) in said["counted"].as_object().into_iter().flatten() {
            let count = count.as_u64().unwrap_or(0);
            *self.0.entry(topic.clone()).or_default() += count;
            judged += count;
        }
        // At once: who ends a soak by hand sees no report.
        eprintln!("part {part}: {judged} records judged, {} things wrong", wrong.len());
        wrong.iter().for_each(|text| eprintln!("part {part}: {text}"));
        troubles.extend(wrong.into_iter().map(|text| format!("part {part}: {text}")));
        Ok(())
    }
}

/// Reads and judges a part, beside the next one.
fn judge(
    scene: &Scene,
    dir: PathBuf,
    span: Span,
    acknowledged: [Vec<Value>; 2],
    keep: bool,
) -> Result<Verdict> {
    std::fs::create_dir_all(&dir)?;
    std::fs::copy(scene.dir.join("chains.json"), dir.join("chains.json"))?;
    let (api, brokers) = (scene.crew.api.clone(), scene.brokers.clone());
    Ok(std::thread::spawn(move || {
        let [ordered, tasked] = acknowledged;
        scene::ask_api(&api, &ordered, &dir.join("orders.jsonl"))?;
        history::write_json(
            &dir,
            "acknowledged.json",
            &json!({ "pizza": ordered, "hard": tasked }),
        )?;
        history::read(&span, &brokers, &dir.join("end"))?;
        let (said, wrong) = report::judge(&dir.join("end"), false)?;
        if wrong.is_empty() && !keep {
            std::fs::remove_dir_all(&dir)?;
        }
        Ok((said, wrong))
    }))
}

fn usage(scene: &Scene) -> Result<BTreeMap<String, Usage>> {
    let mut all = scene.crew.usage();
    for (node, pid) in scene.engine.pids()?.into_iter().enumerate() {
        all.insert(format!("broker-{node}"), Usage::of(pid));
    }
    Ok(all)
}

/// Who has more memory or files at the end than after the first quarter.
fn leaks(parts: &[Part]) -> Vec<String> {
    let (early, last) = match parts {
        [.., last] if parts.len() >= PARTS => (&parts[parts.len() / 4], last),
        _ => return Vec::new(),
    };
    let mut wrong = Vec::new();
    for (name, then) in &early.usage {
        let Some(now) = last.usage.get(name) else { continue };
        if now.memory_kib > then.memory_kib + MORE_MEMORY {
            wrong.push(format!(
                "{name}: memory grew from {} to {} KiB",
                then.memory_kib, now.memory_kib
            ));
        }
        if now.files > then.files + MORE_FILES {
            wrong.push(format!("{name}: open files grew from {} to {}", then.files, now.files));
        }
    }
    wrong
}

impl Part {
    fn tell(&self, number: usize, elapsed: Duration) {
        let usage = self.usage.iter().map(|(name, usage)| {
            format!("{name} {} MiB {} files", usage.memory_kib / 1024, usage.files)
        });
        eprintln!(
            "{:5.0} s, part {}: {:?} records, rest {:.1} s; {}",
            elapsed.as_secs_f64(),
            number + 1,
            self.records,
            self.rest,
            usage.collect::<Vec<_>>().join(", ")
        );
    }
}
