//! `pizza up`: the whole shop in one process.

use crate::crew::Crew;
use pizza_api::Config;
use stage_sdk::broker::Broker;
use stage_sdk::chain::{Chain, plan};
use stage_sdk::signals::Signals;
use stage_sdk::{Delivery, StartError};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::sync::Notify;

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) api: pizza_api::Args,

    /// Whether outputs and offsets of the stages take effect together [default: exactly-once]
    #[arg(long, env = "STAGE_DELIVERY", value_name = "MODE")]
    pub(crate) delivery: Option<Delivery>,

    /// Workers of each stage
    #[arg(long, env = "STAGE_WORKERS", value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) workers: u16,

    /// Where the broker in this process listens, if no other is given [default: 127.0.0.1:9092, or the next free port]
    #[arg(long, env = "STAGE_BROKER_LISTEN", value_name = "HOST:PORT", value_parser = stage_sdk::cli::address)]
    broker_listen: Option<SocketAddr>,

    /// Keep orders, identities and the broker in this process in memory only
    #[arg(long, env = "STAGE_MEMORY")]
    pub(crate) memory: bool,

    #[command(flatten)]
    pub(crate) admin: stage_sdk::cli::AdminArgs,

    /// Makes the pizzas repeatable: the same orders give the same toppings
    #[arg(long, env = "STAGE_SEED", value_name = "N")]
    pub(crate) seed: Option<u64>,
}

/// Opens the shop, and keeps it open until a signal comes or a part of it fails.
pub(crate) fn up(args: &Args) -> Result<(), StartError> {
    let signals = Signals::listen().map_err(|error| StartError::Runtime(error.to_string()))?;
    let chain = Chain::read(&args.api.config).map_err(|e| StartError::Usage(e.to_string()))?;
    Crew::is_there(&chain, &args.api.config)?;
    let mut api = args.api.clone();
    if args.memory {
        api.database_url.get_or_insert_with(|| "sqlite::memory:".into());
    } else {
        api.make_data_directory()?;
    }
    let _broker = own_broker(args, &mut api, &chain)?;
    let mut config = api.config(&chain)?;
    if !args.memory {
        pizza_api::cluster::belongs(&config.data, &config.broker)?;
    }
    make_topics(&chain, &config.broker)?;
    let crew = Crew::start(args, &chain, &config)?;
    config.gauges = crew.gauges();
    // What becomes of keys and letters is decided by how the stages run, not by how the file would have them.
    if args.delivery == Some(Delivery::AtLeastOnce) {
        config.chain.stages.iter_mut().for_each(|stage| stage.delivery = Delivery::AtLeastOnce);
    }
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(|error| StartError::Runtime(error.to_string()))?;
    let stopped = runtime.block_on(serve(config, &crew, &signals));
    // What still waits for a broker is not waited for.
    runtime.shutdown_background();
    let ended = crew.stop();
    stopped?;
    ended.map_err(StartError::Runtime)
}

/// The broker in this process, which ends when it is dropped; none: another is given.
fn own_broker(
    args: &Args,
    api: &mut pizza_api::Args,
    chain: &Chain,
) -> Result<Option<stage_broker::Broker>, StartError> {
    if api.brokers.is_some() || chain.brokers.is_some() {
        return Ok(None);
    }
    let data = (!args.memory).then_some(api.data.as_path());
    let broker = crate::broker::start(args.broker_listen, data)?;
    let place = data.map_or("memory".into(), |data| data.join("broker").display().to_string());
    eprintln!("broker of this process: {}, data in {place}", broker.address());
    api.brokers = Some(broker.address().to_string());
    Ok(Some(broker))
}

fn make_topics(chain: &Chain, broker: &Broker) -> Result<(), StartError> {
    plan::apply(&plan::plan(chain, broker)?, broker)
}

async fn serve(config: Config, crew: &Crew, signals: &Signals) -> Result<(), StartError> {
    let shop = pizza_api::open(config).await?;
    println!("pizza shop open: {}", shop.url());
    let signalled = Arc::new(Notify::new());
    let notify = signalled.clone();
    signals.then(move || notify.notify_one());
    tokio::select! {
        () = signalled.notified() => {}
        () = ended(crew) => {}
    }
    shop.stop().await;
    Ok(())
}

/// Comes back when any stage has ended, which none does by itself but by failing.
async fn ended(crew: &Crew) {
    while !crew.has_ended() {
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
}
