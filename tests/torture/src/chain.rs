//! The two chains: pizza, as we ship it, and a harder one.

use crate::place::program;
use anyhow::{Result, ensure};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) const PARTITIONS: i32 = 4;

/// What the judge is told of a chain, and what starts its stages.
#[derive(Serialize)]
pub(crate) struct Chain {
    pub(crate) name: &'static str,
    pub(crate) stages: Vec<Stage>,
    /// Where records come in that no stage wrote.
    pub(crate) source: String,
    /// Where they leave.
    pub(crate) last: String,
    #[serde(skip)]
    pub(crate) map: PathBuf,
}

#[derive(Serialize)]
pub(crate) struct Stage {
    pub(crate) name: &'static str,
    #[serde(skip)]
    program: &'static str,
    pub(crate) group: String,
    pub(crate) input: String,
    pub(crate) output: String,
    /// A named output, to which records that say so go as well.
    pub(crate) audit: Option<String>,
}

impl Stage {
    pub(crate) fn program(&self) -> Result<PathBuf> {
        program(self.program)
    }

    pub(crate) fn topic(&self, kind: &str) -> String {
        format!("{}.{}.{kind}", self.input, self.name)
    }
}

/// Sauce, cheese, meat and vegetables.
pub(crate) fn pizza(dir: &Path) -> Chain {
    let stages = ["sauce", "cheese", "meat", "veggie"].map(|name| (name, name));
    let topics = ["pizza", "with-sauce", "with-cheese", "with-meats", "with-veggies"];
    Chain::new("pizza", &stages, &topics, dir)
}

/// A sync stage with a named output, an async one, and one that takes several at once; all of them fail
/// and reject, and park what fails for longer than a tenth of a second.
pub(crate) fn hard(dir: &Path) -> Chain {
    let stages = ["mix", "bake", "pack"].map(|name| (name, "torture-stage"));
    let mut chain = Chain::new("hard", &stages, &["in", "mixed", "baked", "packed"], dir);
    chain.stages[0].audit = Some("hard-audit".into());
    chain
}

impl Chain {
    fn new(
        name: &'static str,
        stages: &[(&'static str, &'static str)],
        topics: &[&str],
        dir: &Path,
    ) -> Chain {
        let topic = |at: usize| format!("{name}-{}", topics[at]);
        let stage = |(at, (stage, program)): (usize, &(&'static str, &'static str))| Stage {
            name: stage,
            program,
            group: format!("{name}.{stage}"),
            input: topic(at),
            output: topic(at + 1),
            audit: None,
        };
        Chain {
            name,
            stages: stages.iter().enumerate().map(stage).collect(),
            source: topic(0),
            last: topic(stages.len()),
            map: dir.join(format!("{name}.toml")),
        }
    }

    /// All topics that a judge reads.
    pub(crate) fn topics(&self) -> Vec<String> {
        let mut topics = vec![self.source.clone()];
        for stage in &self.stages {
            topics.push(stage.output.clone());
            topics.extend(stage.audit.clone());
            topics.extend(["dlq", "retry", "redirect"].map(|kind| stage.topic(kind)));
        }
        topics
    }

    /// Writes the route map and makes the topics.
    pub(crate) fn apply(&self, brokers: &str) -> Result<()> {
        std::fs::write(&self.map, self.route_map())?;
        let output = Command::new(program("pizza")?)
            .args(["topics", "apply", "--brokers", brokers, "--config"])
            .arg(&self.map)
            .output()?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }

    fn route_map(&self) -> String {
        let mut map = format!("[chain]\nname = \"{}\"\ncompression = \"lz4\"\n", self.name);
        let mut topic = |name: &str, more: &str| {
            map += &format!("[topics.{name}]\npartitions = {PARTITIONS}\n{more}");
        };
        topic(&self.source, "source = true\n");
        for stage in &self.stages {
            topic(&stage.output, "");
            stage.audit.iter().for_each(|name| topic(name, ""));
        }
        let retry = match self.name {
            "hard" => {
                "retry = { policy = \"ordered\", attempts = 50, backoff = \"50ms..400ms\", in_place_for = \"100ms\" }\n"
            }
            _ => "",
        };
        for Stage { name, group, input, output, audit, .. } in &self.stages {
            map += &format!("[stages.{name}]\ngroup = \"{group}\"\ninput = \"{input}\"\n{retry}");
            map += &format!("output = \"{output}\"\n");
            if let Some(audit) = audit {
                map += &format!("outputs = {{ audit = \"{audit}\" }}\n");
            }
        }
        if self.name == "pizza" {
            let last = &self.last;
            map += &format!("[stages.view]\ninput = \"{last}\"\ngroup = \"shop\"\nsink = true\n");
        }
        map
    }
}
