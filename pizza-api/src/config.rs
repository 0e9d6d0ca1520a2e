//! What the API is told.

use crate::gauges::Gauges;
use stage_sdk::broker::Broker;
use stage_sdk::chain::Chain;
use stage_sdk::cli::ClientArgs;
use stage_sdk::{Service, StartError};
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

/// Flags, each with its variable. There is no `Debug`: the database's URL has a password.
#[derive(clap::Args, Clone)]
pub struct Args {
    /// Brokers as HOST:PORT, several with commas [default: brokers in topics.toml]
    #[arg(long, env = "STAGE_BROKERS", value_name = "HOST:PORT")]
    pub brokers: Option<String>,

    /// The route map
    #[arg(long, env = "STAGE_CONFIG", value_name = "FILE", default_value = "topics.toml")]
    pub config: PathBuf,

    /// Where to listen [default: 127.0.0.1:8094; where the variable PORT is set, 127.0.0.1:$PORT]
    #[arg(long, env = "STAGE_LISTEN", value_name = "HOST:PORT", value_parser = stage_sdk::cli::address)]
    pub listen: Option<SocketAddr>,

    /// A port on 127.0.0.1; --listen comes first
    #[arg(long, env = "PORT", hide = true)]
    pub port: Option<u16>,

    /// A name that the shop is asked by besides its address and localhost, several with commas [default: on loopback none, elsewhere any]
    #[arg(long = "host", env = "STAGE_HOSTS", value_name = "NAME", value_delimiter = ',', value_parser = host)]
    pub hosts: Vec<String>,

    /// The database: sqlite:PATH, postgres://… or mysql://… [default: a file in the data directory]
    #[arg(long, env = "DATABASE_URL", value_name = "URL", hide_env_values = true)]
    pub database_url: Option<String>,

    /// The data directory: orders, and the identities of workers
    #[arg(long, env = "STAGE_DATA", value_name = "DIR", default_value = "./.pizza")]
    pub data: PathBuf,

    /// The most pizzas in one order
    #[arg(long, env = "STAGE_MAX_COUNT", value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub max_count: u32,

    /// The most orders in a second; more are told to come again [default: no limit]
    #[arg(long, env = "STAGE_ORDERS_PER_SECOND", value_name = "N")]
    pub orders_per_second: Option<NonZeroU32>,

    /// How long orders are kept, such as 12h or 30d
    #[arg(long, env = "STAGE_KEEP_ORDERS", value_name = "TIME", default_value = "30d", value_parser = stage_sdk::chain::duration)]
    pub keep_orders: Duration,

    /// What its clients are told
    #[command(flatten)]
    pub client: ClientArgs,
}

/// All the API needs, with nothing left open.
#[derive(Clone)]
pub struct Config {
    /// Where the brokers are.
    pub broker: Broker,
    /// The route map, as the page draws it.
    pub chain: Chain,
    /// The topic orders are sent to.
    pub first: String,
    /// The view: the topic finished pizzas come from, its group and its dead letters.
    pub view: Service,
    /// Where to listen.
    pub listen: SocketAddr,
    /// Names that the shop is asked by besides its address and `localhost`; none: on loopback no others, elsewhere any.
    pub hosts: Vec<String>,
    /// The database.
    pub database_url: String,
    /// The data directory.
    pub data: PathBuf,
    /// What decisions about keys and dead letters need; none: only this machine decides.
    pub admin_token: Option<String>,
    /// Stages that are started with the API.
    pub gauges: Gauges,
    /// The most pizzas in one order.
    pub max_count: u32,
    /// The most orders in a second; none: no limit.
    pub orders_per_second: Option<NonZeroU32>,
    /// How long orders are kept.
    pub keep_orders: Duration,
}

impl Args {
    /// Makes the data directory, if it is missing.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn make_data_directory(&self) -> Result<(), StartError> {
        std::fs::create_dir_all(&self.data).map_err(|error| {
            StartError::Usage(format!(
                "data directory {}: {error}; give a writable one with --data",
                self.data.display()
            ))
        })
    }

    /// Settles what is open, from the route map and the defaults.
    ///
    /// # Errors
    /// No broker is given, a setting is wrong or its file cannot be read, or the chain has not one source and one sink.
    pub fn config(&self, chain: &Chain) -> Result<Config, StartError> {
        let file = self.config.display();
        let servers = self.brokers.clone().or_else(|| chain.brokers.clone()).ok_or_else(|| {
            StartError::Usage(format!(
                "no broker is given; use --brokers HOST:PORT, STAGE_BROKERS, or brokers in {file}"
            ))
        })?;
        let broker = Broker {
            servers,
            overrides: self.client.settings()?,
            compression: chain.compression.clone(),
        };
        broker.check().map_err(|error| StartError::Usage(error.to_string()))?;
        let open = |what: &str| StartError::Usage(format!("{file}: {what}"));
        let mut sources = chain.topics.iter().filter(|(_, topic)| topic.source);
        let (Some((first, _)), None) = (sources.next(), sources.next()) else {
            return Err(open(
                "the API sends orders to the one topic with source = true; there must be one",
            ));
        };
        let mut sinks = chain.stages.iter().filter(|stage| stage.sink);
        let (Some(sink), None) = (sinks.next(), sinks.next()) else {
            return Err(open(
                "the API's view is the one stage with sink = true; there must be one",
            ));
        };
        let view = Service { broker: broker.clone(), ..chain.service(&sink.name)? };
        if self.database_url.is_none() {
            self.make_data_directory()?;
        }
        Ok(Config {
            broker,
            chain: chain.clone(),
            first: first.clone(),
            view,
            listen: self
                .listen
                .unwrap_or_else(|| ([127, 0, 0, 1], self.port.unwrap_or(8094)).into()),
            // An empty variable names none.
            hosts: self.hosts.iter().filter(|host| !host.is_empty()).cloned().collect(),
            database_url: self
                .database_url
                .clone()
                .unwrap_or_else(|| crate::store::Store::file_url(&self.data)),
            data: self.data.clone(),
            admin_token: stage_sdk::cli::admin_token()?,
            gauges: Gauges::default(),
            max_count: self.max_count,
            orders_per_second: self.orders_per_second,
            keep_orders: self.keep_orders,
        })
    }
}

/// A host's name, with a port or without.
fn host(text: &str) -> Result<String, String> {
    let is_name = |b: u8| b.is_ascii_alphanumeric() || b"-._:[]".contains(&b);
    match text.bytes().all(is_name) {
        true => Ok(text.to_ascii_lowercase()),
        false => Err("expected a host's name, such as shop.example".to_owned()),
    }
}
