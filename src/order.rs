//! `pizza order N`: orders over HTTP, and follows the order if asked.

use indicatif::{ProgressBar, ProgressStyle};
use serde::{Deserialize, Serialize};
use stage_sdk::StartError;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// Between two looks at the order.
const LOOK: Duration = Duration::from_millis(100);

/// For one answer of the API.
const ANSWER: Duration = Duration::from_secs(15);

#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// How many pizzas
    count: u32,

    /// Where the shop is open
    #[arg(long, env = "STAGE_URL", default_value = "http://127.0.0.1:8094")]
    url: String,

    /// Follow the order until it is complete
    #[arg(long)]
    watch: bool,

    /// Print JSON: the order's id, or with --watch the whole order
    #[arg(long)]
    json: bool,

    /// Give up following after this many seconds
    #[arg(long, default_value_t = 600, value_name = "SECONDS")]
    timeout: u64,
}

#[derive(Deserialize, Serialize)]
struct Placed {
    order_id: String,
}

#[derive(Deserialize, Serialize)]
struct Order {
    id: String,
    count: u32,
    complete: bool,
    pizzas: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
struct Problem {
    title: String,
    detail: Option<String>,
}

pub(crate) fn order(args: &Args) -> Result<(), StartError> {
    let url = args.url.trim_end_matches('/');
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(ANSWER))
        .http_status_as_error(false)
        .build()
        .into();
    let answer = agent.post(format!("{url}/order/{}", args.count)).send_empty();
    let placed: Placed = read(url, answer)?;
    if !args.watch {
        print(args.json, &placed, &placed.order_id);
        return Ok(());
    }
    let until = Instant::now() + Duration::from_secs(args.timeout);
    let bar = progress(args.count);
    loop {
        let answer = agent.get(format!("{url}/order/{}", placed.order_id)).call();
        let order: Order = read(url, answer)?;
        bar.set_position(order.pizzas.len() as u64);
        if order.complete {
            bar.finish_and_clear();
            let pizzas: Vec<String> = order.pizzas.iter().map(describe).collect();
            print(args.json, &order, &pizzas.join("\n"));
            return Ok(());
        }
        if Instant::now() > until {
            let text = format!(
                "order {} has {} of {} pizzas after {} s; look again with: curl {url}/order/{}",
                order.id,
                order.pizzas.len(),
                order.count,
                args.timeout,
                order.id
            );
            return Err(StartError::Runtime(text));
        }
        std::thread::sleep(LOOK);
    }
}

fn read<T: serde::de::DeserializeOwned>(
    url: &str,
    answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
) -> Result<T, StartError> {
    let mut answer = answer.map_err(|error| {
        StartError::Runtime(format!("no shop at {url}: {error}; open one with: pizza up"))
    })?;
    let status = answer.status();
    let unreadable = |error| StartError::Runtime(format!("{url} answered {status}: {error}"));
    if status.is_success() {
        return answer.body_mut().read_json().map_err(unreadable);
    }
    let problem: Problem = answer.body_mut().read_json().map_err(unreadable)?;
    let text = problem.detail.unwrap_or(problem.title);
    Err(if status.is_client_error() { StartError::Usage(text) } else { StartError::Runtime(text) })
}

fn progress(count: u32) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:32} {pos}/{len} pizzas, {elapsed}");
    ProgressBar::new(count.into())
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn print(json: bool, value: &impl Serialize, text: &str) {
    match serde_json::to_string(value) {
        Ok(line) if json => println!("{line}"),
        _ => println!("{text}"),
    }
}

fn describe(pizza: &serde_json::Value) -> String {
    let field =
        |name: &str| pizza.get(name).and_then(|value| value.as_str()).unwrap_or("?").to_owned();
    format!(
        "sauce: {}, cheese: {}, meats: {}, veggies: {}",
        field("sauce"),
        field("cheese"),
        field("meats"),
        field("veggies")
    )
}
