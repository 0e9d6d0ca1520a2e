//! The broker in the shop's own process, for when no other is given.

use stage_broker::{Broker, Config, StartError as BrokerError};
use stage_sdk::StartError;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

/// Kafka's usual port, and how many after it are tried where it is taken.
const PORT: u16 = 9092;
const TRIES: u16 = 100;

/// Starts one that keeps its data in the directory; none: nowhere. It listens on the address; none:
/// on the usual port of loopback, or the next free one.
///
/// # Errors
/// The address is taken, or the directory is in use or cannot be used.
pub(crate) fn start(listen: Option<SocketAddr>, data: Option<&Path>) -> Result<Broker, StartError> {
    let config = match data {
        Some(data) => Config::directory(data.join("broker")),
        None => Config::memory(),
    };
    let usual = (PORT..PORT + TRIES).map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    let addresses: Vec<SocketAddr> = listen.map_or(usual.collect(), |address| vec![address]);
    let mut refused = None;
    for address in addresses {
        match Broker::start_blocking(config.clone().listen(address.to_string())) {
            Ok(broker) => return Ok(broker),
            Err(error @ BrokerError::Listen(..)) => refused = Some(error),
            Err(error) => return Err(StartError::Usage(format!("{error} with --data"))),
        }
    }
    let text = refused.map_or_else(String::new, |error| error.to_string());
    Err(StartError::Usage(format!("{text} with --broker-listen")))
}
