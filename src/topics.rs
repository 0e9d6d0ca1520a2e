//! `pizza topics check | plan | apply`: the route map, and the broker's topics.

use clap::Subcommand;
use serde_json::json;
use stage_sdk::StartError;
use stage_sdk::broker::Broker;
use stage_sdk::chain::{Chain, Problems, plan};
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
    let read = Chain::read(&args.config);
    if args.command == Command::Check {
        return check(args, read);
    }
    let chain = read.map_err(|problems| StartError::Usage(problems.to_string()))?;
    let servers = args.brokers.clone().or_else(|| chain.brokers.clone()).ok_or_else(|| {
        StartError::Usage("no broker is given; use --brokers HOST:PORT or STAGE_BROKERS".into())
    })?;
    let broker = Broker { servers, overrides: args.overrides.clone(), ..Broker::default() };
    let plan = plan::plan(&chain, &broker)?;
    match serde_json::to_string(&plan) {
        Ok(line) if args.json => println!("{line}"),
        _ => println!("{plan}"),
    }
    if !plan.refused.is_empty() {
        // The plan says which.
        let text = format!("{} of it cannot be done; nothing was changed", plan.refused.len());
        return Err(StartError::Usage(text));
    }
    if args.command == Command::Apply { plan::apply(&plan, &broker) } else { Ok(()) }
}

fn check(args: &Args, read: Result<Chain, Problems>) -> Result<(), StartError> {
    let file = args.config.display().to_string();
    if !args.json {
        let chain = read.map_err(|problems| StartError::Usage(problems.to_string()))?;
        println!("{file}: chain {} is in order", chain.name);
        return Ok(());
    }
    let (chain, problems) = match read {
        Ok(chain) => (Some(chain.name), Vec::new()),
        Err(problems) => (None, problems.all),
    };
    let listed: Vec<_> = problems
        .iter()
        .map(|problem| json!({ "file": file, "line": problem.line, "text": problem.text }))
        .collect();
    println!("{}", json!({ "file": file, "chain": chain, "problems": listed }));
    match problems.len() {
        0 => Ok(()),
        1 => Err(StartError::Usage(format!("{file} has a problem"))),
        count => Err(StartError::Usage(format!("{file} has {count} problems"))),
    }
}
