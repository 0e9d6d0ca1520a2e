//! Our broker with a lot of records on its disk: how long a start takes, and what it costs when
//! nobody asks anything.

use crate::figures::save;
use crate::fill::{self, Input};
use crate::place::Place;
use crate::topics::Topics;
use crate::{quiet, usage};
use anyhow::{Context, Result, ensure};
use clap::Args;
use serde::Serialize;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// ApiVersions in version 0, of a client without a name: what every client asks first.
const ASK: [u8; 14] = [0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 1, 0xff, 0xff];

#[derive(Args)]
pub(crate) struct Options {
    /// The program of our broker.
    #[arg(long, default_value = "target/release/stage-broker")]
    program: PathBuf,
    /// A directory for its data, made and removed.
    #[arg(long, default_value = "target/bench-at-rest")]
    data: PathBuf,
    /// How many pizzas are on its disk.
    #[arg(long, default_value_t = 10_000_000)]
    records: u64,
    /// How often it is started each way.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// So many seconds nobody asks anything.
    #[arg(long, default_value_t = 60)]
    idle: u64,
}

#[derive(Default, Serialize)]
struct Figures {
    records: u64,
    start_empty_ms: Vec<f64>,
    start_after_stop_ms: Vec<f64>,
    start_after_kill_ms: Vec<f64>,
    idle_cpu_percent: f64,
    idle_mb: f64,
    peak_mb: f64,
}

struct Broker {
    child: Child,
    address: String,
    /// From its start to its first answer.
    milliseconds: f64,
}

impl Broker {
    fn start(program: &Path, data: &Path) -> Result<Broker> {
        let begin = Instant::now();
        let mut child = Command::new(program)
            .args(["--listen", "127.0.0.1:0", "--data"])
            .arg(data)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("start {}", program.display()))?;
        let mut address = String::new();
        let said = child.stdout.take().context("no output")?;
        BufReader::new(said).read_line(&mut address)?;
        let address = address.trim().to_owned();
        let mut line = TcpStream::connect(&address).context("the broker did not start")?;
        line.write_all(&ASK)?;
        line.read_exact(&mut [0; 8])?;
        Ok(Broker { child, address, milliseconds: begin.elapsed().as_secs_f64() * 1e3 })
    }

    /// As SIGTERM does it, or as `kill -9` does.
    fn stop(mut self, cleanly: bool) -> Result<f64> {
        if cleanly {
            Command::new("kill").arg(self.child.id().to_string()).status()?;
        } else {
            self.child.kill()?;
        }
        self.child.wait()?;
        Ok(self.milliseconds)
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // It is gone already, unless a measurement failed.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

pub(crate) fn run(place: &Place, options: &Options) -> Result<()> {
    // Of an earlier run that was cut off; mostly it is not there.
    std::fs::remove_dir_all(&options.data).ok();
    let measured = measure(place, options);
    std::fs::remove_dir_all(&options.data)?;
    let figures = measured?;
    let row = |what: &str, all: &[f64]| {
        let of = |pick: fn(f64, f64) -> f64| all.iter().copied().reduce(pick).unwrap_or(0.0);
        println!("{what:<34} {:.1} to {:.1} ms", of(f64::min), of(f64::max));
    };
    println!("{} records", figures.records);
    row("start, nothing there", &figures.start_empty_ms);
    row("start after a stop", &figures.start_after_stop_ms);
    row("start after a kill while producing", &figures.start_after_kill_ms);
    println!("{:<34} {:.2} % of a core", "CPU, idle", figures.idle_cpu_percent);
    println!("{:<34} {:.1} MB (most: {:.1})", "resident, idle", figures.idle_mb, figures.peak_mb);
    save(place, "at-rest.json", &figures)
}

fn measure(place: &Place, options: &Options) -> Result<Figures> {
    let (program, data) = (&options.program, &options.data.join("full"));
    let mut figures = Figures { records: options.records, ..Figures::default() };
    for round in 0..options.rounds {
        let empty = options.data.join(format!("empty-{round}"));
        figures.start_empty_ms.push(Broker::start(program, &empty)?.stop(true)?);
    }
    let topic = "bench-at-rest";
    let more = |records: u64| -> Result<Broker> {
        let broker = Broker::start(program, data)?;
        let place = Place { brokers: broker.address.clone(), ..place.clone() };
        fill::fill(&place, &Topics::connect(&place)?, topic, Input::of(records))?;
        Ok(broker)
    };
    more(options.records)?.stop(true)?;
    for _ in 0..options.rounds {
        quiet::wait(Duration::from_secs(place.patience))?;
        figures.start_after_stop_ms.push(Broker::start(program, data)?.stop(true)?);
    }
    let broker = Broker::start(program, data)?;
    let (pid, begin) = (broker.child.id(), Instant::now());
    let before = usage::cpu_seconds(pid)?;
    std::thread::sleep(Duration::from_secs(options.idle));
    let used = usage::cpu_seconds(pid)? - before;
    figures.idle_cpu_percent = used / begin.elapsed().as_secs_f64() * 100.0;
    (figures.idle_mb, figures.peak_mb) = (usage::mb(pid, "VmRSS:")?, usage::mb(pid, "VmHWM:")?);
    broker.stop(true)?;
    for _ in 0..options.rounds {
        // Less than what a checkpoint is written after: all of it is read again.
        more(options.records / 100)?.stop(false)?;
        quiet::wait(Duration::from_secs(place.patience))?;
        let broker = Broker::start(program, data)?;
        let place = Place { brokers: broker.address.clone(), ..place.clone() };
        let held: i64 = Topics::connect(&place)?.ends(topic)?.iter().sum();
        ensure!(held as u64 >= options.records, "{held} records are there");
        figures.start_after_kill_ms.push(broker.stop(true)?);
    }
    Ok(figures)
}
