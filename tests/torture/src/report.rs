//! What a run was, for the record.

use crate::Options;
use crate::place::root;
use crate::process::Most;
use crate::soak::Part;
use anyhow::Result;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::Command;

#[derive(Serialize)]
pub(crate) struct Report {
    pub(crate) seed: u64,
    pub(crate) engine: String,
    pub(crate) seconds: u64,
    /// How long the storm was, until no transaction was open after it and all was read, until all had come
    /// out, and until it was all read again, in seconds.
    pub(crate) phases: [f64; 4],
    /// Pizzas a second that were to go in.
    pub(crate) pace: usize,
    /// Processes killed with SIGKILL, by program.
    pub(crate) kills: BTreeMap<String, u32>,
    pub(crate) faults: BTreeMap<&'static str, u32>,
    pub(crate) ends_of_transactions_cut: u32,
    /// How often another took the identity of a worker, which began anew.
    pub(crate) fenced: usize,
    pub(crate) most: BTreeMap<String, Most>,
    /// What a judge counted while all stages were dead, and at the end.
    pub(crate) halted: Value,
    pub(crate) end: Value,
    /// The parts of a soak.
    pub(crate) soak: Vec<Part>,
    /// Nothing here: all is well.
    pub(crate) troubles: Vec<String>,
    pub(crate) environment: BTreeMap<&'static str, String>,
}

impl Report {
    /// Says on the screen, and in the file for that, what came of the round; removes what it wrote if all is well.
    pub(crate) fn tell(&self, options: &Options, dir: &Path) -> Result<()> {
        let kills: u32 = self.kills.values().sum();
        let Report { seed, engine, seconds, troubles, faults, .. } = self;
        let [storm, halt, rest, last] = self.phases;
        println!("{engine}, seed {seed}: {kills} kills in {seconds} s, faults {faults:?}");
        if self.soak.is_empty() {
            println!(
                "{engine}, seed {seed}: storm {storm:.0} s, read {halt:.0} s, the rest {rest:.0} s, read {last:.0} s"
            );
        }
        println!(
            "{engine}, seed {seed}: {} records judged, {} of them in flight when all stages died; {} lost their identity",
            self.judged(),
            self.halted["counted"]["in flight"],
            self.fenced
        );
        let line = serde_json::to_string(self)?;
        if let Some(file) = &options.report {
            writeln!(File::options().create(true).append(true).open(file)?, "{line}")?;
        }
        if troubles.is_empty() {
            println!("{engine}, seed {seed}: nothing lost, nothing twice, order kept");
            if !options.keep {
                std::fs::remove_dir_all(dir)?;
            }
            return Ok(());
        }
        for trouble in troubles {
            println!("{engine}, seed {seed}: {trouble}");
        }
        println!("All of it is in {}. Again: {}", dir.display(), options.again(*seed));
        Ok(())
    }

    /// How many records the judge looked at.
    pub(crate) fn judged(&self) -> u64 {
        let counted = [&self.halted, &self.end].map(|word| word["counted"].as_object());
        let topics = counted.into_iter().flatten().flatten();
        let topics = topics.filter(|(topic, _)| *topic != "in flight");
        topics.filter_map(|(_, count)| count.as_u64()).sum()
    }
}

/// What was judged, and where.
pub(crate) fn environment() -> BTreeMap<&'static str, String> {
    let said = |program: &str, args: &[&str]| {
        let output = Command::new(program).args(args).current_dir(root()).output();
        let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
        text.unwrap_or_default()
    };
    let tree = |name: &str| said("git", &["rev-parse", &format!("HEAD:{name}")]);
    let changed = said("git", &["status", "--porcelain", "stage-sdk/src", "stage-broker/src"]);
    BTreeMap::from([
        ("date", said("date", &["-u", "+%Y-%m-%d %H:%M UTC"])),
        ("system", said("uname", &["-srm"])),
        ("cpus", said("nproc", &[])),
        ("stage-sdk/src", tree("stage-sdk/src")),
        ("stage-broker/src", tree("stage-broker/src")),
        ("changed since", if changed.is_empty() { "nothing".into() } else { changed }),
    ])
}

/// The judge's word on what lies in a directory: what it counted, and what it says is wrong.
pub(crate) fn judge(history: &Path, halted: bool) -> Result<(Value, Vec<String>)> {
    let mut args = vec![history.display().to_string()];
    args.extend(halted.then(|| "--halted".to_owned()));
    let output =
        Command::new("python3").arg(root().join("tests/torture/judge.py")).args(&args).output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let mut wrong: Vec<String> = text.lines().map(str::to_owned).collect();
    let Some(counted) = wrong.pop().and_then(|line| serde_json::from_str(&line).ok()) else {
        anyhow::bail!(
            "judge.py: {}: {text}{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
    };
    Ok((counted, wrong))
}
