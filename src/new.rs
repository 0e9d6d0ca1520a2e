//! `pizza new stage`: a crate with a stage in it, and its place in the route map.

mod home;

mod name;

mod place;

use clap::Subcommand;
use home::Home;
use place::Place;
use stage_sdk::StartError;
use stage_sdk::cli::print;
use std::path::{Path, PathBuf};

const NEXT: &str = "start the shop again: orders on their way are finished";

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// A stage in Rust, or of any language: its place in the route map, and a crate that builds, with a test
    Stage(StageArgs),
}

#[derive(clap::Args)]
struct StageArgs {
    /// Its name, and that of its crate and program
    name: String,

    /// The program that it is, which answers line by line, and its arguments, in place of a crate
    #[arg(last = true, value_name = "PROGRAM")]
    command: Vec<String>,

    /// The stage that it comes after [default: the last that writes a topic]
    #[arg(long, value_name = "STAGE")]
    after: Option<String>,

    /// The route map; the crate is put in the directory plug-ins beside it
    #[arg(long, env = "STAGE_CONFIG", value_name = "FILE", default_value = "topics.toml")]
    config: PathBuf,

    /// Where stage-sdk lies [default: beside the route map]
    #[arg(long, value_name = "DIR")]
    sdk: Option<PathBuf>,
}

/// Makes the crate, then its place. What is wrong is found before anything is written; where the place cannot be
/// written the crate stays, and is taken the next time.
pub(crate) fn new(args: &Args) -> Result<(), StartError> {
    let What::Stage(args) = &args.what;
    let (name, file) = (&args.name, args.config.display());
    let after = args.after.as_deref();
    if !args.command.is_empty() {
        stage_sdk::program::is_there("the command", &args.command)?;
        let place = Place::find(&args.config, name, after, ("command", &args.command))?;
        place.write(&args.config)?;
        return print([format!("{file}: {place}"), NEXT.to_owned()]);
    }
    let root = args.config.parent().unwrap_or(Path::new(""));
    let home = Home::find(root, name)?;
    let program = [home.program.display().to_string()];
    let place = Place::find(&args.config, name, after, ("service", &program))?;
    home.make(&args.sdk.clone().unwrap_or_else(|| root.join("stage-sdk")))?;
    place.write(&args.config)?;
    let (path, package) = (home.path.display(), &home.package);
    print([
        format!("{path}: what it does is in {path}/src/main.rs"),
        format!("{file}: {place}"),
        format!("test it:  cargo test --release {package}"),
        format!("build it: cargo build --release {package}"),
        NEXT.to_owned(),
    ])
}
