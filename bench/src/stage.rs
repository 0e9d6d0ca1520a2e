//! The SDK's contender: one stage with one worker, as a user would start it.

use crate::contender::{Job, handled};
use crate::pizza::{Pizza, SAUCE};
use crate::place::{Place, micros};
use crate::usage::Usage;
use anyhow::{Result, anyhow, bail};
use clap::Args;
use stage_sdk::core::Settings;
use stage_sdk::{Context, Json, Running, Service};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
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
}

pub(crate) fn run(place: &Place, options: &Options) -> Result<()> {
    let job = &options.job;
    let service = Service {
        stage: "sauce".into(),
        group: job.group.clone(),
        input: job.input.clone(),
        output: Some(job.output.clone()),
        dead_letters: DEAD_LETTERS.into(),
        broker: place.broker(),
        delivery: job.delivery.into(),
        settings: settings(options.window),
        ..Service::default()
    };
    let (tell, heard) = channel();
    let (count, records) = (Arc::new(AtomicU64::new(0)), job.records);
    let running = service.start(move |Json(mut pizza): Json<Pizza>, _: &Context| {
        let number = count.fetch_add(1, Relaxed) + 1;
        if number == 1 || number == records {
            tell.send(micros()).ok();
        }
        pizza.sauce = SAUCE.into();
        Ok(Json(pizza))
    })?;
    let Some(first) = next(&heard, &running) else { return ended(running) };
    if records > 1 && next(&heard, &running).is_none() {
        return ended(running);
    }
    handled();
    running.stop_handle().stop();
    running.wait().map_err(|text| anyhow!(text))?;
    println!("{}", serde_json::to_string(&Usage::of_this_process(first)?)?);
    Ok(())
}

fn settings(window: Option<usize>) -> Settings {
    match window {
        None => Settings::default(),
        Some(records) => Settings {
            max_window_records: records,
            max_window_bytes: 1 << 30,
            commit_interval: Duration::from_secs(60),
            ..Settings::default()
        },
    }
}

/// When a record was handled; none: the stage ended before.
fn next(heard: &Receiver<u64>, running: &Running) -> Option<u64> {
    loop {
        match heard.recv_timeout(Duration::from_millis(500)) {
            Ok(time) => return Some(time),
            Err(RecvTimeoutError::Timeout) if !running.has_ended() => {}
            Err(_) => return None,
        }
    }
}

fn ended(running: Running) -> Result<()> {
    running.wait().map_err(|text| anyhow!(text))?;
    bail!("the stage ended by itself before all was handled")
}
