//! The stages of the shop at work: in this process, and as programs beside it.

mod kept;

use crate::up::Args;
use kept::Kept;
use pizza_api::Config;
use pizza_api::gauges::{Gauges, Source};
use stage_sdk::chain::{Chain, StageRoute};
use stage_sdk::{Delivery, Running, Service, StartError};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// All that are started. Dropped, those in this process go on, and the programs are told to stop.
#[derive(Default)]
pub(crate) struct Crew {
    here: Vec<(String, Running)>,
    beside: Vec<(String, Kept)>,
}

impl Crew {
    /// Whether the programs of all stages that are ours to start can be found. `file`: the route map.
    ///
    /// # Errors
    /// One cannot.
    pub(crate) fn is_there(chain: &Chain, file: &Path) -> Result<(), StartError> {
        for route in chain.stages.iter().filter(|route| !route.external && !route.sink) {
            let (name, keys) =
                (&route.name, [("service", &route.service), ("command", &route.command)]);
            let Some((key, program)) = keys.into_iter().find(|(_, program)| !program.is_empty())
            else {
                continue;
            };
            let manifest = file.parent().unwrap_or(Path::new("")).join("plug-ins").join(name);
            let manifest = manifest.join("Cargo.toml");
            let build = match manifest.exists() && key == "service" {
                true => format!("; cargo build --release --manifest-path {}", manifest.display()),
                false => String::new(),
            };
            stage_sdk::program::is_there(key, program)
                .map_err(|error| StartError::Usage(format!("stage {name:?}: {error}{build}")))?;
        }
        Ok(())
    }

    /// Starts each stage of the chain that is ours to start.
    ///
    /// # Errors
    /// One of them cannot be started.
    pub(crate) fn start(args: &Args, chain: &Chain, config: &Config) -> Result<Crew, StartError> {
        let mut crew = Crew::default();
        let watch = args.admin.open()?;
        for route in chain.stages.iter().filter(|route| !route.external && !route.sink) {
            if !route.service.is_empty() {
                let told = told(args, config, route)?;
                let kept = Kept::start(&route.name, &route.service, told)?;
                crew.beside.push((route.name.clone(), kept));
                continue;
            }
            let mut service = Service {
                broker: config.broker.clone(),
                workers: args.workers.into(),
                seed: args.seed,
                state_dir: (!args.memory).then(|| state(&config.data)),
                delivery: args.delivery.unwrap_or(route.delivery),
                ..chain.service(&route.name)?
            };
            watch.over(&mut service);
            service.settings.retry = route.policy_with(service.delivery);
            let running = start_here(&service, route, &args.api.config)?;
            crew.here.push((route.name.clone(), running));
        }
        Ok(crew)
    }

    /// Whether any has ended, which none does by itself but by failing.
    pub(crate) fn has_ended(&self) -> bool {
        self.here.iter().any(|(_, running)| running.has_ended())
            || self.beside.iter().any(|(_, kept)| kept.has_ended())
    }

    /// Who can say how each of them stands.
    pub(crate) fn gauges(&self) -> Gauges {
        let inside =
            |(name, running): &(String, Running)| (name.clone(), Source::Inside(running.gauge()));
        let beside =
            |(name, kept): &(String, Kept)| (name.clone(), Source::Beside(kept.restarts()));
        let (here, beside) = (self.here.iter().map(inside), self.beside.iter().map(beside));
        Gauges::new(here.chain(beside))
    }

    /// Stops all of them at once, and waits until they have finished and left.
    ///
    /// # Errors
    /// What ended one other than the stop.
    pub(crate) fn stop(self) -> Result<(), String> {
        self.here.iter().for_each(|(_, stage)| stage.stop_handle().stop());
        let beside: Vec<_> = self.beside.into_iter().map(|(_, kept)| kept.stop()).collect();
        let mut ended: Vec<_> = self.here.into_iter().map(|(_, stage)| stage.wait()).collect();
        ended.extend(beside.into_iter().map(kept::Stopping::wait));
        ended.into_iter().collect()
    }
}

fn start_here(service: &Service, route: &StageRoute, file: &Path) -> Result<Running, StartError> {
    if let Some(program) = route.program() {
        return service.start(program.stage()?);
    }
    match route.name.as_str() {
        "sauce" => service.start(stages::sauce),
        "cheese" => service.start(stages::cheese),
        "meat" => service.start(stages::meat),
        "veggie" => service.start(stages::veggie),
        other => Err(StartError::Usage(format!(
            "no stage {other:?} is built in; in {} say which program it is: service = [\"target/release/{other}\"] for one with stage-sdk, command = [\"python3\", \"{other}.py\"] for one that answers line by line, or external = true for one that you start",
            file.display()
        ))),
    }
}

fn state(data: &Path) -> PathBuf {
    data.join("state")
}

/// What a program beside us is told: the flags that hold for all stages. None: it is not told, whatever we were.
fn told(
    args: &Args,
    config: &Config,
    route: &StageRoute,
) -> Result<Vec<(&'static str, Option<OsString>)>, StartError> {
    let absolute = |path: &Path| {
        std::path::absolute(path)
            .map(PathBuf::into_os_string)
            .map_err(|error| StartError::Runtime(format!("where {} is: {error}", path.display())))
    };
    let client = &args.api.client;
    let delivery = args.delivery.map(|delivery| match delivery {
        Delivery::ExactlyOnce => "exactly-once".into(),
        Delivery::AtLeastOnce => "at-least-once".into(),
    });
    Ok(vec![
        ("STAGE_UNTIL_EOF", Some("true".into())),
        ("STAGE_NAME", Some(route.name.clone().into())),
        ("STAGE_CONFIG", Some(absolute(&args.api.config)?)),
        ("STAGE_BROKERS", Some(config.broker.servers.clone().into())),
        ("STAGE_STATE_DIR", Some(absolute(&state(&config.data))?)),
        ("STAGE_MEMORY", Some(args.memory.to_string().into())),
        ("STAGE_WORKERS", Some(args.workers.to_string().into())),
        ("STAGE_DELIVERY", delivery),
        ("STAGE_SEED", args.seed.map(|seed| seed.to_string().into())),
        ("STAGE_X", (!client.overrides.is_empty()).then(|| client.overrides.join(",").into())),
        ("STAGE_CLIENT_CONFIG", client.client_config.as_deref().map(absolute).transpose()?),
        // What is said of one stage, or of one listener, is not said of another.
        ("STAGE_ADMIN", None),
        ("STAGE_INPUT", None),
        ("STAGE_OUTPUT", None),
        ("STAGE_GROUP", None),
    ])
}
