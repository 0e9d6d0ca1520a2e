//! `pizza run`: a stage that is a program of any language, as a service of its own.

use stage_sdk::StartError;
use stage_sdk::chain::Chain;
use stage_sdk::cli::{self, StageArgs};

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    stage: StageArgs,
}

/// Runs it until a signal comes.
pub(crate) fn run(args: &Args) -> Result<(), StartError> {
    let file = args.stage.config.display();
    let chain = Chain::read(&args.stage.config).map_err(|e| StartError::Usage(e.to_string()))?;
    let with_command = || {
        let known = chain.stages.iter().filter(|stage| !stage.command.is_empty());
        known.map(|stage| stage.name.as_str()).collect::<Vec<_>>().join(", ")
    };
    let Some(name) = &args.stage.stage else {
        let text = format!(
            "no stage is given; use --stage NAME; {file} has with a command: {}",
            with_command()
        );
        return Err(StartError::Usage(text));
    };
    // Who mistypes a name is told the nearest.
    chain.service(name)?;
    let program = chain.stage(name).and_then(stage_sdk::chain::StageRoute::program);
    let program = program.ok_or_else(|| {
        StartError::Usage(format!(
            "{file}: stage {name:?} has no command: it is a program of its own, which is started by its name; with a command: {}",
            with_command()
        ))
    })?;
    cli::work(&args.stage, name, program.stage()?)
}
