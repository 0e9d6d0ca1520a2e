//! `topics check | plan | apply`: the route map, and the broker's topics.

use super::{Chain, Problems, plan};
use crate::cli::{Reach, print};
use crate::service::StartError;
use clap::Subcommand;
use serde_json::json;

/// What the tool is told.
#[derive(clap::Args, Debug)]
pub struct Args {
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

impl Args {
    /// For the program of a stage, which may have been given the brokers before the subcommand.
    pub(crate) fn of_stage(mut self, brokers: Option<String>) -> Args {
        self.reach.brokers = self.reach.brokers.or(brokers);
        self
    }

    /// Does what was asked; what `apply` made is there when this returns Ok.
    ///
    /// # Errors
    /// The route map has problems, what it wants cannot be done, no broker answered within 30 s, or it
    /// failed on the way.
    pub fn run(&self) -> Result<(), StartError> {
        let read = Chain::read(&self.reach.config);
        if self.command == Command::Check {
            return check(&self.reach, read);
        }
        let chain = read.map_err(|problems| StartError::Usage(problems.to_string()))?;
        let broker = self.reach.broker(Some(&chain))?;
        let plan = plan::plan(&chain, &broker)?;
        match serde_json::to_string(&plan) {
            Ok(line) if self.reach.json => print([line])?,
            _ => print([&plan])?,
        }
        if !plan.refused.is_empty() {
            // The plan says which.
            let text = format!("{} of it cannot be done; nothing was changed", plan.refused.len());
            return Err(StartError::Usage(text));
        }
        if self.command == Command::Apply { plan::apply(&plan, &broker) } else { Ok(()) }
    }
}

fn check(reach: &Reach, read: Result<Chain, Problems>) -> Result<(), StartError> {
    let file = reach.config.display().to_string();
    if !reach.json {
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
