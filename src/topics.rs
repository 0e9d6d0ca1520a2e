//! `pizza topics check | plan | apply`: the route map, and the broker's topics.

use clap::Subcommand;
use stage_sdk::StartError;
use stage_sdk::broker::Broker;
use stage_sdk::chain::{Chain, plan};
use std::path::PathBuf;

#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,

    /// The route map
    #[arg(
        long,
        env = "STAGE_CONFIG",
        value_name = "FILE",
        default_value = "topics.toml",
        global = true
    )]
    config: PathBuf,

    /// Brokers as HOST:PORT, several with commas [default: brokers in topics.toml]
    #[arg(long, env = "STAGE_BROKERS", value_name = "HOST:PORT", global = true)]
    brokers: Option<String>,

    /// A librdkafka setting; may be given several times
    #[arg(short = 'X', env = "STAGE_X", value_name = "NAME=VALUE", value_delimiter = ',', value_parser = stage_sdk::cli::setting, global = true)]
    overrides: Vec<(String, String)>,

    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand, Clone, Copy, Debug, PartialEq, Eq)]
enum Command {
    /// Find every problem of the route map; asks no broker
    Check,
    /// Show what apply would change on the broker
    Plan,
    /// Create what is missing on the broker, and bring settings in line
    Apply,
}

pub(crate) fn topics(args: &Args) -> Result<(), StartError> {
    let usage = |error: &dyn std::fmt::Display| StartError::Usage(error.to_string());
    let chain = Chain::read(&args.config).map_err(|problems| usage(&problems))?;
    if args.command == Command::Check {
        println!("{}: chain {} is in order", args.config.display(), chain.name);
        return Ok(());
    }
    let servers = args.brokers.clone().or_else(|| chain.brokers.clone()).ok_or_else(|| {
        StartError::Usage("no broker is given; use --brokers HOST:PORT or STAGE_BROKERS".into())
    })?;
    let broker = Broker { servers, overrides: args.overrides.clone(), ..Broker::default() };
    let plan = plan::plan(&chain, &broker)?;
    match serde_json::to_string(&plan) {
        Ok(line) if args.json => println!("{line}"),
        _ => println!("{plan}"),
    }
    if args.command == Command::Apply { plan::apply(&plan, &broker) } else { plan.permitted() }
}
