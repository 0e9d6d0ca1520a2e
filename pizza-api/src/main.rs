//! `pizza-api`: the API as a program of its own.

use clap::{CommandFactory, Parser, Subcommand};
use pizza_api::Args;
use stage_sdk::chain::Chain;
use stage_sdk::signals::Signals;
use stage_sdk::{StartError, cli};
use std::process::ExitCode;
use std::sync::Arc;
use tokio::sync::Notify;

#[derive(Parser)]
#[command(
    version,
    about = "The pizza shop's HTTP API: takes orders, and gathers finished pizzas",
    after_help = "Exit codes: 0 stopped as asked, 1 failed at run time, 2 told something wrong, 130 second signal.",
    args_conflicts_with_subcommands = true
)]
struct Cli {
    #[command(flatten)]
    args: Args,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    #[command(flatten)]
    Manual(cli::Manual),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    cli::log_to_stderr();
    let done = match cli.command {
        None => serve(&cli.args),
        Some(Command::Manual(manual)) => manual.print(Cli::command(), "pizza-api"),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => cli::explain("pizza-api", &error),
    }
}

fn serve(args: &Args) -> Result<(), StartError> {
    let signals = Signals::listen().map_err(|error| StartError::Runtime(error.to_string()))?;
    let chain = Chain::read(&args.config).map_err(|error| StartError::Usage(error.to_string()))?;
    let config = args.config(&chain)?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(|error| StartError::Runtime(error.to_string()))?;
    let served = runtime.block_on(async {
        let shop = pizza_api::open(config).await?;
        println!("pizza API listens: {}", shop.url());
        let signalled = Arc::new(Notify::new());
        let notify = signalled.clone();
        signals.then(move || notify.notify_one());
        signalled.notified().await;
        shop.stop().await;
        Ok(())
    });
    // What still waits for a broker is not waited for.
    runtime.shutdown_background();
    served
}
