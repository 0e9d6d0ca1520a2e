//! The SDK's contender: one stage, as a user would start it.

use crate::contender::Job;
use crate::pizza::Pizza;
use crate::place::Place;
use anyhow::{Result, anyhow};
use clap::Args;
use stage_sdk::core::Settings;
use stage_sdk::signals::Signals;
use stage_sdk::{Context, IntoStage, Json, Service, Stage};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// The topic for dead letters; it stays empty.
pub(crate) const DEAD_LETTERS: &str = "bench-dead-letters";

#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    job: Job,
    /// Closes a window at this many records and not by time: a fixed window in place of the default.
    #[arg(long)]
    window: Option<usize>,
    /// An async stage whose records take so many milliseconds each.
    #[arg(long)]
    work_ms: Option<u64>,
    /// Group members in this process.
    #[arg(long, default_value_t = 1)]
    workers: usize,
    /// So many records at once; without it the stage's default.
    #[arg(long)]
    concurrency: Option<usize>,
}

pub(crate) fn run(place: &Place, options: &Options) -> Result<()> {
    let job = options.job.clone();
    let field = job.field;
    let count = Arc::new(AtomicU64::new(0));
    let counted = {
        let job = job.clone();
        move || job.say(count.fetch_add(1, Relaxed) + 1)
    };
    match options.work_ms {
        None => start(place, options, move |Json(mut pizza): Json<Pizza>, _: &Context| {
            counted();
            field.top(&mut pizza);
            Ok(Json(pizza))
        }),
        Some(work) => {
            let work = Duration::from_millis(work);
            start(place, options, async move |Json(mut pizza): Json<Pizza>, _: &Context| {
                tokio::time::sleep(work).await;
                counted();
                field.top(&mut pizza);
                Ok(Json(pizza))
            })
        }
    }
}

/// Until SIGTERM.
fn start<M, I>(place: &Place, options: &Options, stage: I) -> Result<()>
where
    I: IntoStage<M>,
    I::Stage: Stage + Send,
{
    let job = &options.job;
    let service = Service {
        stage: job.field.name().into(),
        group: job.group.clone(),
        input: job.input.clone(),
        output: Some(job.output.clone()),
        dead_letters: DEAD_LETTERS.into(),
        broker: place.broker(),
        delivery: job.delivery.into(),
        workers: options.workers,
        settings: settings(options),
        ..Service::default()
    };
    let signals = Signals::listen()?;
    let running = service.start(stage)?;
    let stop = running.stop_handle();
    signals.then(move || stop.stop());
    running.wait().map_err(|text| anyhow!(text))
}

fn settings(options: &Options) -> Settings {
    let mut settings = Settings::default();
    if let Some(records) = options.window {
        settings.max_window_records = records;
        settings.max_window_bytes = 1 << 30;
        settings.commit_interval = Duration::from_secs(60);
    }
    if let Some(concurrency) = options.concurrency {
        settings.max_in_flight = concurrency;
    }
    settings
}
