//! Who runs: ours, a raw loop, and the peers; and what each is told.
//!
//! Every contender is a program that takes a [`Job`] on its command line, prints `first` when it is
//! given the first record that counts and `handled` after the last one, and goes on until SIGTERM.

use crate::pizza::{Station, TOPPING};
use crate::place::Place;
use anyhow::Result;
use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::path::Path;
use std::process::Command;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Delivery {
    ExactlyOnce,
    AtLeastOnce,
}

impl Delivery {
    pub(crate) const BOTH: [Delivery; 2] = [Delivery::ExactlyOnce, Delivery::AtLeastOnce];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Delivery::ExactlyOnce => "exactly-once",
            Delivery::AtLeastOnce => "at-least-once",
        }
    }

    /// As tables say it.
    pub(crate) fn words(self) -> String {
        self.name().replace('-', " ")
    }
}

impl From<Delivery> for stage_sdk::Delivery {
    fn from(delivery: Delivery) -> Self {
        match delivery {
            Delivery::ExactlyOnce => stage_sdk::Delivery::ExactlyOnce,
            Delivery::AtLeastOnce => stage_sdk::Delivery::AtLeastOnce,
        }
    }
}

/// What a contender is to do.
#[derive(Args, Clone, Debug)]
pub(crate) struct Job {
    /// The topic to read, from the beginning.
    #[arg(long)]
    pub(crate) input: String,
    /// The topic to write.
    #[arg(long)]
    pub(crate) output: String,
    /// A consumer group that nobody used before.
    #[arg(long)]
    pub(crate) group: String,
    /// How many records to handle.
    #[arg(long, default_value_t = 1_000_000)]
    pub(crate) records: u64,
    /// How many of them come before the first that counts.
    #[arg(long, default_value_t = 0)]
    pub(crate) warm_up: u64,
    /// Whether outputs and offsets take effect together.
    #[arg(long, default_value = "exactly-once")]
    pub(crate) delivery: Delivery,
    /// The field of the pizza that it fills.
    #[arg(long, default_value = "sauce")]
    pub(crate) field: Station,
    /// What it fills the field with; all put on the same.
    #[arg(long, default_value = TOPPING, value_parser = [TOPPING])]
    pub(crate) value: String,
}

impl Job {
    /// Says what the harness waits for, where it is time; `count`: records handled, this one included.
    pub(crate) fn say(&self, count: u64) {
        if count == self.warm_up + 1 {
            say("first");
        }
        if count == self.records {
            say("handled");
        }
    }

    fn arguments(&self) -> Vec<String> {
        let (records, warm_up) = (self.records.to_string(), self.warm_up.to_string());
        let pairs = [
            ["--input", &self.input],
            ["--output", &self.output],
            ["--group", &self.group],
            ["--records", &records],
            ["--warm-up", &warm_up],
            ["--delivery", self.delivery.name()],
            ["--field", self.field.name()],
            ["--value", &self.value],
        ];
        pairs.as_flattened().iter().map(|text| (*text).to_owned()).collect()
    }
}

fn say(what: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{what}").and_then(|()| out.flush()).ok();
}

/// What a program is started with.
enum Program {
    /// This one, with a subcommand.
    Bench(&'static [&'static str]),
    /// A class of `peers/java`.
    Java(&'static [&'static str]),
    /// A program of `peers/rust`.
    Rust(&'static [&'static str]),
    /// `peers/python`.
    Python,
}

pub(crate) struct Contender {
    /// As it is called on the command line.
    pub(crate) name: &'static str,
    /// As tables call it.
    pub(crate) title: &'static str,
    program: Program,
    /// The guarantees it has.
    pub(crate) deliveries: &'static [Delivery],
    /// So many records fill half a minute; none: all of them take less.
    pub(crate) enough: Option<u64>,
}

const AT_LEAST: &[Delivery] = &[Delivery::AtLeastOnce];

pub(crate) const STAGE: Contender = Contender {
    name: "stage",
    title: "stage",
    program: Program::Bench(&["stage"]),
    deliveries: &Delivery::BOTH,
    enough: None,
};

pub(crate) const RAW: Contender = Contender {
    name: "raw",
    title: "raw loop",
    program: Program::Bench(&["raw"]),
    deliveries: &Delivery::BOTH,
    enough: None,
};

pub(crate) const RAW_IDLE: Contender = Contender {
    name: "raw-idle",
    title: "raw loop that closes when idle",
    program: Program::Bench(&["raw", "--idle"]),
    ..RAW
};

pub(crate) const STREAMS: Contender = Contender {
    name: "kafka-streams",
    title: "Kafka Streams",
    program: Program::Java(&["Streams"]),
    ..STAGE
};

pub(crate) const PARALLEL: Contender = Contender {
    name: "parallel-consumer",
    title: "Parallel Consumer",
    program: Program::Java(&["Parallel"]),
    ..STAGE
};

pub(crate) const ARROYO: Contender = Contender {
    name: "arroyo",
    title: "sentry_arroyo",
    program: Program::Rust(&["arroyo", "--flavour", "pull"]),
    deliveries: AT_LEAST,
    enough: None,
};

pub(crate) const RUSTSTREAM: Contender = Contender {
    name: "ruststream",
    title: "ruststream, batches",
    program: Program::Rust(&["ruststream", "--flavour", "batch"]),
    ..ARROYO
};

pub(crate) const RUSTSTREAM_KEYED: Contender = Contender {
    name: "ruststream-keyed",
    title: "ruststream, by key",
    program: Program::Rust(&["ruststream", "--flavour", "keyed"]),
    deliveries: &Delivery::BOTH,
    enough: Some(300_000),
};

pub(crate) const RUSTSTREAM_QUICK: Contender = Contender {
    name: "ruststream-quick-start",
    title: "ruststream, quick start",
    program: Program::Rust(&["ruststream", "--flavour", "quick-start"]),
    deliveries: AT_LEAST,
    enough: Some(5_000),
};

pub(crate) const USUAL: Contender = Contender {
    name: "usual",
    title: "the usual loop",
    program: Program::Rust(&["usual"]),
    deliveries: AT_LEAST,
    enough: Some(5_000),
};

pub(crate) const PYTHON: Contender = Contender {
    name: "python",
    title: "the seed's Python services",
    program: Program::Python,
    deliveries: AT_LEAST,
    enough: Some(5_000),
};

impl Contender {
    /// Ours, whose output must be complete.
    pub(crate) fn ours(&self) -> bool {
        matches!(self.program, Program::Bench(_))
    }

    /// Runs on a virtual machine: the first fifth of its records does not count.
    pub(crate) fn warms_up(&self) -> bool {
        matches!(self.program, Program::Java(_))
    }

    /// Why it cannot run here.
    pub(crate) fn missing(&self, place: &Place) -> Option<String> {
        let needed = match self.program {
            Program::Bench(_) => return None,
            Program::Java(_) => "java/classes".into(),
            Program::Rust(words) => format!("rust/release/{}", words[0]),
            Program::Python => "python/bin/python".into(),
        };
        let file = place.peers.join(needed);
        (!file.exists()).then(|| format!("{} is not there", file.display()))
    }

    pub(crate) fn command(&self, place: &Place, job: &Job) -> Result<Command> {
        let peers = &place.peers;
        let mut command = match self.program {
            Program::Bench(words) => {
                let mut command = Command::new(std::env::current_exe()?);
                command.args(words).args(place.arguments());
                command
            }
            Program::Java(words) => {
                let mut command = Command::new("java");
                let classes = [peers.join("java/classes"), peers.join("java/dependency/*")];
                command.args(["-Xmx512m", "-cp"]).arg(std::env::join_paths(classes)?).args(words);
                command
            }
            Program::Rust(words) => {
                let mut command = Command::new(peers.join("rust/release").join(words[0]));
                command.args(&words[1..]);
                command
            }
            Program::Python => {
                let mut command = Command::new(peers.join("python/bin/python"));
                command.arg(Path::new(&place.top).join("bench/peers/python/service.py"));
                command
            }
        };
        if !self.ours() {
            command.args(["--brokers", &place.brokers]);
        }
        command.args(job.arguments());
        Ok(command)
    }
}
