//! A stage of its own chain with a policy, some of whose records fail, and the topics around it.

use crate::pizza::Pizza;
use crate::place::{Place, fresh};
use crate::topics::Topics;
use anyhow::{Result, anyhow, ensure};
use stage_sdk::chain::{Chain, plan};
use stage_sdk::{Context, Failure, Json, Running};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// Longer than it takes for a whole input to be handled.
const PATIENCE: Duration = Duration::from_secs(300);

pub(crate) struct Retrying {
    running: Running,
    pub(crate) output: String,
    /// Records handled well.
    handled: Arc<AtomicU64>,
}

impl Retrying {
    /// `retry`: the policy as `topics.toml` has it; `fails`: whether this attempt at a pizza does.
    pub(crate) fn start(
        place: &Place,
        input: &str,
        retry: &str,
        fails: impl Fn(&Pizza, u32) -> bool + Clone + Send + Sync + 'static,
    ) -> Result<Retrying> {
        let (chain, output) = (fresh("retrying"), fresh("out"));
        let map = format!(
            r#"[chain]
name = "{chain}"
[topics."{input}"]
partitions = 4
source = true
[topics."{output}"]
partitions = 4
config = {{ "retention.ms" = "-1" }}
[stages.{chain}]
input = "{input}"
output = "{output}"
retry = {retry}
"#
        );
        let map = Chain::parse(&map, "retrying").map_err(|problems| anyhow!("{problems}"))?;
        plan::apply(&plan::plan(&map, &place.broker())?, &place.broker())?;
        let service = stage_sdk::Service { broker: place.broker(), ..map.service(&chain)? };
        let handled = Arc::new(AtomicU64::new(0));
        let count = handled.clone();
        let running = service.start(move |Json(mut pizza): Json<Pizza>, cx: &Context| {
            if fails(&pizza, cx.attempt()) {
                return Err(Failure::from(std::io::Error::other("not this time")));
            }
            count.fetch_add(1, Relaxed);
            pizza.sauce = "pesto".into();
            Ok(Json(pizza))
        })?;
        Ok(Retrying { running, output, handled })
    }

    /// When so many have been handled.
    pub(crate) fn handled(&self, count: u64) -> Result<Instant> {
        let begin = Instant::now();
        while self.handled.load(Relaxed) < count {
            ensure!(!self.running.has_ended(), "the stage ended by itself");
            ensure!(begin.elapsed() < PATIENCE, "{count} records take too long");
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(Instant::now())
    }

    /// Records a second between the first fifth and the last of so many.
    pub(crate) fn rate(&self, records: u64) -> Result<f64> {
        let (first, last) = (records / 5, records / 100 * 98);
        let begin = self.handled(first)?;
        let took = self.handled(last)?.duration_since(begin);
        Ok((last - first) as f64 / took.as_secs_f64())
    }

    /// Stops it once so many are handled: nothing was lost.
    pub(crate) fn end(self, place: &Place, records: u64) -> Result<()> {
        self.handled(records)?;
        self.running.stop_handle().stop();
        self.running.wait().map_err(|text| anyhow!(text))?;
        Topics::connect(place)?.delete(&self.output)
    }
}
