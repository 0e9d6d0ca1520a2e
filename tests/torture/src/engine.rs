//! The brokers that are hurt: ours, or Apache Kafka with one node or three, each behind its proxy.

use crate::around::{Around, Environment};
use crate::place::{program, root, script};
use crate::proxy::Proxy;
use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
use std::fs::File;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// Our own broker.
    Embedded,
    /// Apache Kafka, one node.
    Kafka,
    /// Apache Kafka, three nodes.
    Kafka3,
}

/// Stopped when dropped; its data stay.
pub(crate) struct Engine {
    kind: Kind,
    dir: PathBuf,
    log: PathBuf,
    /// What our own is started with.
    environment: Environment,
    ports: Vec<u16>,
    pub(crate) proxies: Vec<Proxy>,
    /// Ours, while it runs.
    own: Option<Child>,
    /// What starts nodes of Apache Kafka, while it does.
    starting: Option<Child>,
}

impl Engine {
    pub(crate) fn start(kind: Kind, dir: &Path, around: &mut Around) -> Result<Engine> {
        let nodes = if kind == Kind::Kafka3 { 3 } else { 1 };
        let ports = free_ports(nodes)?;
        let proxies = ports.iter().map(|port| Proxy::start(*port)).collect::<Result<Vec<_>>>()?;
        let mut engine = Engine {
            kind,
            dir: around.data("broker"),
            log: dir.join("broker.log"),
            environment: match kind {
                Kind::Embedded => around.environment("broker")?,
                _ => Environment::new(),
            },
            ports,
            proxies,
            own: None,
            starting: None,
        };
        engine.start_node()?;
        engine.await_node()?;
        Ok(engine)
    }

    /// What clients are told.
    pub(crate) fn bootstrap(&self) -> String {
        let each = self.proxies.iter().map(|proxy| format!("127.0.0.1:{}", proxy.port));
        each.collect::<Vec<_>>().join(",")
    }

    pub(crate) fn nodes(&self) -> usize {
        self.ports.len()
    }

    /// The processes of the nodes that run.
    pub(crate) fn pids(&self) -> Result<Vec<u32>> {
        if self.kind == Kind::Embedded {
            return Ok(self.own.iter().map(Child::id).collect());
        }
        let told = script("scripts/kafka", &["pid".into(), "--dir".into(), self.text()])?;
        Ok(told.lines().filter_map(|line| line.trim().parse().ok()).collect())
    }

    /// `kill -9` of one node.
    pub(crate) fn kill_node(&mut self, node: usize) -> Result<()> {
        if let Some(mut own) = self.own.take() {
            own.kill()?;
            own.wait()?;
            return Ok(());
        }
        if let Some(pid) = self.pids()?.get(node).map(u32::to_string) {
            ensure!(Command::new("kill").args(["-9", &pid]).status()?.success(), "kill -9 {pid}");
        }
        Ok(())
    }

    /// Begins to start what does not run.
    pub(crate) fn start_node(&mut self) -> Result<()> {
        if self.kind != Kind::Embedded {
            let told: Vec<String> =
                self.proxies.iter().map(|proxy| proxy.port.to_string()).collect();
            let start = Command::new(root().join("scripts/kafka"))
                .args(["start", "--nodes", &self.nodes().to_string(), "--dir", &self.text()])
                .args(["--port", &self.ports[0].to_string(), "--advertise", &told.join(",")])
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(self.log()?)
                .spawn()?;
            self.starting = Some(start);
            return Ok(());
        }
        if self.own.is_some() {
            return Ok(());
        }
        let log = self.log()?;
        let own = Command::new(program("stage-broker")?)
            .args(["--listen", &format!("127.0.0.1:{}", self.ports[0]), "--data"])
            .arg(&self.dir)
            .args(["-c", &format!("advertised.listeners=127.0.0.1:{}", self.proxies[0].port)])
            .args(["-c", "group.min.session.timeout.ms=1000"])
            .args(["-c", "transaction.abort.timed.out.transaction.cleanup.interval.ms=1000"])
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(root())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        self.own = Some(own);
        let deadline = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect((Ipv4Addr::LOCALHOST, self.ports[0])).is_err() {
            ensure!(Instant::now() < deadline, "stage-broker does not listen after 30 s");
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// Whether a node is being started.
    pub(crate) fn is_starting(&mut self) -> Result<bool> {
        match &mut self.starting {
            None => Ok(false),
            Some(start) => match start.try_wait()? {
                None => Ok(true),
                Some(status) => {
                    self.starting = None;
                    ensure!(status.success(), "scripts/kafka start: {status}: see {}", self.text());
                    Ok(false)
                }
            },
        }
    }

    /// Returns once every node answers.
    pub(crate) fn await_node(&mut self) -> Result<()> {
        while self.is_starting()? {
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    fn log(&self) -> Result<File> {
        Ok(File::options().create(true).append(true).open(&self.log)?)
    }

    fn text(&self) -> String {
        self.dir.display().to_string()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.await_node().ok();
        match &mut self.own {
            Some(own) => drop((own.kill(), own.wait())),
            None if self.kind == Kind::Embedded => {}
            None => {
                let stop = ["stop", "--dir", &self.text()].map(String::from);
                drop(script("scripts/kafka", &stop));
            }
        }
    }
}

/// That many ports beside each other on which nobody listens, below those of outgoing connections.
fn free_ports(count: u16) -> Result<Vec<u16>> {
    let free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    for _ in 0..1000 {
        let first = rand::random_range(12_000..22_000);
        let ports: Vec<u16> = (first..first + count).collect();
        if ports.iter().all(free) {
            return Ok(ports);
        }
    }
    None.context("no free ports")
}
