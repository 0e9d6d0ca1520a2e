//! `pizza order N`: orders over HTTP, and follows the order if asked.

use crate::shop::Shop;
use indicatif::{ProgressBar, ProgressStyle};
use serde::{Deserialize, Serialize};
use stage_sdk::StartError;
use std::io::{ErrorKind, IsTerminal, Write};
use std::time::{Duration, Instant};

/// Between two looks at the order.
const LOOK: Duration = Duration::from_millis(100);

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

pub(crate) fn order(args: &Args) -> Result<(), StartError> {
    let shop = Shop::at(&args.url)?;
    let placed: Placed = shop.place(args.count)?;
    if !args.watch {
        return print(args.json, &placed, &placed.order_id);
    }
    // Whatever becomes of the watching, the order can be found again.
    writeln!(std::io::stderr(), "order {}", placed.order_id).ok();
    let order = watch(&shop, &placed.order_id, args)?;
    let pizzas: Vec<String> = order.pizzas.iter().map(describe).collect();
    print(args.json, &order, &pizzas.join("\n"))
}

/// Looks until the order is complete; a shop that is away meanwhile may come back.
fn watch(shop: &Shop, id: &str, args: &Args) -> Result<Order, StartError> {
    let until = Instant::now() + Duration::from_secs(args.timeout);
    let bar = progress(args.count);
    loop {
        let state = match shop.look::<Order>(&format!("order/{id}")) {
            Ok(order) if order.complete => {
                bar.finish_and_clear();
                return Ok(order);
            }
            Ok(order) => {
                bar.set_position(order.pizzas.len() as u64);
                format!("has {} of {} pizzas", order.pizzas.len(), order.count)
            }
            Err(failed) if failed.may_mend => format!("is out of sight ({})", failed.error),
            Err(failed) => return Err(failed.error),
        };
        if Instant::now() > until {
            return Err(StartError::Runtime(format!(
                "order {id} {state} after {} s; look again with: curl {}",
                args.timeout,
                shop.order_url(id)
            )));
        }
        std::thread::sleep(LOOK);
    }
}

fn progress(count: u32) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:32} {pos}/{len} pizzas, {elapsed}");
    ProgressBar::new(count.into())
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// A reader that has seen enough is no failure.
fn print(json: bool, value: &impl Serialize, text: &str) -> Result<(), StartError> {
    let written = match serde_json::to_string(value) {
        Ok(line) if json => writeln!(std::io::stdout(), "{line}"),
        _ => writeln!(std::io::stdout(), "{text}"),
    };
    match written {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(StartError::Runtime(format!("the order cannot be written to stdout: {error}")))
        }
        _ => Ok(()),
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
