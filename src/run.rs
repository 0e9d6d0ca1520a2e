//! `pizza run`: a stage that is a program of any language, as a service of its own.

use stage_sdk::StartError;
use stage_sdk::chain::{Chain, StageRoute};
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
    let usage = |text: String| StartError::Usage(format!("{text}; {}", those_with_one(&chain)));
    let Some(name) = &args.stage.stage else {
        return Err(usage("no stage is given; use --stage NAME".to_owned()));
    };
    // Who mistypes a name is told the nearest.
    chain.service(name)?;
    let program = chain.stage(name).and_then(StageRoute::program).ok_or_else(|| {
        usage(format!(
            "{file}: stage {name:?} has no command, so it is started as a program of its own"
        ))
    })?;
    cli::work(&args.stage, name, program.stage()?)
}

/// The stages that have a command, in words.
fn those_with_one(chain: &Chain) -> String {
    let known = chain.stages.iter().filter(|stage| !stage.command.is_empty());
    let known: Vec<&str> = known.map(|stage| stage.name.as_str()).collect();
    match known.is_empty() {
        true => "no stage has a command yet: see docs/plug-ins.md".to_owned(),
        false => format!("with a command: {}", known.join(", ")),
    }
}
