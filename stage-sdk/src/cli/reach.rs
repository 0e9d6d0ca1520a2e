//! How a tool finds the route map and the brokers, and prints what it found there.

use super::ClientArgs;
use crate::broker::Broker;
use crate::chain::Chain;
use crate::service::StartError;
use std::fmt::Display;
use std::io::{ErrorKind, Write as _};
use std::path::PathBuf;

/// The flags of every tool that looks at a cluster.
#[derive(clap::Args, Clone, Debug)]
pub struct Reach {
    /// The route map
    #[arg(
        long,
        env = "STAGE_CONFIG",
        value_name = "FILE",
        default_value = "topics.toml",
        global = true
    )]
    pub config: PathBuf,

    /// Brokers as HOST:PORT, several with commas [default: brokers in topics.toml]
    #[arg(long, env = "STAGE_BROKERS", value_name = "HOST:PORT", global = true)]
    pub brokers: Option<String>,

    /// What its clients are told
    #[command(flatten)]
    pub client: ClientArgs,

    /// Print JSON, one object a line
    #[arg(long, global = true)]
    pub json: bool,
}

impl Reach {
    /// The route map.
    ///
    /// # Errors
    /// It cannot be read, or has problems.
    pub fn chain(&self) -> Result<Chain, StartError> {
        Chain::read(&self.config).map_err(|problems| StartError::Usage(problems.to_string()))
    }

    /// The brokers that are named here, or else by the route map; asks none of them.
    ///
    /// # Errors
    /// None are named, a setting is not possible, or its file cannot be read.
    pub fn broker(&self, chain: Option<&Chain>) -> Result<Broker, StartError> {
        let mut broker = Broker { overrides: self.client.settings()?, ..Broker::default() };
        if let Some(chain) = chain {
            broker.compression.clone_from(&chain.compression);
            broker.servers = chain.brokers.clone().unwrap_or_default();
        }
        if let Some(servers) = &self.brokers {
            broker.servers.clone_from(servers);
        }
        if broker.servers.is_empty() {
            return Err(StartError::Usage(format!(
                "no broker is given; use --brokers HOST:PORT, STAGE_BROKERS, or brokers in {}",
                self.config.display()
            )));
        }
        broker.check().map_err(|error| StartError::Usage(error.to_string()))?;
        Ok(broker)
    }
}

/// Prints lines to stdout; a reader that has seen enough is no failure.
///
/// # Errors
/// They cannot be written, for another reason than that nobody reads on.
pub fn print(lines: impl IntoIterator<Item = impl Display>) -> Result<(), StartError> {
    let mut out = std::io::stdout().lock();
    for line in lines {
        match writeln!(out, "{line}") {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(()),
            Err(error) => return Err(StartError::Runtime(format!("cannot print: {error}"))),
        }
    }
    Ok(())
}
