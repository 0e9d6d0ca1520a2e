//! `pizza topics check | plan | apply`: the route map, and the broker's topics.

use clap::Subcommand;
use serde_json::json;
use stage_sdk::StartError;
use stage_sdk::chain::{Chain, Problems, plan};
use stage_sdk::cli::{Reach, print};

#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,

    #[command(flatten)]
    reach: Reach,
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
    let read = Chain::read(&args.reach.config);
    if args.command == Command::Check {
        return check(args, read);
    }
    let chain = read.map_err(|problems| StartError::Usage(problems.to_string()))?;
    let broker = args.reach.broker(Some(&chain))?;
    let plan = plan::plan(&chain, &broker)?;
    match serde_json::to_string(&plan) {
        Ok(line) if args.reach.json => print([line])?,
        _ => print([&plan])?,
    }
    if !plan.refused.is_empty() {
        // The plan says which.
        let text = format!("{} of it cannot be done; nothing was changed", plan.refused.len());
        return Err(StartError::Usage(text));
    }
    if args.command == Command::Apply { plan::apply(&plan, &broker) } else { Ok(()) }
}

fn check(args: &Args, read: Result<Chain, Problems>) -> Result<(), StartError> {
    let file = args.reach.config.display().to_string();
    if !args.reach.json {
        let chain = read.map_err(|problems| StartError::Usage(problems.to_string()))?;
        return print([format!("{file}: chain {} is in order", chain.name)]);
    }
    let (chain, problems) = match read {
        Ok(chain) => (Some(chain.name), Vec::new()),
        Err(problems) => (None, problems.all),
    };
    let listed: Vec<_> = problems
        .iter()
        .map(|problem| json!({ "file": file, "line": problem.line, "text": problem.text }))
        .collect();
    print([json!({ "file": file, "chain": chain, "problems": listed })])?;
    match problems.len() {
        0 => Ok(()),
        1 => Err(StartError::Usage(format!("{file} has a problem"))),
        count => Err(StartError::Usage(format!("{file} has {count} problems"))),
    }
}
