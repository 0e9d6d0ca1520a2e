//! `pizza new stage`: a crate with a stage in it, and its place in the route map.

mod name;

mod place;

use clap::Subcommand;
use place::Place;
use stage_sdk::StartError;
use stage_sdk::cli::print;
use std::path::{Path, PathBuf};

/// What is written, of a stage that is built and tested like all else.
const CRATE: &str = include_str!("../plug-ins/oregano/Cargo.toml");
const MAIN: &str = include_str!("../plug-ins/oregano/src/main.rs");
const NAME: &str = "oregano";
const SDK: &str = "../../stage-sdk";

const NEXT: &str = "start the shop again: orders on their way are finished";

/// Where new crates are put, beside the route map.
const CRATES: &str = "plug-ins";

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

/// Makes it, or nothing: what is wrong is found before anything is written.
pub(crate) fn new(args: &Args) -> Result<(), StartError> {
    let What::Stage(args) = &args.what;
    let (name, root) = (&args.name, args.config.parent().unwrap_or(Path::new("")));
    name::check(name, root)?;
    if !args.command.is_empty() {
        stage_sdk::program::is_there("it", &args.command)?;
        let program = ("command", &args.command[..]);
        let place = Place::find(&args.config, name, args.after.as_deref(), program)?;
        place.write(&args.config)?;
        let file = args.config.display();
        return print([format!("{file}: {place}"), NEXT.to_owned()]);
    }
    let sdk = sdk(args, root)?;
    // In a workspace programs are built in one place.
    let home = root.join(CRATES).join(name);
    let is_member = root.join("Cargo.toml").exists();
    let built = if is_member { root } else { &home };
    let program = built.join("target/release").join(name);
    let program = ("service", &[program.display().to_string()][..]);
    let place = Place::find(&args.config, name, args.after.as_deref(), program)?;
    write(&home, name, &sdk)?;
    place.write(&args.config)?;
    let (home, file) = (home.display(), args.config.display());
    let package = match is_member {
        true => format!("--package {name}"),
        false => format!("--manifest-path {home}/Cargo.toml"),
    };
    print([
        format!("{home}: what it does is in {home}/src/main.rs"),
        format!("{file}: {place}"),
        format!("test it:  cargo test --release {package}"),
        format!("build it: cargo build --release {package}"),
        NEXT.to_owned(),
    ])
}

/// Where the library lies.
fn sdk(args: &StageArgs, root: &Path) -> Result<PathBuf, StartError> {
    let sdk = args.sdk.clone().unwrap_or_else(|| root.join("stage-sdk"));
    match sdk.join("Cargo.toml").exists() {
        true => Ok(sdk),
        false => Err(StartError::Usage(format!(
            "there is no stage-sdk at {}; say where it lies with --sdk DIR",
            sdk.display()
        ))),
    }
}

fn write(home: &Path, name: &str, sdk: &Path) -> Result<(), StartError> {
    let failed = |path: &Path, error| StartError::Runtime(format!("{}: {error}", path.display()));
    let sources = home.join("src");
    std::fs::create_dir_all(&sources).map_err(|error| failed(&sources, error))?;
    // Where both are in one tree, the crate finds it wherever the tree is.
    let sdk = match home.parent().and_then(Path::parent).map(|root| sdk.strip_prefix(root)) {
        Some(Ok(beside)) if beside.is_relative() => Path::new("../..").join(beside),
        _ => std::path::absolute(sdk).map_err(|error| failed(sdk, error))?,
    };
    let manifest = CRATE.replace(SDK, &sdk.display().to_string()).replace(NAME, name);
    for (file, text) in [("Cargo.toml", manifest), ("src/main.rs", MAIN.replace(NAME, name))] {
        let path = home.join(file);
        std::fs::write(&path, text).map_err(|error| failed(&path, error))?;
    }
    Ok(())
}
