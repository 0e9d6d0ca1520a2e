//! The pizza shop in one process: the API and the four stages; and the tools around it.

mod broker;
mod crew;
mod new;
mod order;
mod run;
mod shop;
mod top;
mod up;

use clap::{CommandFactory, Parser, Subcommand};
use stage_sdk::cli;
use std::process::ExitCode;

#[derive(Parser)]
#[command(
    name = "pizza",
    version,
    about = "The pizza shop: take orders, top pizzas stage by stage, hand them out",
    after_help = "Without a command: up.\nExit codes: 0 done or stopped as asked, 1 failed at run time, 2 told something wrong, 130 second signal.",
    args_conflicts_with_subcommands = true
)]
struct Cli {
    #[command(flatten)]
    up: up::Args,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Open the shop: the API and all stages in this process
    Up(up::Args),
    /// Run a stage that has a command in the route map
    Run(Box<run::Args>),
    /// Make a stage of your own
    New(new::Args),
    /// Order pizzas from an open shop
    Order(order::Args),
    /// Watch the chain of an open shop: rates, ages, lag, orders
    Top(top::Args),
    /// Check the route map, or bring the broker's topics in line with it
    Topics(stage_sdk::chain::tool::Args),
    /// Look at what stages could not handle, replay or drop it
    DeadLetters(Box<stage_sdk::dead_letter::tool::Args>),
    /// Look at what waits in the retry topics of stages, and decide about it
    Keys(Box<stage_sdk::keys::Args>),
    #[command(flatten)]
    Manual(cli::Manual),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    cli::log_to_stderr();
    let done = match cli.command.unwrap_or(Command::Up(cli.up)) {
        Command::Up(args) => up::up(&args),
        Command::Run(args) => run::run(&args),
        Command::New(args) => new::new(&args),
        Command::Order(args) => order::order(&args),
        Command::Top(args) => top::top(&args),
        Command::Topics(args) => args.run(),
        Command::DeadLetters(args) => args.run(),
        Command::Keys(args) => args.run(),
        Command::Manual(manual) => manual.print(Cli::command(), "pizza"),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => cli::explain("pizza", &error),
    }
}
